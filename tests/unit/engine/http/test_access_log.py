from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sockio.engine.http.access_log import hide_sid


def test_it_is_hidden_where_servers_look() -> None:
    class Handler:
        requestline = "GET /?sid=secret HTTP/1.1"

        def start_response(self) -> None:
            """Stand for pywsgi's."""

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
