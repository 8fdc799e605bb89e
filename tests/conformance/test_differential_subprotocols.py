"""Subprotocols: we read a Sec-WebSocket-Protocol header as the ws package does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.protocol.websocket.handshake import offered_protocols
from tests.conformance.test_differential import few_calls
from tests.support.node import Driver

#: What a header may contain; HTTP servers strip white space at both ends.
CHARACTERS = [chr(code) for code in range(256) if code not in (0, 10, 13)]

headers = st.one_of(
    st.text("abAB,, \t"),
    st.lists(st.sampled_from(["a", "b", "A", "v1.x", "", "a b", "a/b"])).map(",".join),
    st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), unique=True).map(" ,\t".join),
    st.text(st.sampled_from(CHARACTERS), max_size=5),
    st.lists(st.text("ab", min_size=1, max_size=3)).map(", ".join),
).map(lambda header: header.strip(" \t"))


@few_calls
@given(st.lists(headers, min_size=200, max_size=300))
def test_we_read_what_node_reads(node: Driver, headers: list[str]) -> None:
    answers = node.codec("subprotocols", "decode", headers)

    for header, answer in zip(headers, answers, strict=True):
        try:
            ours = list(offered_protocols(header))
        except ProtocolError:
            assert "error" in answer, header
        else:
            assert answer.get("ok") == ours, header
