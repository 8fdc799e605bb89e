"""A head that is put together again makes the same environ, under every server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sockio.engine.handover.raw_request import RawRequest, raw_request
from sockio.types import Environ, StartResponse
from tests.support.one_connection import SERVERS, serve

#: What belongs to one connection, and is not equal to that of another.
NOT_COMPARED = frozenset(
    (
        "gunicorn.socket",
        "sockio.connection",
        "wsgi.early_hints",
        "wsgi.errors",
        "wsgi.input",
    )
)

TARGETS = st.from_regex(
    r"/(?:[a-z~:@!$&'()*+,;=/-]|%[0-9a-fA-F]{2}){0,12}(?:\?[a-z%=&/?;]{0,12})?",
    fullmatch=True,
)
NAMES = st.sampled_from(
    (
        *("Accept", "Cookie", "cookie", "X-A", "x-a", "X_A", "x-!#$%&'*+.^`|~"),
        *("Connection", "Content-Type", "Via", "SCRIPT_NAME", "Transfer-encodinG"),
    )
)
VALUES = st.one_of(
    st.sampled_from(("close", "keep-alive", "Upgrade", "chunked", "text/plain", "")),
    st.text(
        st.characters(
            min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"
        ),
        max_size=12,
    ),
)
BLANKS = st.sampled_from(("", " ", "\t ", "   "))
FIELDS = st.builds("{}:{}{}{}".format, NAMES, BLANKS, VALUES, BLANKS)
HEADS = st.builds(
    "{} {} HTTP/1.{}\r\nHost: test\r\n{}\r\n".format,
    st.sampled_from(("GET", "POST", "HEAD", "OPTIONS", "PROXY")),
    TARGETS,
    st.integers(0, 1),
    st.lists(FIELDS, max_size=6).map(lambda lines: "".join(f"{x}\r\n" for x in lines)),
)


class App:
    """An application that notes what it is called with."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []
        self.raw: list[RawRequest | None] = []

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        kept = {key: value for key, value in environ.items() if key not in NOT_COMPARED}
        self.environs.append(kept)
        self.raw.append(raw_request(environ))
        start("200 OK", [("Content-Length", "0")])
        return [b""]


@pytest.mark.parametrize("kind", SERVERS)
@given(HEADS)
@example("GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\r\n 2\r\nX-B: 3\r\n\r\n")
@example("GET / HTTP/1.0\r\n\r\n")
@example("GET /\r\n\r\n")
@example("\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n")
@example("GET http://other/a?b HTTP/1.1\r\nHost: test\r\n\r\n")
@example("GET / HTTP/1.1\r\nHost: test\r\nX: \x85\x1c1\r\nY: 2\r\n\r\n")
@example("GET / HTTP/1.1\r\nHost: test\r\nX: 1\rY: 2\r\n\r\n")
def test_the_same_environ(kind: str, head: str) -> None:
    app = App()
    serve(kind, app, head.encode("latin-1"))
    if not app.environs:
        return  # It was refused.
    (raw,) = app.raw
    assert raw is not None
    serve(kind, app, raw.head)

    assert app.environs[1] == app.environs[0]
    assert app.raw[1] == raw
