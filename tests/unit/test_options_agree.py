"""An option is in each place that has to know it: forget one, and a test says which.

The places: the class that keeps it, the signature and the docstring of ``Server``, what
type checkers know of ``EngineServer``, the tables of ``docs/api.rst``, and the two
tables below: what is refused, and what is kept.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import sockio
from sockio.adapters import Cluster, Exchange
from sockio.adapters.memory import MemoryAdapter
from sockio.engine.options import EngineOptions, EngineSettings
from sockio.httpd.options import HttpOptions, HttpSettings
from sockio.protocol.socketio import JsonParser
from sockio.socket.options import ServerOptions

API = (Path(__file__).parent.parent.parent / "docs" / "api.rst").read_text("utf-8")

SERVER = inspect.signature(sockio.Server).parameters
ENGINES = [field.name for field in fields(EngineOptions)]
SERVERS = [field.name for field in fields(ServerOptions)]
#: What the server takes for itself.
OWN = ["server", "serve_client", "client_dist", "clock"]

#: A wrong value of each option.
WRONG: dict[str, Any] = {
    "server": object(),
    "path": "socket.io",
    "add_trailing_slash": "yes",
    "serve_client": 1,
    "transports": "polling",
    "ping_interval": 25000,
    "ping_timeout": 0,
    "upgrade_timeout": "10",
    "connect_timeout": -1,
    "allow_upgrades": None,
    "allow_eio3": 1,
    "max_http_buffer_size": 1.5,
    "max_attachments": -1,
    "allow_request": 5,
    "check_origin": "no",
    "cors": "app.example",
    "cookie": "io",
    "trusted_proxies": -1,
    "per_message_deflate": 9,
    "http_compression": "gzip",
    "parser": "json",
    "json": object(),
    "adapter": "carrier-pigeon://",
    "connection_state_recovery": 120,
    "cleanup_empty_child_namespaces": 1,
    "workers": 4,
    "advertise": "0.0.0.0:3000",
    "advertise_secret": "too short",
    "buffer": 1 << 20,
    "inbox": 1000,
    "cancel_on_disconnect": "no",
    "error_acks": 0,
    "strict_args": None,
    "validate": "yes",
    "error_in_connection": "ignore",
    "metrics": "yes",
    "health": "health",
    "ready": "/ready?now",
    "metrics_path": "/metrics",
    "slow_handler": 0,
    "generate_id": "abc",
    "handle_protocols": ["chat"],
    "initial_packet": 5,
    "client_dist": 5,
    "clock": 5,
}


def judge(request: sockio.Request) -> None:
    """Let everybody in."""


def identify(request: sockio.Request) -> str:
    """Name a session."""
    return "abc"


def choose(offered: Any, request: sockio.Request) -> None:
    """Answer no subprotocol."""


class Codec:
    """A JSON library, as far as an option may be one."""

    dumps = loads = staticmethod(str)


#: A value of each option that is not the default.
OTHER: dict[str, Any] = {
    "path": "/chat",
    "add_trailing_slash": False,
    "transports": ["websocket"],
    "ping_interval": 1.0,
    "ping_timeout": 2.0,
    "upgrade_timeout": 3.0,
    "connect_timeout": 4.0,
    "allow_upgrades": False,
    "allow_eio3": True,
    "max_http_buffer_size": 5,
    "max_attachments": 6,
    "allow_request": judge,
    "check_origin": True,
    "cors": "*",
    "cookie": True,
    "trusted_proxies": 1,
    "per_message_deflate": True,
    "http_compression": False,
    "parser": JsonParser(),
    "json": Codec(),
    "adapter": lambda namespace: MemoryAdapter(namespace),
    "connection_state_recovery": True,
    "cleanup_empty_child_namespaces": True,
    "workers": "off",
    "advertise": "10.0.0.5:3000",
    "advertise_secret": "0123456789abcdef",
    "buffer": None,
    "inbox": None,
    "cancel_on_disconnect": True,
    "error_acks": True,
    "strict_args": False,
    "validate": True,
    "error_in_connection": "keep",
    "metrics": True,
    "health": "/health",
    "ready": "/ready",
    "metrics_path": "/metrics",
    "slow_handler": None,
    "generate_id": identify,
    "handle_protocols": choose,
    "initial_packet": "hello",
}


#: What has to be given, too.
TOGETHER: dict[str, dict[str, Any]] = {
    "metrics_path": {"metrics": True},
    "advertise": {"adapter": Cluster(Exchange().bus())},
    "advertise_secret": {
        "adapter": Cluster(Exchange().bus()),
        "advertise": "10.0.0.5:3000",
    },
}


def test_one_class_keeps_each_option() -> None:
    assert sorted(ENGINES + SERVERS + OWN) == sorted(SERVER)


@pytest.mark.parametrize("cls", [EngineOptions, ServerOptions])
def test_defaults_are_those_of_the_signature(cls: Any) -> None:
    ours = {"path": "/engine.io"}

    for field in fields(cls):
        default = ours.get(field.name, SERVER[field.name].default)
        assert field.default == default, field.name


def test_the_docstring_tells_of_each() -> None:
    docstring = inspect.getdoc(sockio.Server.__init__) or ""
    args = docstring.partition("Args:\n")[2].partition("\n\n")[0]

    assert re.findall(r"^    (\w+): ", args, re.MULTILINE) == list(SERVER)


def test_type_checkers_know_each_of_the_engine() -> None:
    known = {
        name: given.__forward_arg__
        for name, given in EngineSettings.__annotations__.items()
    }

    assert known == {name: SERVER[name].annotation for name in ENGINES}


def test_type_checkers_know_each_of_http() -> None:
    known = {
        name: given.__forward_arg__
        for name, given in HttpSettings.__annotations__.items()
    }

    assert known == {field.name: field.type for field in fields(HttpOptions)}


def test_a_wrong_value_of_each_is_refused() -> None:
    assert set(WRONG) == set(SERVER)


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_wrong_value_is_refused(name: str, value: Any) -> None:
    with pytest.raises(sockio.ConfigError, match=f"{name}|Server"):
        sockio.Server(**{name: value})


def test_each_has_another_value() -> None:
    assert set(OTHER) == {*ENGINES, *SERVERS}


@pytest.mark.parametrize(("name", "value"), OTHER.items())
def test_another_value_arrives(
    name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a page for Prometheus needs may not be installed here.
    monkeypatch.setitem(sys.modules, "prometheus_client", ModuleType("prometheus"))
    io = sockio.Server(**{name: value, **TOGETHER.get(name, {})})
    usual = sockio.Server()

    def kept(server: sockio.Server) -> Any:
        if name == "adapter":
            return server.adapter()
        of = server.engine.options if name in ENGINES else server.options
        return getattr(of, name)

    assert kept(io) != kept(usual)


# ------------------------------------------------------------------ the document


def table(heading: str) -> dict[str, str]:
    """Return the defaults of the first table below ``heading``, by option."""
    rows = API[API.index(heading) :].split("\n\n")
    lines = next(row for row in rows if row.startswith("====")).splitlines()
    width = lines[0].index(" ") + 2
    return {
        line[:width].strip(" `"): line[width:].split("  ")[0].strip(" `")
        for line in lines[3:]
        if line.startswith("``")
    }


def written(default: Any) -> str:
    """Write a default as the document does."""
    if type(default) is int and default > 9999:
        return f"{default:,}"
    if isinstance(default, sockio.BufferPolicy | sockio.InboxPolicy):
        return f"{type(default).__name__}()" if default == type(default)() else "?"
    return repr(default).replace("'", '"')


def test_the_document_has_each_option_and_its_default() -> None:
    expected = {n: written(p.default) for n, p in SERVER.items() if n != "server"}

    assert list(table("\nOptions:\n").items()) == list(expected.items())


def test_the_document_has_each_option_of_http() -> None:
    expected = {field.name: written(field.default) for field in fields(HttpOptions)}

    assert table("\n``create_server(app") == expected


# Of JsonParser nothing can be read where it is compiled.
@pytest.mark.parametrize(
    "name",
    [
        "BufferPolicy",
        "Cookie",
        "Cors",
        "Deflate",
        "HttpCompression",
        "InboxPolicy",
        "Metrics",
        "MsgpackParser",
        "Recovery",
    ],
)
def test_the_document_has_the_signature(name: str) -> None:
    entry = re.search(rf"^``{name}\((.*)\)``$", API, re.MULTILINE)
    assert entry is not None
    shown = dict(each.split("=") for each in entry[1].split(", "))
    parameters = inspect.signature(getattr(sockio, name)).parameters

    assert sorted(shown) == sorted(parameters)
    for each, parameter in parameters.items():
        default = repr(parameter.default).replace("'", '"')
        assert shown[each] in (default, "..."), each


#: What takes options, and the class whose fields they are.
TAKERS = {
    "BufferPolicy": sockio.BufferPolicy,
    "Cookie": sockio.Cookie,
    "Cors": sockio.Cors,
    "Deflate": sockio.Deflate,
    "EngineServer": EngineOptions,
    "HttpCompression": sockio.HttpCompression,
    "InboxPolicy": sockio.InboxPolicy,
    "Metrics": sockio.Metrics,
    "Recovery": sockio.Recovery,
    "Server": EngineOptions,
    "create_server": HttpOptions,
}


@pytest.mark.parametrize("name", TAKERS)
def test_an_unknown_name_leads_to_the_nearest(name: str) -> None:
    options: Any = TAKERS[name]
    known = max((field.name for field in fields(options)), key=len)

    with pytest.raises(sockio.ConfigError, match=f"did you mean {known}") as caught:
        getattr(sockio, name)(**{f"{known}x": 1})

    assert isinstance(caught.value, TypeError)
