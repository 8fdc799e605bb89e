from __future__ import annotations

import pytest

from sockio.httpd.chunks import Chunks
from sockio.httpd.options import HttpOptions
from sockio.httpd.request_head import Refused


def read(data: bytes, size: int) -> tuple[bytes, bytes]:
    """Return the body in ``data``, given in pieces, and what comes after it."""
    chunks = Chunks(HttpOptions())
    body = b""
    for at in range(0, len(data), size):
        assert chunks.hungry
        chunks.feed(data[at : at + size])
        while part := chunks.take():
            body += part
        if chunks.ended:
            return body, chunks.rest + data[at + size :]
    raise EOFError


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1000])
def test_what_the_chunks_contain_is_taken(size: int) -> None:
    data = b'3\r\nabc\r\n00A ; a="\\""\r\n0123456789\r\n1\r\n\n\r\n0;b\r\nA: b\r\n\r\n'

    assert read(data + b"next", size) == (b"abc0123456789\n", b"next")


def test_a_part_is_to_be_had_before_its_chunk_is_complete() -> None:
    chunks = Chunks(HttpOptions())
    chunks.feed(b"5\r\nab")

    assert chunks.take() == b"ab"
    assert chunks.hungry


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1000])
def test_what_is_good_comes_before_the_fault(size: int) -> None:
    chunks = Chunks(HttpOptions())
    body = b""
    data = b"3\r\nabc\r\n2\r\nde\r\nzz"
    for at in range(0, len(data), size):
        chunks.feed(data[at : at + size])
        while part := chunks.take():
            body += part
    chunks.feed(b"\r\n")

    assert body == b"abcde"
    for _ in range(2):
        with pytest.raises(Refused, match="bad size"):
            chunks.take()


def test_many_chunks_are_taken_in_several_turns() -> None:
    chunks = Chunks(HttpOptions())
    chunks.feed(b"1\r\na\r\n" * 5000 + b"0\r\n\r\n")

    turns = 0
    while chunks.take():
        turns += 1

    assert turns == 5
    assert chunks.ended


def test_there_are_as_many_trailers_as_header_lines() -> None:
    chunks = Chunks(HttpOptions(max_fields=2))
    chunks.feed(b"0\r\nA: b\r\nA: c\r\nA: d\r\n\r\n")

    with pytest.raises(Refused, match="too long"):
        chunks.take()
