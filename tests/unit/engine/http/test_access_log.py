from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sockio.engine.http.access_log import hide_sid, without_sid


@pytest.mark.parametrize(
    ("line", "logged"),
    [
        (
            "GET /socket.io/?EIO=4&transport=polling&sid=secret&t=1 HTTP/1.1",
            "GET /socket.io/?EIO=4&transport=polling&sid=***&t=1 HTTP/1.1",
        ),
        ("/socket.io/?sid=secret", "/socket.io/?sid=***"),
        ("sid=secret&EIO=4", "sid=***&EIO=4"),
        ("sid=secret", "sid=***"),
        ("/socket.io/?a=%20&sid=secret", "/socket.io/?a=%20&sid=***"),
        ("/socket.io/?sid=a&sid=b", "/socket.io/?sid=***&sid=***"),
        ("/socket.io/?%73i%64=secret#x", "/socket.io/?%73i%64=***#x"),
        ("/socket.io/?sid=&EIO=4", "/socket.io/?sid=&EIO=4"),
        ("/socket.io/?inside=1&sidle=2", "/socket.io/?inside=1&sidle=2"),
        ("GET /\x1b[2J\n HTTP/1.1", "GET /\\x1b[2J\\n HTTP/1.1"),
    ],
)
def test_a_line_without_sid(line: str, logged: str) -> None:
    assert without_sid(line) == logged


def test_it_is_hidden_where_servers_look() -> None:
    class Handler:
        requestline = "GET /?sid=secret HTTP/1.1"

        def start_response(self) -> None:
            """As pywsgi's."""

    handler = Handler()
    environ = {"RAW_URI": "/?sid=secret", "QUERY_STRING": "sid=secret", "x": "sid=1"}

    hide_sid(environ, handler.start_response)

    assert environ == {"RAW_URI": "/?sid=***", "QUERY_STRING": "sid=***", "x": "sid=1"}
    assert handler.requestline == "GET /?sid=*** HTTP/1.1"


@pytest.mark.parametrize("start", [print, SimpleNamespace(), None])
def test_a_server_that_keeps_nothing_is_left_alone(start: Any) -> None:
    environ: dict[str, Any] = {"QUERY_STRING": ""}

    hide_sid(environ, start)

    assert environ == {"QUERY_STRING": ""}
