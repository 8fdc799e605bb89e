from __future__ import annotations

import pytest

from sockio.errors import ProtocolError
from sockio.protocol.engineio import utf8


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("abc", 3), ("é€", 2), ("😀", 2), ("a\ud800", 2)]
)
def test_length_in_code_units(text: str, count: int) -> None:
    assert utf8.units(text) == count


@pytest.mark.parametrize(
    ("text", "at", "count", "part"),
    [
        ("abcd", 1, 2, "bc"),
        ("abcd", 4, 0, ""),
        ("aé€d", 1, 2, "é€"),
        ("a😀b😀", 1, 3, "😀b"),
        ("a😀b", 0, 1, "a"),
        ("x\ud800y", 0, 2, "x\ud800"),
        ("\ud800😀", 0, 3, "\ud800😀"),
    ],
)
def test_a_part_by_code_units(text: str, at: int, count: int, part: str) -> None:
    assert utf8.take(text, at, count) == part


@pytest.mark.parametrize(("text", "count"), [("abc", 4), ("é", 2), ("😀", 3), ("", 1)])
def test_a_part_that_is_not_all_there(text: str, count: int) -> None:
    with pytest.raises(ProtocolError, match="ends inside a packet"):
        utf8.take(text, 0, count)


@pytest.mark.parametrize(("text", "count"), [("😀", 1), ("a😀b😀", 5)])
def test_a_part_that_ends_inside_a_character(text: str, count: int) -> None:
    with pytest.raises(ProtocolError, match="inside a character"):
        utf8.take(text, 0, count)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("é😀".encode(), "é😀"),
        (b"x\xed\xa0\x80y", "x\ufffdy"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd\ufffd"),
    ],
)
def test_text_is_read(data: bytes, text: str) -> None:
    assert utf8.decode(data) == text


@pytest.mark.parametrize(
    "data", [b"\xff", b"\xc3", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xed\xa0"]
)
def test_what_is_not_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="not UTF-8"):
        utf8.decode(data)
