"""RequestBody: where a body ends, and what is left for the next request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sockio.httpd.request_body import BadBody, RequestBody

CHUNKS = b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\nA: 1\r\n\r\n"


class Pieces:
    """A connection on which bytes arrive in pieces."""

    def __init__(self, data: bytes, size: int) -> None:
        self.pieces = [data[i : i + size] for i in range(0, len(data), size)]
        #: How often others got a turn.
        self.breaths = 0

    def receive(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def give_back(self, data: bytes) -> None:
        if data:
            self.pieces.insert(0, data)

    def breathe(self) -> None:
        self.breaths += 1

    @property
    def left(self) -> bytes:
        return b"".join(self.pieces)


def plain(size: int, data: bytes = b"abcdenext", length: int = 5) -> RequestBody:
    return RequestBody(Pieces(data, size), length)


def chunked(size: int, data: bytes = CHUNKS + b"next") -> RequestBody:
    return RequestBody(Pieces(data, size), None)


def left(body: RequestBody) -> bytes:
    assert isinstance(body._source, Pieces)
    return body._source.left


@pytest.fixture(params=[1, 2, 3, 7, 100])
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=[plain, chunked])
def body(request: pytest.FixtureRequest, size: int) -> RequestBody:
    made: RequestBody = request.param(size)
    return made


def test_all_of_it_and_nothing_behind_it_is_read(body: RequestBody) -> None:
    assert body.read() == b"abcde"
    assert body.read() == b""
    assert body.read(10) == b""
    assert left(body) == b"next"


def test_as_much_as_is_asked_for_is_read(body: RequestBody) -> None:
    assert body.read(0) == b""
    assert body.read(2) == b"ab"
    assert body.read(2) == b"cd"
    assert body.read(2) == b"e"
    assert left(body) == b"next"


def test_what_has_come_is_read_at_once(body: RequestBody, size: int) -> None:
    assert body.read1(0) == b""
    parts = list(iter(lambda: body.read1(4), b""))

    assert b"".join(parts) == b"abcde"
    assert max(map(len, parts)) <= min(4, size)
    assert body.read1() == b""
    assert left(body) == b"next"


def test_what_nobody_reads_is_passed_over(body: RequestBody) -> None:
    body.read(1)

    assert body.discard()
    assert body.read() == b""
    assert left(body) == b"next"


def test_a_missing_body_is_empty() -> None:
    body = plain(100, b"next", 0)

    assert body.read() == b""
    assert body.discard()
    assert left(body) == b"next"


@pytest.mark.parametrize(
    ("make", "cut"), [(plain, b"abcd"), (chunked, CHUNKS[:7]), (chunked, CHUNKS[:-1])]
)
def test_a_body_that_is_cut_off_is_an_error(
    make: Callable[[int, bytes], RequestBody], cut: bytes, size: int
) -> None:
    with pytest.raises(BadBody, match="ended before"):
        make(size, cut).read()
    assert not make(size, cut).discard()


@pytest.mark.parametrize(
    "data",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"1" * 16 + b"\r\n",
        b"1" * 10000,
        b"0\r\n" + b"A: 1\r\n" * 10000 + b"\r\n",
    ],
)
def test_garbled_chunks_are_an_error(data: bytes) -> None:
    with pytest.raises(BadBody):
        chunked(100, data).read()
    with pytest.raises(BadBody):
        chunked(100, data).read(100)


def test_lines_are_read_one_after_the_other(size: int) -> None:
    text = b"one\n\ntwo\nthree"

    assert list(plain(size, text + b"next", len(text))) == [
        b"one\n",
        b"\n",
        b"two\n",
        b"three",
    ]
    body = plain(size, text, len(text))
    assert body.readline(2) == b"on"
    assert body.readline(2) == b"e\n"
    assert body.readlines(2) == [b"\n", b"two\n"]
    assert body.readlines() == [b"three"]
    assert body.readline() == b""


def test_what_was_received_and_not_read_can_be_had() -> None:
    body = plain(4)
    body.read(1)

    assert body.rest() == b"bcd"
    assert body.read() == b"e"


def test_others_get_turns_between_many_chunks() -> None:
    body = chunked(1 << 20, b"1\r\na\r\n" * 5000 + b"0\r\n\r\n")

    assert body.read() == b"a" * 5000
    assert isinstance(body._source, Pieces)
    assert body._source.breaths >= 4


def test_a_garbled_body_cannot_be_passed_over(size: int) -> None:
    body = chunked(size, b"1\r\na\r\nzz\r\nGET / HTTP/1.1\r\n\r\n")
    with pytest.raises(BadBody):
        body.read()

    assert body.hopeless
    assert not body.discard()


def test_whether_anything_was_taken_from_the_connection(body: RequestBody) -> None:
    assert body.read(0) == b""
    assert not body.begun

    body.read(1)
    assert body.begun
