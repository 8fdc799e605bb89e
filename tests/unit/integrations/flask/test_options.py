"""Flask-SocketIO's options as those of our server."""

from __future__ import annotations

import re
from typing import Any

import flask
import pytest

from sockio.engine.http.compression import HttpCompression
from sockio.engine.http.cookie import Cookie
from sockio.engine.http.cors import Cors
from sockio.errors import ConfigError
from sockio.integrations.flask.options import server_options, take_behaviour
from sockio.socket.options import Recovery


def read(**options: Any) -> dict[str, Any]:
    return server_options(options, flask.Flask("shop"))


def test_foreign_pages_are_refused_by_default() -> None:
    assert read() == {"check_origin": True}


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"path": "socket.io"}, {"path": "/socket.io"}),
        ({"resource": "/my/io/"}, {"path": "/my/io"}),
        ({"path": None}, {}),
        ({"ping_interval": 9}, {"ping_interval": 9}),
        ({"ping_interval": (25, 5)}, {"ping_interval": 25, "ping_timeout": 25.0}),
        (
            {"ping_interval": (25, 5), "ping_timeout": 10},
            {"ping_interval": 25, "ping_timeout": 15},
        ),
        ({"transports": "websocket"}, {"transports": ["websocket"]}),
        ({"transports": None}, {}),
        (
            {"compression_threshold": 5},
            {"http_compression": HttpCompression(threshold=5)},
        ),
        (
            {"compression_threshold": 5, "http_compression": False},
            {"http_compression": False},
        ),
        ({"cookie": "io"}, {"cookie": Cookie(name="io")}),
        (
            {"cookie": {"name": "x", "SameSite": "Strict", "max-age": "9"}},
            {"cookie": Cookie(name="x", same_site="strict", max_age=9)},
        ),
        ({"cookie": None}, {"cookie": None}),
        ({"serializer": "msgpack"}, {"parser": "msgpack"}),
        ({"async_mode": "gevent"}, {}),
        ({"async_mode": None, "client_manager": None, "json": None}, {}),
        ({"monitor_clients": True, "channel": "unused"}, {}),
        (
            {"message_queue": "redis://", "channel": "c"},
            {"adapter": "redis://?prefix=c"},
        ),
        ({"message_queue": None}, {}),
        (
            {"connection_state_recovery": True},
            {"connection_state_recovery": Recovery(skip_middlewares=False)},
        ),
        ({"max_http_buffer_size": 5}, {"max_http_buffer_size": 5}),
    ],
)
def test_an_option_is_read(given: dict[str, Any], ours: dict[str, Any]) -> None:
    assert read(**given) == {"check_origin": True, **ours}


@pytest.mark.parametrize(
    ("origins", "origin"),
    [
        ("*", True),
        (["http://a.example", "*"], True),
        ("http://a.example", "http://a.example"),
        (("http://a.example",), ["http://a.example"]),
    ],
)
def test_allowed_origins_are_cors_with_credentials(origins: Any, origin: Any) -> None:
    assert read(cors_allowed_origins=origins)["cors"] == Cors(
        origin=origin, credentials=True
    )
    plain = read(cors_allowed_origins=origins, cors_credentials=False)["cors"]
    assert plain == Cors(origin=origin)


def test_no_origins_at_all_means_that_nothing_is_checked() -> None:
    assert read(cors_allowed_origins=[]) == {"check_origin": False}
    assert read(cors_allowed_origins=None) == {"check_origin": True}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"path": 5}, "give text"),
        ({"ping_interval": (1, 2, 3)}, "a grace period"),
        ({"cookie": {"name": "io", "expires": lambda: "x"}}, "give its value"),
        ({"serializer": "pickle"}, "'default' and 'msgpack'"),
        ({"async_mode": "threading"}, "always uses gevent"),
        ({"client_manager": object()}, "message_queue="),
        ({"cors_allowed_origins": "*", "cors": "*"}, "not both"),
        ({"cors_credentials": 1, "cors_allowed_origins": "*"}, "True or False"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        read(**given)


def test_the_integration_takes_its_own_options() -> None:
    given = {"async_handlers": True, "namespaces": "*", "always_connect": True, "x": 1}

    how = take_behaviour(given)

    assert given == {"x": 1}
    assert (how.concurrent, how.namespaces, how.always_connect) == (True, ("*",), True)
    assert how.manage_session
    assert take_behaviour({}).namespaces == ("/",)
    for wrong in ({"manage_session": 1}, {"namespaces": [5]}):
        with pytest.raises(ConfigError):
            take_behaviour(wrong)
