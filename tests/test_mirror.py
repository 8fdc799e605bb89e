"""Unit tests mirror the modules; the lists name the exceptions, and what tests them."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "tests" / "unit"

#: Nothing runs in them: they say what others must have, or name types.
INTERFACES = {
    "adapters/buses/redis/member",
    "adapters/cluster/bus",
    "adapters/sender",
    "adapters/directory",
    "adapters/session",
    "engine/consumer",
    "engine/transports/transport",
    "engine/websockets/websocket",
    "httpd/owner",
    "httpd/shortcut",
    "protocol/socketio/parser",
    "socket/one_socket/home",
    "testing/carrier",
    "types",
}

#: They make sense only between two ends, or together with their neighbours.
ELSEWHERE = {
    "admin/commands": "loopback/test_admin",
    "admin/feed": "loopback/test_admin",
    "admin/gate": "loopback/test_admin_gate",
    "admin/instrument": "loopback/test_admin",
    "admin/overview": "loopback/test_admin_cluster",
    "admin/peers": "loopback/test_admin_cluster",
    "admin/queues": "loopback/test_admin_additions",
    "admin/slow_handlers": "loopback/test_admin_additions",
    "admin/statistics": "loopback/test_admin",
    "admin/tails": "loopback/test_admin_additions",
    "admin/voice": "loopback/test_admin_cluster",
    "admin/watching": "loopback/test_admin_cluster",
    "adapters/buses/postgres/bus": "contract/test_postgres_bus",
    "adapters/buses/postgres/connection": "loopback/test_postgres_faults",
    "adapters/buses/postgres/hearing": "contract/test_postgres_bus",
    "adapters/buses/postgres/postgres_sender": "loopback/test_emitter_postgres",
    "adapters/buses/postgres/link": "loopback/test_postgres_faults",
    "adapters/buses/mongo/bus": "contract/test_mongo_bus",
    "adapters/buses/mongo/client": "unit/adapters/buses/mongo/test_url",
    "adapters/buses/mongo/history": "loopback/test_mongo_recovery",
    "adapters/buses/mongo/mongo_sender": "loopback/test_emitter_mongo",
    "adapters/buses/mongo/session_wire": "unit/adapters/buses/mongo/test_wire",
    "adapters/buses/mongo/link": "loopback/test_mongo_faults",
    "adapters/buses/reconnecting": "loopback/test_redis_faults",
    "adapters/buses/broker_directory": "contract/test_directory",
    "adapters/buses/mongo/directory": "contract/test_directory",
    "adapters/buses/postgres/directory": "contract/test_directory",
    "adapters/buses/postgres/tables": "contract/test_directory",
    "adapters/buses/redis/directory": "contract/test_directory",
    "adapters/buses/redis/bus": "contract/test_redis_bus",
    "adapters/buses/redis/census": "loopback/test_redis_faults",
    "adapters/buses/redis/circuit": "loopback/test_redis_sites",
    "adapters/buses/redis/classic": "contract/test_redis_bus",
    "adapters/buses/redis/connection": "loopback/test_redis_faults",
    "adapters/buses/redis/dialer": "loopback/test_redis_access",
    "adapters/buses/redis/finding": "loopback/test_redis_sites",
    "adapters/buses/redis/hearing": "contract/test_redis_bus",
    "adapters/buses/redis/nodes": "loopback/test_emitter_sites",
    "adapters/buses/redis/stream_session": "unit/adapters/buses/redis/test_stream_wire",
    "adapters/buses/redis/redis_sender": "contract/test_emitters",
    "adapters/buses/redis/link": "loopback/test_redis_faults",
    "adapters/buses/arrival": "unit/adapters/buses/test_siblings",
    "adapters/buses/rivals": "unit/adapters/buses/test_siblings",
    "adapters/buses/redis/stream_log": "loopback/test_redis_streams",
    "adapters/buses/redis/stream_member": "loopback/test_redis_streams_faults",
    "adapters/buses/redis/stream_reader": "loopback/test_redis_streams_faults",
    "adapters/buses/redis/streams": "contract/test_streams_bus",
    "adapters/cluster/adapter": "contract/test_cluster_adapter",
    "adapters/cluster/cluster": "loopback/test_cluster",
    "adapters/cluster/elsewhere": "loopback/test_cluster",
    "adapters/cluster/keeper": "loopback/test_cluster",
    "adapters/cluster/kept": "loopback/test_cluster",
    "adapters/cluster/kept_here": "loopback/test_recovery_of_siblings",
    "adapters/cluster/legacies": "property/test_recovery_of_several_machine",
    "adapters/cluster/mirror": "property/test_recovery_of_several_machine",
    "adapters/cluster/pieces": "unit/adapters/cluster/test_numbered_log",
    "adapters/cluster/receiver": "loopback/test_cluster",
    "adapters/leases": "unit/socket/server/test_background",
    "adapters/provider": "unit/adapters/test_registry",
    "cli/client": "loopback/test_terminal_client",
    "cli/commands/bench": "loopback/test_bench",
    "cli/commands/client": "loopback/test_terminal_client",
    "cli/commands/doctor": "unit/test___main__",
    "cli/commands/parts": "unit/test___main__",
    "cli/commands/run": "unit/test___main__",
    "cli/commands/schema": "unit/test___main__",
    "cli/conversation": "loopback/test_terminal_client",
    "cli/doctor": "loopback/test_doctor",
    "cli/exit_codes": "unit/test___main__",
    "cli/link": "loopback/test_terminal_client",
    "cli/load": "loopback/test_bench",
    "cli/load_client": "loopback/test_bench",
    "cli/output": "unit/test___main__",
    "cli/reloading": "deployment/test_reload",
    "cli/reports": "deployment/test_reload",
    "cli/server_checks": "loopback/test_doctor",
    "cli/serving": "unit/test___main__",
    "cli/url_checks": "loopback/test_doctor",
    "engine/admission": "loopback/test_webtransport",
    "engine/direct_polling": "loopback/test_direct_polling",
    "engine/handover/caller": "unit/engine/handover/test_raw_request",
    "engine/handover/elsewhere": "loopback/test_nodes",
    "engine/handover/nodes": "loopback/test_nodes",
    "engine/handover/pool": "loopback/test_nodes",
    "engine/http/client_socket": "loopback/test_client_socket",
    "engine/middlewares": "loopback/test_engine_middlewares",
    "engine/opening": "loopback/test_handshake",
    "engine/quic/connection": "loopback/test_webtransport",
    "engine/quic/listener": "loopback/test_webtransport",
    "engine/quic/streams": "loopback/test_webtransport",
    "engine/transports/posts": "unit/engine/transports/test_polling",
    "engine/transports/unread": "loopback/test_unread_answers",
    "engine/websockets/simple_websocket": "loopback/test_simple_websocket",
    "engine/websockets/subprotocols": "loopback/test_subprotocols",
    "errors": "unit/test_public_names",
    "httpd/connection": "loopback/test_http_server",
    "httpd/environ": "loopback/test_http_strictness",
    "httpd/exchange": "loopback/test_wrong_applications",
    "httpd/foreign_options": "unit/httpd/test_options",
    "httpd/server": "loopback/test_http_server",
    "httpd/socket": "loopback/test_http_server",
    "httpd/tls_handshake": "loopback/test_deadlines",
    "integrations/django/application": "loopback/test_django",
    "integrations/django/apps": "unit/integrations/django/test_checks",
    "integrations/django/handshake": "loopback/test_django",
    "integrations/django/management/commands/runsocketio": (
        "unit/integrations/django/test_runsocketio"
    ),
    "integrations/django/patched": "unit/integrations/django/test_restarting",
    "integrations/django/request": "loopback/test_django",
    "integrations/flask/arrivals": "loopback/test_flask",
    "integrations/flask/client": "loopback/test_flask_client",
    "integrations/flask/context": "loopback/test_flask",
    "integrations/flask/current": "loopback/test_flask",
    "integrations/flask/dispatch": "loopback/test_flask",
    "integrations/flask/emitting": "loopback/test_flask_queue",
    "integrations/flask/functions": "loopback/test_flask",
    "integrations/flask/login": "loopback/test_flask_sessions",
    "integrations/flask/namespace": "loopback/test_flask",
    "integrations/flask/pages": "deployment/test_flask_socketio",
    "integrations/flask/running": "deployment/test_flask_socketio",
    "integrations/flask/sending": "loopback/test_flask",
    "integrations/flask/server": "loopback/test_flask",
    "integrations/flask/session": "loopback/test_flask_sessions",
    "integrations/flask/socketio": "loopback/test_flask",
    "integrations/flask/tasks": "loopback/test_flask",
    "integrations/gunicorn/configuration": "unit/cli/test_gunicorn_checks",
    "integrations/front": "deployment/test_flask_socketio",
    "integrations/opentelemetry/tracing": "loopback/test_tracing",
    "protocol/engineio/wire": "unit/engine/test_outbox",
    "protocol/socketio/buffers": "unit/protocol/socketio/test_values",
    "pytest_plugin": "deployment/test_pytest_plugin",
    "protocol/websocket/writing": "unit/protocol/websocket/test_frames",
    "runtime/dialing": "loopback/test_nodes",
    "runtime/syscalls": "unit/runtime/test_stream",
    "siblings/member": "unit/siblings/test_mesh",
    "socket/error_handlers": "loopback/test_error_handlers",
    "socket/many_sockets/addressing": "unit/socket/many_sockets/test_broadcast",
    "socket/many_sockets/choosing": "unit/socket/many_sockets/test_broadcast",
    "socket/many_sockets/remote_socket": "loopback/test_cluster",
    "socket/namespace/admission": "loopback/test_connecting",
    "socket/namespace/connection": "loopback/test_routing",
    "socket/namespace/connection_v2": "loopback/test_clients_of_version_2",
    "socket/namespace/handler": "loopback/test_namespace_handler",
    "socket/namespace/namespace": "loopback/test_namespaces",
    "socket/namespace/recoverable_socket": "unit/socket/namespace/test_recovery",
    "socket/one_socket/catch_all": "loopback/test_catch_all",
    "socket/one_socket/gate": "loopback/test_guards",
    "socket/one_socket/incoming": "loopback/test_events",
    "socket/one_socket/outgoing": "loopback/test_events",
    "socket/one_socket/socket": "loopback/test_disconnecting",
    "socket/one_socket/user": "loopback/test_django",
    "socket/one_socket/waiting": "loopback/test_wait_for",
    "socket/one_socket/waits": "loopback/test_wait_for",
    "socket/server/attaching": "unit/socket/server/test_lifecycle",
    "socket/server/farewell": "loopback/test_drain",
    "socket/server/metrics/metering": "loopback/test_metrics",
    "socket/server/metrics/tallies": "loopback/test_metrics",
    "socket/server/metrics/text": "loopback/test_metrics",
    "socket/server/naming": "unit/test___main__",
    "socket/server/operators": "loopback/test_health",
    "socket/server/server": "loopback/test_routing",
    "socket/server/stats": "loopback/test_inbox_policy",
    "testing/emitting": "unit/testing/test_client_socket",
    "testing/handlers": "unit/testing/test_client_socket",
    "testing/live": "deployment/test_pytest_plugin",
    "testing/received": "unit/testing/test_client_socket",
}

MODULES = {
    str(path.relative_to(ROOT / "sockio").with_suffix(""))
    for path in (ROOT / "sockio").rglob("*.py")
    if path.name != "__init__.py"
}


def mirror_of(module: str) -> Path:
    """Return where the unit tests of a module are, or would be."""
    path = UNIT / module
    return path.with_name(f"test_{path.name}.py")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_is_tested_in_the_place_where_one_looks(module: str) -> None:
    listed = module in INTERFACES or module in ELSEWHERE

    assert mirror_of(module).is_file() != listed, "a unit test, or a line in the lists"


@pytest.mark.parametrize("module", sorted(INTERFACES | ELSEWHERE.keys()))
def test_what_is_listed_exists(module: str) -> None:
    assert module in MODULES
    if module in ELSEWHERE:
        assert (ROOT / "tests" / f"{ELSEWHERE[module]}.py").is_file()
