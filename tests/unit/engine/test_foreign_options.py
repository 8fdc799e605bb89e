"""Options of other servers: each is refused; the error says what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import sockio
from sockio.engine.foreign_options import SERVER
from sockio.errors import ConfigError
from sockio.httpd.foreign_options import HTTP

#: The options of Node's server that exist here, in its spelling.
NODES = {
    "path": "path",
    "serveClient": "serve_client",
    "connectTimeout": "connect_timeout",
    "pingTimeout": "ping_timeout",
    "pingInterval": "ping_interval",
    "upgradeTimeout": "upgrade_timeout",
    "maxHttpBufferSize": "max_http_buffer_size",
    "allowRequest": "allow_request",
    "allowUpgrades": "allow_upgrades",
    "perMessageDeflate": "per_message_deflate",
    "httpCompression": "http_compression",
    "initialPacket": "initial_packet",
    "allowEIO3": "allow_eio3",
    "addTrailingSlash": "add_trailing_slash",
    "cleanupEmptyChildNamespaces": "cleanup_empty_child_namespaces",
    "connectionStateRecovery": "connection_state_recovery",
    "trustedProxies": "trusted_proxies",
}


def refused(**options: Any) -> None:
    sockio.Server(**options)


@pytest.mark.parametrize("name", [name for name in NODES if name != "path"])
def test_nodes_names_lead_to_ours(name: str) -> None:
    with pytest.raises(ConfigError, match=f"write {NODES[name]}") as caught:
        refused(**{name: 1})

    assert isinstance(caught.value, TypeError)
    assert NODES[name] in inspect.signature(sockio.Server).parameters


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cors_allowed_origins", 'write cors="https://app'),
        ("cors_credentials", "credentials=True"),
        ("async_mode", "leave it out, everything runs on gevent"),
        ("async_handlers", "run in order"),
        ("message_queue", "adapter"),
        ("client_manager", "adapter"),
        ("logger", "logging module"),
        ("engineio_logger", "logging module"),
        ("manage_session", "socket.data"),
        ("compression_threshold", "HttpCompression"),
        ("serializer", "msgpack"),
        ("host", r"io\.run"),
        ("port", r"io\.run"),
        ("wsEngine", "leave it out"),
        ("ping_intervall", "did you mean ping_interval"),
        ("pingIntervall", "did you mean ping_interval"),
        ("quux", r"docs/api\.rst"),
    ],
)
def test_other_names_lead_somewhere(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        refused(**{name: "secret"})

    assert f"{name}=" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_several_names_are_told_apart() -> None:
    with pytest.raises(ConfigError, match=r"pingInterval: write .*; host: write "):
        sockio.Server(pingInterval=1, path="/x", host="y")  # type: ignore[call-arg]


@pytest.mark.parametrize("hints", [SERVER, HTTP])
def test_no_hint_hides_an_option_that_there_is(hints: Any) -> None:
    known = {
        *inspect.signature(sockio.Server).parameters,
        *inspect.signature(sockio.create_server).parameters,
    }

    assert not known & hints.keys() - {"app"}


PLACES: list[tuple[Callable[[], object], str]] = [
    (lambda: sockio.EngineServer(pingTimeout=1), "EngineServer.*ping_timeout"),  # type: ignore[call-arg]
    (lambda: sockio.create_server(backlogg=1), "create_server.*backlog"),  # type: ignore[call-arg]
    (lambda: sockio.create_server(maxHeaderSize=1), "write max_head"),  # type: ignore[call-arg]
    (lambda: sockio.Server().listen(port=3000), "the address in one piece"),  # type: ignore[call-arg]
    (lambda: sockio.Server().listen(3000, key="x"), "write keyfile"),  # type: ignore[call-arg]
    (lambda: sockio.Server().run(3000, host="x"), "the address in one piece"),  # type: ignore[call-arg]
    (lambda: sockio.Server().run(3000, debug=True), "logging"),  # type: ignore[call-arg]
    (lambda: sockio.BufferPolicy(higg=1), "did you mean high"),  # type: ignore[call-arg]
    (lambda: sockio.HttpCompression(treshold=1), "threshold"),  # type: ignore[call-arg]
]


@pytest.mark.parametrize(("mistake", "words"), PLACES)
def test_every_place_that_takes_options(
    mistake: Callable[[], object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        mistake()
