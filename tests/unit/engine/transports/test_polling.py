from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.socket
import pytest

from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.options import EngineOptions
from sockio.engine.outbox import Outbox
from sockio.engine.transports.polling import HungUp, PollingTransport
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock


class Bench:
    """A polling transport and its requests; notes what it reports to its session."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        reactor = Reactor(self.clock)
        reactor.start()
        self.outbox = Outbox()
        self.transport = PollingTransport(EngineOptions(**options), reactor)
        self.transport.bind(self.outbox, self)
        self.got: list[str | bytes | Packet] = []
        self.lost: list[tuple[str, object]] = []
        self.flushed: list[str] = []
        self.closed = 0

    def send(self, *frames: str | bytes, compress: bool = True) -> None:
        self.outbox.put(Wire(frames, compress=compress))
        self.transport.wake()

    def poll(self, method: str = "GET", **environ: Any) -> Exchange:
        return Exchange(self, {"REQUEST_METHOD": method, **environ})

    def post(self, body: str | bytes, **environ: Any) -> Response:
        data = body.encode() if isinstance(body, str) else body
        environ.setdefault("CONTENT_LENGTH", str(len(data)))
        environ.setdefault("wsgi.input", io.BytesIO(data))
        return self.poll("POST", **environ).answer()

    def close(self, *, discard: bool = False) -> None:
        self.transport.close(self._on_closed, discard=discard)

    def _on_closed(self) -> None:
        self.closed += 1

    # what a sink must have

    def on_message(self, data: str | bytes) -> None:
        self.got.append(data)

    def on_packet(self, packet: Packet) -> None:
        self.got.append(packet)

    def on_ready(self) -> None:
        if self.outbox.wires:
            self.transport.wake()

    def on_flushed(self, wires: list[Wire]) -> None:
        self.flushed += [wire.payload for wire in wires]

    def unless_silent(self, fn: Callable[[], None]) -> None:
        fn()

    def on_lost(self, reason: str, description: object = None) -> None:
        self.lost.append((reason, description))


class Exchange:
    """A request in a greenlet of its own, as a WSGI server would have it."""

    def __init__(self, bench: Bench, environ: dict[str, Any]) -> None:
        self.response = Response()
        self._bench = bench
        self._hung_up = False
        self._greenlet = gevent.spawn(self._run, Request(environ))
        bench.clock.settle()

    def _run(self, request: Request) -> None:
        try:
            self._bench.transport.handle(request, self.response)
        except HungUp:
            self._hung_up = True

    @property
    def waits(self) -> bool:
        self._bench.clock.settle()
        return not self._greenlet.dead

    def answer(self) -> Response:
        assert not self.waits, "the request has not been answered"
        assert self.response.ended
        return self.response

    def text(self) -> str:
        return self.answer().body.decode()

    def kill(self) -> None:
        self._greenlet.kill()

    def hung_up(self) -> bool:
        assert not self.waits
        return self._hung_up


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def connection() -> Iterator[tuple[Any, Any]]:
    """Give both ends of a connection: the server's and the client's."""
    pair = gevent.socket.socketpair()
    yield pair
    for end in pair:
        end.close()


# ------------------------------------------------------------------ GET


def test_a_poll_takes_everything_that_waits(bench: Bench) -> None:
    bench.send("a")
    bench.send("b", b"\1\2")

    poll = bench.poll()

    assert poll.text() == "4a\x1e4b\x1ebAQI="
    assert poll.response.status == 200
    assert poll.response.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert bench.flushed == ["4a", "4b\x1ebAQI="]


def test_a_poll_waits_for_something_to_say(bench: Bench) -> None:
    poll = bench.poll()
    assert poll.waits
    assert bench.transport.writable

    bench.send("a")

    assert poll.text() == "4a"


def test_what_is_sent_until_the_poll_wakes_leaves_with_it(bench: Bench) -> None:
    poll = bench.poll()

    bench.send("a")
    assert not bench.transport.writable
    bench.send("b")

    assert poll.text() == "4a\x1e4b"
    assert not bench.transport.writable


def test_a_lone_surrogate_is_replaced(bench: Bench) -> None:
    bench.send("\ud83d")

    assert bench.poll().answer().body == b"4\xef\xbf\xbd"


def test_a_second_poll_ends_the_session(bench: Bench) -> None:
    first = bench.poll()

    second = bench.poll()

    assert second.answer().status == 400
    assert second.response.body == b""
    assert first.text() == "1"
    assert bench.lost == [("transport error", "overlap from client")]


def test_what_a_woken_poll_was_promised_survives_an_overlap(bench: Bench) -> None:
    first = bench.poll()
    bench.send("a")

    # Called here, not in a greenlet: so the first GET has not run again yet.
    bench.transport.handle(Request({"REQUEST_METHOD": "GET"}), Response())

    assert first.text() == "4a\x1e1"


def test_a_poll_whose_client_leaves_ends_the_session_at_once(
    bench: Bench, connection: tuple[Any, Any]
) -> None:
    ours, theirs = connection
    poll = bench.poll(**{"gunicorn.socket": ours})

    theirs.close()

    assert poll.hung_up()
    assert bench.lost == [("transport error", "poll connection closed prematurely")]


def test_bytes_behind_a_poll_are_no_hang_up(
    bench: Bench, connection: tuple[Any, Any]
) -> None:
    ours, theirs = connection
    poll = bench.poll(**{"gunicorn.socket": ours})

    theirs.sendall(b"GET /next")

    assert poll.waits
    assert bench.lost == []
    bench.send("a")
    assert poll.text() == "4a"


def test_a_poll_whose_greenlet_is_killed_leaves_room_for_the_next(
    bench: Bench,
) -> None:
    bench.poll().kill()

    bench.send("a")

    assert bench.poll().text() == "4a"


def test_a_poll_after_the_end_is_refused(bench: Bench) -> None:
    bench.close(discard=True)

    assert bench.poll().answer().status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_get_500_and_change_nothing(bench: Bench, method: str) -> None:
    answer = bench.poll(method).answer()

    assert (answer.status, answer.body) == (500, b"")
    assert bench.lost == []


def test_nothing_is_ever_sent_directly(bench: Bench) -> None:
    assert not bench.transport.ready

    assert not bench.transport.offer(Wire(("a",)))


# ------------------------------------------------------------------ release


def test_a_released_poll_is_answered_with_a_noop(bench: Bench) -> None:
    poll = bench.poll()

    bench.transport.release()

    assert poll.text() == "6"


def test_without_a_poll_there_is_nothing_to_release(bench: Bench) -> None:
    bench.transport.release()

    assert bench.poll().waits
    bench.close()


# ------------------------------------------------------------------ compression


LONG = "x" * 2000


@pytest.mark.parametrize(
    ("text", "accept", "compress", "encoding"),
    [
        (LONG, "gzip, deflate", True, "gzip"),
        (LONG, "deflate", True, "deflate"),
        (LONG, "gzip", False, None),
        (LONG, "identity", True, None),
        ("x" * 1000, "gzip", True, None),
        ("x" * 1023, "gzip", True, "gzip"),
    ],
)
def test_long_answers_are_compressed_for_clients_that_accept_it(
    bench: Bench, text: str, accept: str, compress: bool, encoding: str | None
) -> None:
    bench.send(text, compress=compress)

    answer = bench.poll(HTTP_ACCEPT_ENCODING=accept).answer()

    assert answer.headers.get("Content-Encoding") == encoding
    if encoding == "gzip":
        assert gzip.decompress(answer.body).decode() == "4" + text


def test_one_packet_that_may_be_compressed_is_enough(bench: Bench) -> None:
    bench.send(LONG, compress=False)
    bench.send("short")

    answer = bench.poll(HTTP_ACCEPT_ENCODING="gzip").answer()

    assert answer.headers["Content-Encoding"] == "gzip"


def test_compression_can_be_turned_off() -> None:
    bench = Bench(http_compression=False)
    bench.send(LONG)

    answer = bench.poll(HTTP_ACCEPT_ENCODING="gzip").answer()

    assert "Content-Encoding" not in answer.headers


# ------------------------------------------------------------------ POST


def test_the_packets_of_a_post_are_handed_on_in_order(bench: Bench) -> None:
    answer = bench.post("4a\x1ebAQI=\x1e3\x1e4\x1e6")

    assert bench.got == [
        "a",
        b"\1\2",
        Packet(PacketType.PONG),
        "",
        Packet(PacketType.NOOP),
    ]
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers["Content-Type"] == "text/html"


def test_a_post_is_utf8_and_what_is_not_is_replaced(bench: Bench) -> None:
    assert bench.post("4€".encode() + b"\xff").status == 200

    assert bench.got == ["€\ufffd"]


@pytest.mark.parametrize("body", ["", "abc", "4a\x1ex\x1e4b", "4a\x1e\x1e4b"])
def test_a_bad_packet_ends_the_session_after_the_good_ones(
    bench: Bench, body: str
) -> None:
    answer = bench.post(body)

    assert answer.status == 400
    assert bench.got == (["a"] if body.startswith("4a") else [])
    ((reason, _),) = bench.lost
    assert reason == "parse error"


def test_a_close_packet_ends_the_session_and_nothing_after_it_counts(
    bench: Bench,
) -> None:
    poll = bench.poll()

    answer = bench.post("4a\x1e1\x1e4b")

    assert (answer.status, answer.body) == (200, b"ok")
    assert bench.got == ["a"]
    assert bench.lost == [("transport close", None)]
    assert poll.text() == "6"


def test_bytes_are_refused(bench: Bench) -> None:
    answer = bench.post(b"4a", CONTENT_TYPE="application/octet-stream")

    assert (answer.status, answer.body) == (400, b"")
    assert bench.lost == [("transport error", "invalid content")]
    assert bench.got == []


def test_a_body_that_is_too_large_ends_the_session() -> None:
    bench = Bench(max_http_buffer_size=10)

    answer = bench.post("4" + "x" * 10)

    assert (answer.status, answer.body) == (413, b"")
    assert bench.lost == [("transport error", "payload too large")]


def test_a_body_of_the_most_bytes_is_taken() -> None:
    bench = Bench(max_http_buffer_size=10)

    assert bench.post("4" + "x" * 9).status == 200


def test_a_body_that_is_cut_short_ends_the_session(bench: Bench) -> None:
    answer = bench.post("4a", CONTENT_LENGTH="10")

    assert answer.status == 400
    assert bench.lost == [
        ("transport error", "data request connection closed prematurely")
    ]


def slow_post(bench: Bench, ours: Any) -> Exchange:
    return bench.poll(
        "POST",
        **{
            "CONTENT_LENGTH": "10",
            "wsgi.input": ours.makefile("rb"),
            "gunicorn.socket": ours,
        },
    )


def test_a_second_post_ends_the_session_and_cuts_the_first(
    bench: Bench, connection: tuple[Any, Any]
) -> None:
    ours, theirs = connection
    first = slow_post(bench, ours)
    theirs.sendall(b"4a")
    assert first.waits

    second = bench.post("4b")

    assert (second.status, second.body) == (400, b"")
    assert bench.lost == [("transport error", "data request overlap from client")]
    assert first.hung_up()
    assert bench.got == []


@pytest.mark.parametrize("discard", [False, True])
def test_closing_cuts_a_post_that_is_still_arriving(
    bench: Bench, connection: tuple[Any, Any], discard: bool
) -> None:
    first = slow_post(bench, connection[0])

    bench.close(discard=discard)

    if not discard:
        assert bench.poll().text() == "6\x1e1"
    assert not first.waits
    assert bench.closed == 1
    assert bench.got == []


def test_a_post_that_arrives_after_the_end_is_not_delivered(bench: Bench) -> None:
    bench.close(discard=True)

    answer = bench.post("4late")

    assert answer.status == 400
    assert bench.got == []


# ------------------------------------------------------------------ close


def test_a_waiting_poll_is_told_of_the_close(bench: Bench) -> None:
    poll = bench.poll()

    bench.close()

    assert bench.closed == 1
    assert poll.text() == "1"


def test_without_a_poll_the_next_one_is_told(bench: Bench) -> None:
    bench.close()
    bench.close()
    assert bench.closed == 0

    poll = bench.poll()

    assert poll.text() == "6\x1e1"
    assert bench.closed == 1
    assert bench.clock.armed == 0


def test_without_any_poll_the_close_is_completed_after_a_while(bench: Bench) -> None:
    bench.close()

    bench.clock.advance(29)
    assert bench.closed == 0
    bench.clock.advance(1)

    assert bench.closed == 1
    assert bench.poll().answer().status == 400


@pytest.mark.parametrize("closing", [False, True])
def test_a_discarded_transport_closes_at_once(bench: Bench, closing: bool) -> None:
    if closing:
        bench.close()

    bench.close(discard=True)

    assert bench.closed == 1
    assert bench.clock.armed == 0
    bench.close()
    assert bench.closed == 2


def test_a_closing_transport_that_is_lost_completes_the_close(bench: Bench) -> None:
    bench.close()

    bench.post("1")

    assert bench.closed == 1
    assert bench.clock.armed == 0


def test_a_woken_poll_takes_the_rest_and_the_close(bench: Bench) -> None:
    poll = bench.poll()
    bench.send("last words")

    bench.close()

    assert poll.text() == "4last words\x1e1"
