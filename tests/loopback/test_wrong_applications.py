"""Applications that misbehave: the client is told, and so is the operator."""

from __future__ import annotations

import io
import socket as stdlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
import gevent.socket
import pytest

from sockio.httpd.server import HTTPServer, create_server
from sockio.types import Environ, StartResponse

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
OK = "200 OK"


class Side:
    """A server whose application may be replaced; notes its complaints."""

    def __init__(self) -> None:
        self.errors = io.StringIO()
        self.http: HTTPServer = create_server(error_log=self.errors)
        self.http.listen("127.0.0.1:0")

    def ask(self, app: Any, request: bytes = GET) -> bytes:
        """Return all that comes until the server closes."""
        self.http.app = app
        with gevent.socket.create_connection(self.http.address) as peer:
            peer.sendall(request)
            peer.shutdown(stdlib.SHUT_WR)
            with gevent.Timeout(5):
                return b"".join(iter(lambda: peer.recv(65536), b""))

    @property
    def complaint(self) -> str:
        """Take and return what was written to ``wsgi.errors``."""
        text = self.errors.getvalue()
        self.errors.seek(0)
        self.errors.truncate()
        return text


@pytest.fixture
def side() -> Iterator[Side]:
    side = Side()
    yield side
    side.http.close(timeout=1)


def starting(status: Any = OK, headers: Any = (), body: Any = ()) -> Any:
    """Make an application that answers with exactly this."""

    def app(environ: Environ, start: StartResponse) -> Any:
        start(status, list(headers) if headers == () else headers)
        return list(body) if body == () else body

    return app


