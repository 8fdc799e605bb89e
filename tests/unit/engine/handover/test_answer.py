from __future__ import annotations

import pytest

from sockio.engine.handover.answer import Answer, BrokenAnswer

OK = b"HTTP/1.1 200 OK\r\n"


class Source:
    """A socket on which the owner sends in pieces of one size."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size

    def recv(self, size: int) -> bytes:
        part, self._data = self._data[: self._size], self._data[self._size :]
        return part


@pytest.fixture(params=[1, 7, 100_000])
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def whole(answer: Answer) -> bytes:
    return b"".join(iter(answer.read, b""))


def test_a_body_with_a_length(size: int) -> None:
    head = OK + b"Set-Cookie: a=1\r\nset-cookie:b=2 \r\nContent-Length: 5\r\n\r\n"
    answer = Answer(Source(head + b"hello", size), "GET")

    assert (answer.code, answer.status, answer.length) == (200, "200 OK", 5)
    assert answer.headers[:2] == [("Set-Cookie", "a=1"), ("set-cookie", "b=2")]
    assert answer.head == head
    assert not answer.reusable
    assert whole(answer) == b"hello"
    assert answer.reusable


def test_a_body_in_chunks(size: int) -> None:
    chunks = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = Answer(Source(head + chunks, size), "POST")

    assert answer.length is None
    assert whole(answer) == b"hello world"
    assert answer.reusable


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_a_body_until_the_end(size: int, more: bytes) -> None:
    answer = Answer(Source(b"HTTP/1.0 200 OK\r\n" + more + b"\r\nhello", size), "GET")

    assert answer.length is None
    assert whole(answer) == b"hello"
    assert not answer.reusable


@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not Modified")],
)
def test_no_body(method: str, status: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n"
    answer = Answer(Source(head, 100), method)

    assert whole(answer) == b""
    assert answer.reusable


def test_what_comes_before_the_answer_is_passed_over(size: int) -> None:
    before = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    end = b"HTTP/1.1 400 \r\nContent-Length: 0\r\n\r\n"
    answer = Answer(Source(before + end, size), "POST")

    assert (answer.code, answer.status, whole(answer)) == (400, "400 ", b"")


def test_another_protocol_begins_behind_101() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    answer = Answer(Source(head + b"\x81\x01x", 1000), "GET")

    assert (answer.code, answer.rest, whole(answer)) == (101, b"\x81\x01x", b"")
    assert not answer.reusable


@pytest.mark.parametrize(
    "more", [b"Connection: Keep-Alive, Close\r\n", b"connection: close\r\n"]
)
def test_who_ends_the_connection_says_so(more: bytes) -> None:
    answer = Answer(Source(OK + more + b"Content-Length: 0\r\n\r\n", 1000), "GET")

    assert whole(answer) == b""
    assert not answer.reusable


def test_what_nobody_asked_for_makes_a_connection_useless() -> None:
    answer = Answer(Source(OK + b"Content-Length: 2\r\n\r\nokmore", 1000), "GET")

    assert whole(answer) == b"ok"
    assert not answer.reusable


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nA: b\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"hello\r\n\r\n",
        OK + b" folded: x\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"a: b\0c\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"a: " + b"x" * 200_000,
    ],
)
def test_no_answer(data: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        Answer(Source(data, 100_000), "GET")


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: 5\r\n\r\nhell",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nokk\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
    ],
)
def test_a_body_that_is_cut_short(data: bytes, size: int) -> None:
    answer = Answer(Source(OK + data, size), "GET")

    with pytest.raises(BrokenAnswer):
        whole(answer)
    assert not answer.reusable
