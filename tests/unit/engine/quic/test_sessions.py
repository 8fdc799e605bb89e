"""Sessions: what becomes of a CONNECT stream and the streams of its session."""

from __future__ import annotations

from typing import Any

import pytest
from aioquic.h3.events import (
    DataReceived,
    HeadersReceived,
    WebTransportStreamDataReceived,
)

from sockio.engine.quic.sessions import (
    HIGH_WATER,
    LINGER,
    MAX_EARLY,
    MAX_SESSIONS,
    STREAM_REJECTED,
    Session,
    Sessions,
)
from sockio.testing import FakeClock

CONNECT, STREAM = 0, 4
CLOSE_CAPSULE = b"\x68\x43\x04\x00\x00\x00\x00"


class FakeChannel:
    """A QUIC connection; the test decides how many bytes have left."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.turn = 1
        #: The calls that it got, in order.
        self.done: list[tuple[Any, ...]] = []
        #: Whether what is written leaves at once.
        self.open = True
        self.acked = False
        #: Streams on which the peer may send no more.
        self.held: set[int] = set()
        self._written: dict[int, int] = {}
        self._sent: dict[int, int] = {}

    def respond(self, stream_id: int, headers: list[Any], *, last: bool) -> None:
        self.done.append(("respond", stream_id, dict(headers)[b":status"], last))

    def respond_data(self, stream_id: int, data: bytes, *, last: bool) -> None:
        self.done.append(("data", stream_id, data, last))

    def write(self, stream_id: int, data: bytes, *, last: bool = False) -> None:
        self._written[stream_id] = self._written.get(stream_id, 0) + len(data)
        self.done.append(("write", stream_id, data, last))

    def refuse(self, stream_id: int, code: int) -> None:
        self.done.append(("refuse", stream_id, code))

    def hold(self, stream_id: int) -> None:
        self.held.add(stream_id)

    def release(self, stream_id: int) -> None:
        self.held.discard(stream_id)

    def sent(self, stream_id: int) -> int | None:
        return self._sent.get(stream_id, 0)

    def acknowledged(self, stream_id: int) -> bool:
        return self.acked

    def flush(self) -> None:
        if self.open:
            self._sent.update(self._written)

    def peer_address(self) -> tuple[str, int]:
        return ("192.0.2.1", 4000)

    def take(self) -> list[tuple[Any, ...]]:
        done, self.done = self.done, []
        return done


class FakeReceiver:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def received(self, data: bytes) -> None:
        self.told.append(data)

    def drained(self) -> None:
        self.told.append("drained")

    def ended(self) -> None:
        self.told.append("ended")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def channel(clock: FakeClock) -> FakeChannel:
    return FakeChannel(clock)


@pytest.fixture
def asked() -> list[Session]:
    return []


@pytest.fixture
def sessions(channel: FakeChannel, asked: list[Session]) -> Sessions:
    return Sessions(channel, asked.append)


@pytest.fixture
def session(sessions: Sessions, asked: list[Session]) -> Session:
    sessions.on_event(connect())
    return asked[0]


@pytest.fixture
def receiver(
    session: Session, sessions: Sessions, channel: FakeChannel
) -> FakeReceiver:
    """Return the receiver of an open session that has its stream."""
    receiver = FakeReceiver()
    session.start(receiver)
    session.answer(200)
    sessions.on_event(stream_data(b"hi"))
    assert receiver.told == [b"hi"]
    receiver.told.clear()
    channel.take()
    return receiver


def connect(stream_id: int = CONNECT, ended: bool = False) -> HeadersReceived:
    headers = [
        (b":method", b"CONNECT"),
        (b":protocol", b"webtransport"),
        (b":authority", b"localhost"),
        (b":path", b"/"),
    ]
    return HeadersReceived(headers=headers, stream_id=stream_id, stream_ended=ended)


def stream_data(
    data: bytes, stream_id: int = STREAM, ended: bool = False
) -> WebTransportStreamDataReceived:
    return WebTransportStreamDataReceived(
        data=data, stream_id=stream_id, stream_ended=ended, session_id=CONNECT
    )


# ------------------------------------------------------------------ coming in


def test_a_request_that_ends_at_once_is_no_session(
    sessions: Sessions, asked: list[Session], channel: FakeChannel
) -> None:
    sessions.on_event(connect(ended=True))

    assert (asked, channel.take()) == ([], [("respond", CONNECT, b"404", True)])


def test_trailers_are_ignored(
    sessions: Sessions, session: Session, asked: list[Session]
) -> None:
    sessions.on_event(connect())

    assert asked == [session]


def test_one_session_too_many_is_refused(
    sessions: Sessions, asked: list[Session], channel: FakeChannel
) -> None:
    for number in range(MAX_SESSIONS + 1):
        sessions.on_event(connect(4 * number))

    assert len(asked) == MAX_SESSIONS
    assert channel.take() == [("respond", 4 * MAX_SESSIONS, b"429", True)]


@pytest.mark.parametrize("answer_first", [False, True])
def test_early_bytes_wait_for_answer_and_receiver(
    sessions: Sessions, session: Session, answer_first: bool
) -> None:
    receiver = FakeReceiver()
    sessions.on_event(stream_data(b"ea"))
    if answer_first:
        session.answer(200)
    else:
        session.start(receiver)
    sessions.on_event(stream_data(b"rly"))
    assert receiver.told == []

    session.answer(200)
    session.start(receiver)

    assert receiver.told == [b"early"]


def test_too_many_early_bytes_end_the_session(
    sessions: Sessions, session: Session, channel: FakeChannel
) -> None:
    sessions.on_event(stream_data(bytes(MAX_EARLY + 1)))

    assert session.closed
    assert ("respond", CONNECT, b"503", True) in channel.take()
    assert not sessions.open


def test_a_refused_session_is_over(
    sessions: Sessions, session: Session, channel: FakeChannel
) -> None:
    receiver = FakeReceiver()
    session.start(receiver)

    session.answer(403, [("Content-Length", "2"), ("X-Why", "no")])
    session.answer(200)

    assert channel.take() == [("respond", CONNECT, b"403", True)]
    assert (session.closed, receiver.told) == (True, ["ended"])


def test_an_answer_comes_too_late_for_who_has_left(
    sessions: Sessions, session: Session, channel: FakeChannel
) -> None:
    sessions.on_event(DataReceived(data=b"", stream_id=CONNECT, stream_ended=True))
    channel.take()

    session.answer(200)

    assert channel.take() == []


# ------------------------------------------------------------------ writing


def test_nothing_is_ready_before_there_is_a_stream(session: Session) -> None:
    session.answer(200)
    session.write(b"lost")

    assert (session.ready, session.writable, session.pending_size) == (False, False, 0)


def test_it_is_writable_again_in_the_next_pass(
    session: Session, receiver: FakeReceiver, channel: FakeChannel
) -> None:
    assert session.writable

    session.write(b"data")
    assert (session.writable, session.ready) == (False, True)
    channel.turn += 1

    assert session.writable
    assert channel.take() == [("write", STREAM, b"data", False)]


def test_what_has_not_left_blocks_until_it_has(
    sessions: Sessions,
    session: Session,
    receiver: FakeReceiver,
    channel: FakeChannel,
) -> None:
    channel.open = False
    session.write(b"data")
    sessions.look_after()
    assert (session.ready, session.pending_size) == (False, 4)

    channel.open = True
    channel.flush()
    sessions.look_after()
    sessions.look_after()

    assert (session.ready, session.pending_size) == (True, 0)
    assert receiver.told == ["drained"]


def test_much_at_once_blocks_at_once(
    session: Session, receiver: FakeReceiver, channel: FakeChannel
) -> None:
    channel.open = False

    session.write(bytes(HIGH_WATER))
    assert session.ready
    session.write(b"x")

    assert not session.ready


# ------------------------------------------------------------------ the end


def test_it_closes_when_the_peer_has_everything(
    sessions: Sessions,
    session: Session,
    receiver: FakeReceiver,
    channel: FakeChannel,
) -> None:
    session.write(b"last")
    session.close()
    session.write(b"late")
    session.close()
    sessions.look_after()
    assert channel.take()[1:] == [("write", STREAM, b"", True)]
    assert not session.closed

    channel.acked = True
    sessions.look_after()

    assert channel.take() == [
        ("refuse", STREAM, 0),
        ("data", CONNECT, CLOSE_CAPSULE, True),
    ]
    assert (session.closed, receiver.told) == (True, [])


def test_it_waits_for_an_answer_to_what_it_wrote_last(
    sessions: Sessions,
    session: Session,
    receiver: FakeReceiver,
    channel: FakeChannel,
    clock: FakeClock,
) -> None:
    session.finish()
    session.finish()
    channel.acked = True
    sessions.look_after()
    assert channel.take() == [("write", STREAM, b"", True)]
    session.received(STREAM, b"answer", last=False)
    assert (session.closed, receiver.told) == (False, [b"answer"])

    clock.advance(LINGER)

    assert (session.closed, receiver.told) == (True, [b"answer", "ended"])
    assert ("data", CONNECT, CLOSE_CAPSULE, True) in channel.take()


def test_it_does_not_wait_for_ever_for_the_peer(
    session: Session, receiver: FakeReceiver, channel: FakeChannel, clock: FakeClock
) -> None:
    session.close()

    clock.advance(LINGER)

    assert session.closed
    assert ("data", CONNECT, CLOSE_CAPSULE, True) in channel.take()


def test_discarding_closes_at_once(
    session: Session, receiver: FakeReceiver, channel: FakeChannel, clock: FakeClock
) -> None:
    session.close()
    session.close(discard=True)
    session.close(discard=True)

    assert session.closed
    assert channel.take().count(("data", CONNECT, CLOSE_CAPSULE, True)) == 1
    assert not clock.armed


@pytest.mark.parametrize("stream_id", [CONNECT, STREAM])
def test_the_end_of_either_stream_is_the_end(
    sessions: Sessions, receiver: FakeReceiver, channel: FakeChannel, stream_id: int
) -> None:
    sessions.on_stream_ended(stream_id)
    sessions.on_stream_ended(stream_id)

    assert receiver.told == ["ended"]
    assert not sessions.open


def test_the_last_bytes_come_before_the_end(
    sessions: Sessions, receiver: FakeReceiver
) -> None:
    sessions.on_event(stream_data(b"bye", ended=True))

    assert receiver.told == [b"bye", "ended"]


def test_with_the_connection_everything_is_lost(
    sessions: Sessions,
    session: Session,
    receiver: FakeReceiver,
    channel: FakeChannel,
    clock: FakeClock,
) -> None:
    session.close()
    channel.take()

    sessions.lose()

    assert (session.closed, channel.take(), clock.armed) == (True, [], 0)


@pytest.mark.parametrize("stream_id", [8, 2])
def test_other_streams_are_refused(
    sessions: Sessions, receiver: FakeReceiver, channel: FakeChannel, stream_id: int
) -> None:
    sessions.on_event(stream_data(b"x", stream_id))

    assert channel.take() == [("refuse", stream_id, STREAM_REJECTED)]
    assert receiver.told == []
