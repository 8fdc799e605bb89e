from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields, replace
from ipaddress import ip_network
from typing import Any

import pytest

from sockio.engine.http.compression import HttpCompression
from sockio.engine.http.cookie import Cookie
from sockio.engine.http.cors import Cors
from sockio.engine.http.request import TrustedProxies
from sockio.engine.intake import InboxPolicy
from sockio.engine.options import BufferPolicy, EngineOptions
from sockio.errors import ConfigError
from sockio.protocol.websocket.deflate import Deflate


def test_defaults_are_those_of_node_in_seconds() -> None:
    options = EngineOptions()

    assert {field.name: getattr(options, field.name) for field in fields(options)} == {
        "path": "/engine.io",
        "add_trailing_slash": True,
        "transports": ("polling", "websocket"),
        "ping_interval": 25.0,
        "ping_timeout": 20.0,
        "upgrade_timeout": 10.0,
        "max_http_buffer_size": 1_000_000,
        "allow_upgrades": True,
        "allow_eio3": False,
        "allow_request": None,
        "check_origin": False,
        "cors": None,
        "cookie": None,
        "trusted_proxies": None,
        "per_message_deflate": None,
        "http_compression": HttpCompression(threshold=1024),
        "generate_id": None,
        "handle_protocols": None,
        "initial_packet": None,
        "buffer": BufferPolicy(high=16 << 20, low=4 << 20, on_full="disconnect"),
        "inbox": InboxPolicy(
            high_bytes=1 << 20,
            low_bytes=1 << 18,
            high_events=1000,
            low_events=250,
            hard=32,
        ),
    }


def test_options_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        EngineOptions().path = "/x"  # type: ignore[misc]


def test_replace_keeps_the_others() -> None:
    options = EngineOptions(path="/x", cors="*", cookie=True, trusted_proxies=1)

    changed = replace(options, ping_interval=1.0)

    assert changed == EngineOptions(
        path="/x", cors="*", cookie=True, trusted_proxies=1, ping_interval=1.0
    )


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("path", "/socket.io/", "/socket.io"),
        ("path", "/", ""),
        ("transports", ["websocket"], ("websocket",)),
        ("ping_interval", 0.3, 0.3),
        ("ping_timeout", 1, 1),
        ("max_http_buffer_size", 1e6, 1_000_000),
        ("cors", "*", Cors(origin="*")),
        ("cors", False, None),
        ("cookie", True, Cookie()),
        ("cookie", Cookie(name="sid"), Cookie(name="sid")),
        ("trusted_proxies", 2, TrustedProxies(hops=2)),
        (
            "trusted_proxies",
            ["10.0.0.0/8", "unix"],
            TrustedProxies(networks=(ip_network("10.0.0.0/8"),), unix=True),
        ),
        ("trusted_proxies", [], None),
        ("trusted_proxies", None, None),
        ("per_message_deflate", True, Deflate()),
        ("per_message_deflate", Deflate(threshold=9), Deflate(threshold=9)),
        ("per_message_deflate", None, None),
        ("http_compression", False, None),
        ("initial_packet", "hello", "hello"),
        ("initial_packet", b"\x00", b"\x00"),
        ("buffer", None, None),
        ("allow_request", print, print),
        ("generate_id", str, str),
        ("handle_protocols", print, print),
    ],
)
def test_what_is_kept(name: str, given: Any, kept: Any) -> None:
    assert getattr(EngineOptions(**{name: given}), name) == kept


@pytest.mark.parametrize(
    ("path", "slash", "prefix"),
    [
        ("/socket.io", True, "/socket.io/"),
        ("/socket.io/", True, "/socket.io/"),
        ("/socket.io/", False, "/socket.io"),
        ("/", True, "/"),
    ],
)
def test_prefix(path: str, slash: bool, prefix: str) -> None:
    assert EngineOptions(path=path, add_trailing_slash=slash).prefix == prefix


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("path", "socket.io", 'give "/socket.io"'),
        ("path", "", "no slash in front"),
        ("path", b"/socket.io", "not text"),
        ("path", "/socket.io?x", "leave out"),
        ("add_trailing_slash", 1, "True or False"),
        ("transports", "polling", "not a list"),
        ("transports", [], "at least one"),
        ("transports", ["polling", "polling"], "each once"),
        ("transports", ["carrier pigeon"], "'carrier pigeon' is unknown; known"),
        ("transports", [["polling"]], "is unknown"),
        ("transports", None, "not a list"),
        ("ping_interval", 0, "seconds above 0"),
        ("ping_interval", "25", "seconds above 0"),
        ("ping_interval", 25000, "not in milliseconds; give 25,"),
        ("ping_timeout", 20000, "not in milliseconds; give 20,"),
        ("upgrade_timeout", 10_000.0, "not in milliseconds; give 10,"),
        ("ping_timeout", -1, "seconds above 0"),
        ("ping_timeout", True, "seconds above 0"),
        ("upgrade_timeout", math.inf, "seconds above 0"),
        ("upgrade_timeout", math.nan, "seconds above 0"),
        ("max_http_buffer_size", 0, "bytes above 0"),
        ("max_http_buffer_size", 1.5, "bytes above 0"),
        ("max_http_buffer_size", True, "bytes above 0"),
        ("allow_upgrades", None, "True or False"),
        ("allow_request", True, "cannot be called"),
        ("check_origin", "yes", "True or False"),
        ("cors", 5, "cors origin 5"),
        ("cookie", "io", "give True, False or Cookie"),
        ("trusted_proxies", "10.0.0.0/8", "neither a number nor a list"),
        ("per_message_deflate", {"threshold": 1}, "Deflate"),
        ("http_compression", 1, "HttpCompression"),
        ("generate_id", "abc", "cannot be called"),
        ("handle_protocols", "chat", "takes the offered subprotocols and the request"),
        ("handle_protocols", ["chat"], "cannot be called"),
        ("initial_packet", 5, "text, bytes or None"),
        ("buffer", 5, "BufferPolicy"),
    ],
)
def test_wrong_values_name_the_option_and_the_fix(
    name: str, value: Any, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        EngineOptions(**{name: value})

    assert str(caught.value).startswith(name)


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="did you mean ping_interval"):
        EngineOptions(ping_intervall=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"high": -1}, "high=-1"),
        ({"low": 1.5}, "low=1.5"),
        ({"high": True}, "high=True"),
        ({"high": 1, "low": 2}, "give high >= low"),
        ({"on_full": "explode"}, "on_full='explode'"),
    ],
)
def test_wrong_buffer_policies(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        BufferPolicy(**values)
