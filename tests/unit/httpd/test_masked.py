from __future__ import annotations

import pytest

from sockio.httpd.masked import loggable, without_sid


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


def test_a_loggable_environ_has_no_sid_and_changes_nothing() -> None:
    environ = {"RAW_URI": "/?sid=secret", "QUERY_STRING": "sid=secret", "OTHER": "a"}

    assert loggable(environ) == {
        "RAW_URI": "/?sid=***",
        "QUERY_STRING": "sid=***",
        "OTHER": "a",
    }
    assert environ["QUERY_STRING"] == "sid=secret"
