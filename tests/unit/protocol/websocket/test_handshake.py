from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.websocket.handshake import answer, offered_protocols

# RFC 6455, section 1.3.
REQUEST = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


def test_the_example_of_the_rfc() -> None:
    assert answer(REQUEST) == [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ]


def test_tokens_go_by_their_meaning() -> None:
    request = REQUEST | {
        "upgrade": "h2c, WebSocket",
        "connection": "keep-alive,  UPGRADE",
        "sec-websocket-version": " 13 ",
    }

    assert answer(request) == answer(REQUEST)


@pytest.mark.parametrize(
    ("header", "value", "named"),
    [
        ("upgrade", None, "Upgrade"),
        ("upgrade", "websockets", "Upgrade"),
        ("connection", None, "Connection"),
        ("connection", "keep-alive", "Connection"),
        ("sec-websocket-key", None, "Sec-WebSocket-Key"),
        ("sec-websocket-key", "c2hvcnQ=", "Sec-WebSocket-Key"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==x", "Sec-WebSocket-Key"),
        ("sec-websocket-version", None, "Sec-WebSocket-Version"),
        ("sec-websocket-version", "8", "Sec-WebSocket-Version"),
    ],
)
def test_the_header_at_fault_is_named(
    header: str, value: str | None, named: str
) -> None:
    request = dict(REQUEST)
    del request[header]
    if value is not None:
        request[header] = value

    with pytest.raises(ProtocolError, match=f" {named} header"):
        answer(request)


# ------------------------------------------------------------------ subprotocols


@pytest.mark.parametrize(
    ("header", "offered"),
    [
        ("a", ("a",)),
        ("a, b", ("a", "b")),
        ("b,a", ("b", "a")),
        ("a ,b", ("a", "b")),
        ("a\t,\t b", ("a", "b")),
        (" a ", ("a",)),
        ("a,A", ("a", "A")),
        ("v10.stomp, v11.stomp", ("v10.stomp", "v11.stomp")),
        ("!#$%&'*+-.^_`|~09azAZ", ("!#$%&'*+-.^_`|~09azAZ",)),
        ("x" * 4000, ("x" * 4000,)),
        (",".join(map(str, range(500))), tuple(map(str, range(500)))),
    ],
)
def test_subprotocols_are_offered_in_order(
    header: str, offered: tuple[str, ...]
) -> None:
    assert offered_protocols(header) == offered


@pytest.mark.parametrize(
    "header",
    [
        *("", " ", ",", ",a", "a,", "a,,b", "a, a", "a,b,c,a", "a b", "a,b c", "a/b"),
        *("a;b", 'a"b', "a:b", "a=b", "(a)", "[a]", "é", "a\x01", "a\n", "\xa0a"),
        "a,\x0bb",
    ],
)
def test_what_is_no_list_of_different_tokens_is_refused(header: str) -> None:
    with pytest.raises(ProtocolError, match="Invalid Sec-WebSocket-Protocol header"):
        offered_protocols(header)
