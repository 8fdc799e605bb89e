"""Foreign options: what other servers' options are called here, or why there is none.

An option that differs only in spelling (``maxHttpBufferSize``) needs no entry. Node's
times are in milliseconds, so their entries name our unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sockio.httpd.foreign_options import GEVENT, LOGGING

__all__ = ["SERVER"]

_CORS = 'write cors="https://app.example"'
_ADAPTER = "write adapter=..., an adapter is what joins servers"
_RECOVERY = "write connection_state_recovery=Recovery(...)"

#: Of a Socket.IO or Engine.IO server: Node's, Flask-SocketIO's, python-socketio's.
SERVER: Mapping[str, str] = MappingProxyType(
    {
        "pingInterval": "write ping_interval, in seconds: ping_interval=25.0",
        "pingTimeout": "write ping_timeout, in seconds: ping_timeout=20.0",
        "upgradeTimeout": "write upgrade_timeout, in seconds: upgrade_timeout=10.0",
        "connectTimeout": "write connect_timeout, in seconds: connect_timeout=45.0",
        "maxDisconnectionDuration": f"{_RECOVERY}, in seconds",
        "skipMiddlewares": _RECOVERY,
        "maxPayload": "write max_http_buffer_size",
        "wsEngine": "leave it out, the WebSockets are sockio's own",
        "destroyUpgrade": "leave it out, other upgrades are left to the application",
        "destroyUpgradeTimeout": "leave it out, other upgrades are left to the "
        "application",
        "origins": _CORS,
        "origin": _CORS,
        "cors_allowed_origins": _CORS,
        "cors_credentials": 'write cors=Cors(origin="https://app.example", '
        "credentials=True)",
        "async_mode": GEVENT,
        "async_handlers": "leave it out, handlers of one client run in order; "
        '@socket.on("x", concurrent=True) runs beside them',
        "always_connect": "leave it out, a client always learns that it is let in "
        "before its connection handler runs",
        "message_queue": _ADAPTER,
        "client_manager": _ADAPTER,
        "channel": _ADAPTER,
        "logger": LOGGING,
        "engineio_logger": LOGGING,
        "debug": LOGGING,
        "log_output": LOGGING,
        "serializer": 'write parser="msgpack"',
        "compression_threshold": "write "
        "http_compression=HttpCompression(threshold=1024)",
        "perMessageDeflateThreshold": "write "
        "per_message_deflate=Deflate(threshold=1024)",
        "socketio_path": 'write path="/socket.io"',
        "engineio_path": 'write path="/socket.io"',
        "resource": 'write path="/socket.io"',
        "namespaces": "leave it out, clients join what io.of() has made",
        "manage_session": "leave it out, keep what belongs to a client in socket.data",
        "monitor_clients": "leave it out, clients that have gone are always noticed",
        "app": "write io.attach(app)",
        "host": 'write io.run("127.0.0.1:3000")',
        "port": "write io.run(3000)",
    }
)
