"""Base64: Node reads more than the standard allows, and we read the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockio.protocol.engineio import v3, v4
from tests.conformance.test_differential import few_calls
from tests.support.node import Driver

ALPHABETS = "ABMZabmz0189+/-_"
#: Padding, white space, characters of no alphabet; characters whose lower byte is a
#: letter or padding.
OTHERS = "==\n\r\t !*.,\0\x7f\x80é\u00a0\ufeff\u0141\u013d\u2041\u3000😀\ud800"

texts = st.one_of(
    st.text(ALPHABETS),
    st.text(ALPHABETS + OTHERS),
    st.binary().map(lambda data: data.hex()),
    st.lists(st.sampled_from(["Zg==", "Zm8=", "Zm9v", "-_8", "\r\n"])).map("".join),
    st.text(),
).filter(lambda text: "\x1e" not in text)


@few_calls
@given(st.lists(texts, min_size=200, max_size=300))
def test_we_read_what_node_reads(node: Driver, texts: list[str]) -> None:
    answers = node.codec("engine", "decode", ["b" + text for text in texts])

    for text, answer in zip(texts, answers, strict=True):
        [theirs] = answer["ok"]
        assert theirs["type"] == "message"
        assert v4.decode_packet("b" + text).data == theirs["data"]
        assert v3.decode_packet("b4" + text).data == theirs["data"]


@pytest.mark.parametrize("text", ["-_8", "Zg==Zg==", "AAEC\nAwQ=\n", "Zm9v!", "\u0141"])
def test_node_reads_these(node: Driver, text: str) -> None:
    [answer] = node.codec("engine", "decode", ["b" + text])

    assert answer["ok"] == [{"type": "message", "data": v4.decode_base64(text)}]
