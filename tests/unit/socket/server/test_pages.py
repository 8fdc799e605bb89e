from __future__ import annotations

from typing import Any

import pytest

from sockio.socket.server.pages import Answer, Page

PAGE = Page(lambda request: Answer(200, "text/plain", request.path.encode()))


def ask(method: str, **more: str) -> tuple[str, dict[str, str], bytes]:
    told: list[Any] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": "/health", **more}
    body = PAGE(environ, lambda *args: told.extend(args))
    return told[0], dict(told[1]), b"".join(body)


def test_get() -> None:
    status, headers, body = ask("GET")

    assert (status, body) == ("200 OK", b"/health")
    assert headers["Content-Type"] == "text/plain"
    assert headers["cache-control"] == "no-store"


def test_head_has_no_body_but_its_length() -> None:
    status, headers, body = ask("HEAD")

    assert (status, body) == ("200 OK", b"")
    assert headers["Content-Length"] == str(len("/health"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(method: str) -> None:
    status, headers, _ = ask(method)

    assert status == "405 Method Not Allowed"
    assert headers["Allow"] == "GET, HEAD"


def test_a_connection_that_closes_is_told_so() -> None:
    _, headers, _ = ask("GET", HTTP_CONNECTION="close")

    assert headers["Connection"] == "close"