def starting_nothing(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    return [b"text"]


def starting_nothing_in_parts(environ: Environ, start: StartResponse) -> Any:
    yield b"text"


def starting_twice(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start(OK, [])
    start(OK, [])
    return []


def writing_text(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start(OK, [])("text")
    return []


def writing_too_much(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start(OK, [("Content-Length", "3")])(b"text")
    return []


def raising_at_first(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start(OK, [])
    raise gevent.Timeout
    yield b""


async def of_another_kind(environ: Environ, start: StartResponse) -> None: ...


WRONG: dict[str, tuple[Any, str]] = {
    # bodies
    "a list of text": (starting(body=["text"]), "'text'"),
    "a list with text": (starting(body=[b"a", "text"]), "'text'"),
    "a list of numbers": (starting(body=[7]), "7"),
    "a tuple of text": (starting(body=("text",)), "'text'"),
    "an iterator of text": (starting(body=iter(["text"])), "'text'"),
    "an iterator of empty text": (starting(body=iter([""])), "''"),
    "an iterator of None": (starting(body=iter([None])), "None"),
    "text": (starting(body="text"), "'text'"),
    "bytes": (starting(body=b"text"), "b'text'"),
    "nothing": (starting(body=None), "returned None"),
    "a number": (starting(body=7), "int"),
    # Content-Length
    "a length in words": (starting(headers=[("Content-Length", "many")]), "'many'"),
    "a negative length": (starting(headers=[("content-length", "-1")]), "'-1'"),
    "a length with a sign": (starting(headers=[("Content-Length", "+1")]), r"'+1'"),
    "an empty length": (starting(headers=[("Content-Length", "")]), "''"),
    "a length in Arabic": (starting(headers=[("Content-Length", "\u0665")]), "\u0665"),
    "a length in superscript": (starting(headers=[("Content-Length", "\xb2")]), "\xb2"),
    "a length as a number": (starting(headers=[("Content-Length", 4)]), "4"),
    "two lengths": (
        starting(headers=[("Content-Length", "4"), ("content-length", "4")]),
        "two headers",
    ),
    "a length that is too short": (
        starting(headers=[("Content-Length", "3")], body=[b"text"]),
        "Content-Length is 3",
    ),
    "a length that is too long": (
        starting(headers=[("Content-Length", "5")], body=[b"te", b"xt"]),
        "Content-Length is 5",
    ),
    "a length and no body": (
        starting(headers=[("Content-Length", "5")], body=[]),
        "Content-Length is 5",
    ),
    "a length and an empty iterator": (
        starting(headers=[("Content-Length", "5")], body=iter([])),
        "5 bytes are missing",
    ),
    "a length below the first part": (
        starting(headers=[("Content-Length", "3")], body=iter([b"text"])),
        "longer",
    ),
    # headers
    "NUL in a value": (starting(headers=[("A", "b\0")]), "'A'"),
    "CR and LF in a value": (starting(headers=[("A", "b\r\nB: c")]), "'A'"),
    "LF in a value": (starting(headers=[("A", "b\n c")]), "'A'"),
    "a control character": (starting(headers=[("A", "\x7f")]), "'A'"),
    "no Latin-1": (starting(headers=[("A", "\u20ac")]), "'A'"),
    "bytes as a value": (starting(headers=[("A", b"b")]), "not text"),
    "bytes as a name": (starting(headers=[(b"A", "b")]), "not text"),
    "None as a value": (starting(headers=[("A", None)]), "not text"),
    "LF in a name": (starting(headers=[("A\nB", "c")]), "name of a header"),
    "a space in a name": (starting(headers=[("A ", "c")]), "name of a header"),
    "a colon in a name": (starting(headers=[("A:", "c")]), "name of a header"),
    "an empty name": (starting(headers=[("", "c")]), "name of a header"),
    "headers in a dict": (starting(headers={"TE": "c"}), "dict"),
    "headers that are None": (starting(headers=None), "NoneType"),
    "a header in one piece": (starting(headers=["A: b"]), "'A: b'"),
    "a header of two characters": (starting(headers=["Ab"]), "'Ab'"),
    "a header of three parts": (starting(headers=[("A", "b", "c")]), "'c'"),
    "Transfer-Encoding": (
        starting(headers=[("Transfer-Encoding", "chunked")], body=[b"0\r\n\r\n"]),
        "Transfer-Encoding",
    ),
    "transfer-encoding": (
        starting(headers=[("transfer-encoding", "identity")]),
        "transfer-encoding",
    ),
    "Upgrade": (starting(headers=[("Upgrade", "websocket")]), "Upgrade"),
    "Trailer": (starting(headers=[("Trailer", "A")]), "Trailer"),
    # status lines
    "a status without a number": (starting("OK"), "'OK'"),
    "an empty status": (starting(""), "''"),
    "a status of two digits": (starting("99 X"), "'99 X'"),
    "a status of four digits": (starting("2000 OK"), "'2000 OK'"),
    "a status with zero in front": (starting("020 OK"), "'020 OK'"),
    "a status in Arabic": (starting("\u0662\u0660\u0660 OK"), "OK"),
    "a status with a tab": (starting("200\tOK"), "200"),
    "a status with a header": (starting("200 OK\r\nA: b"), "200 OK"),
    "a status with NUL": (starting("200 \0"), "200 "),
    "a status that is a number": (starting(200), "200"),
    "a status that is bytes": (starting(b"200 OK"), "200 OK"),
    "no status": (starting(None), "None"),
    "a list as status": (starting(["200 OK"]), "200 OK"),
    "an answer before the answer": (starting("100 Continue"), "not a final answer"),
    "an upgrade without one": (
        starting("101 Switching Protocols"),
        "not a final answer",
    ),
    # calls
    "no start_response": (starting_nothing, "did not call start_response"),
    "no start_response in parts": (
        starting_nothing_in_parts,
        "did not call start_response",
    ),
    "two of them": (starting_twice, "called twice"),
    "text is written": (writing_text, "'text'"),
    "too much is written": (writing_too_much, "longer"),
    "a timeout is raised": (raising_at_first, "Timeout"),
    "a coroutine": (of_another_kind, "coroutine"),
    "no application": (7, "int"),
}


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_answered_with_500_and_reported(side: Side, name: str) -> None:
    app, told = WRONG[name]

    answer = side.ask(app)

    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    complaint = side.complaint
    assert complaint.startswith("Traceback")
    assert told in complaint.splitlines()[-1]


@pytest.mark.parametrize(
    "name", ["LF in a name", "a length in words", "a status that is a number"]
)
def test_a_wrong_head_is_reported_where_it_was_given(side: Side, name: str) -> None:
    side.ask(WRONG[name][0])

    assert "start(status" in side.complaint


def test_an_application_may_catch_what_was_wrong(side: Side) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        try:
            start(OK, [("A", "b\n")])
        except ValueError:
            start("503 Busy", [])
        return [b"later"]

    answer = side.ask(app)

    assert answer.startswith(b"HTTP/1.1 503 Busy\r\n")
    assert answer.endswith(b"\r\n\r\nlater")
    assert side.complaint == ""


# ------------------------------------------------------------- when some of it is out


def too_short(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start(OK, [("Content-Length", "3")])
    return iter([b"ab"])


def too_long(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start(OK, [("Content-Length", "3")])
    return iter([b"ab", b"cd"])


def text_behind(environ: Environ, start: StartResponse) -> Any:
    start(OK, [("Content-Length", "3")])
    return iter([b"ab", "c"])


def raising_behind(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start(OK, [("Content-Length", "3")])
    yield b"ab"
    raise KeyError("c")


def restarting(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    start(OK, [("Content-Length", "3")])(b"ab")
    start(OK, [])
    return []


@pytest.mark.parametrize(
    ("app", "told"),
    [
        (too_short, "1 bytes are missing"),
        (too_long, "longer"),
        (text_behind, "'c'"),
        (raising_behind, "KeyError"),
        (restarting, "called twice"),
    ],
)
def test_an_answer_that_cannot_go_on_is_cut_off(
    side: Side, app: Any, told: str
) -> None:
    answer = side.ask(app, GET + GET)

    # A byte is missing, so the client knows.
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"\r\n\r\nab")
    assert told in side.complaint.splitlines()[-1]


@pytest.mark.parametrize("failure", [RuntimeError("closing"), gevent.Timeout()])
def test_a_close_that_fails_is_reported_and_ends_nothing(
    side: Side, failure: BaseException
) -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"ab"])

        def close(self) -> None:
            raise failure

    answer = side.ask(starting(body=Body()), GET + GET)

    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert side.complaint.count("Traceback") == 2


def test_both_failures_are_reported(side: Side) -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            raise RuntimeError("in the middle")

        def close(self) -> None:
            raise RuntimeError("at the end")

    assert side.ask(starting(body=Body())).startswith(b"HTTP/1.1 500 ")
    complaint = side.complaint
    assert "in the middle" in complaint
    assert "at the end" in complaint


def test_nothing_can_be_written_after_the_end(side: Side) -> None:
    kept: list[Callable[[bytes], object]] = []

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        kept.append(start(OK, []))
        return [b"one"]

    side.http.app = app
    with gevent.socket.create_connection(side.http.address) as peer:
        peer.sendall(GET)
        while not peer.recv(1000).endswith(b"one"):
            pass

        with pytest.raises(AssertionError, match="after the end"):
            kept[0](b"two")

        peer.shutdown(stdlib.SHUT_WR)
        assert peer.recv(1000) == b""


def test_errors_that_cannot_be_written_do_not_cost_the_answer(
    side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    side.errors.close()
    side.errors = io.StringIO()

    answer = side.ask(starting(body=["text"]))

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert "'text'" in caplog.text


# --------------------------------------------------------------------- what is borne


@pytest.mark.parametrize(
    ("value", "closes"),
    [("close", True), ("Close", True), ("keep-alive", False), ("", False)],
)
def test_the_server_says_whether_the_connection_goes_on(
    side: Side, value: str, closes: bool
) -> None:
    headers = [("Connection", value), ("Keep-Alive", "timeout=5")]

    answers = side.ask(starting(headers=headers, body=[b"a"]), GET + GET)

    assert answers.count(b"HTTP/1.1 200 OK\r\n") == (1 if closes else 2)
    assert answers.lower().count(b"connection:") == (1 if closes else 0)
    assert b"Keep-Alive" not in answers
    assert side.complaint == ""


@pytest.mark.parametrize(
    ("status", "line"),
    [("200", b"200 "), ("200 ", b"200 "), ("299 Sch\xf6n", b"299 Sch\xf6n")],
)
def test_any_words_may_follow_a_status(side: Side, status: str, line: bytes) -> None:
    assert side.ask(starting(status)).startswith(b"HTTP/1.1 " + line + b"\r\n")


def test_an_answer_without_content_may_say_so(side: Side) -> None:
    # Safari waits for the body of a 204 that does not.
    answer = side.ask(starting("204 No Content", [("Content-Length", "0")]), GET + GET)

    assert answer.count(b"Content-Length: 0\r\n") == 2
    assert side.complaint == ""


def test_the_length_of_what_head_would_get_is_not_checked(side: Side) -> None:
    app = starting(headers=[("Content-Length", "5")], body=[])

    answer = side.ask(app, GET.replace(b"GET", b"HEAD"))

    assert b"Content-Length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")
    assert side.complaint == ""


def test_what_an_application_does_to_its_environ_harms_nobody(side: Side) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        environ.clear()
        environ["REQUEST_METHOD"] = "GET"
        start(OK, [])
        return [b"body"]

    answers = side.ask(app, GET.replace(b"GET", b"HEAD") + GET)

    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.count(b"body") == 1
