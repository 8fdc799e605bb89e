from __future__ import annotations

import random
from _socket import socketpair
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sockio.engine.handover.carried import CarriedStream, Carrier, Chunks
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.waiting import wait_until


class Session:
    """A WebTransport session at the port, and what becomes of it."""

    def __init__(self) -> None:
        self.ready = True
        self.got = b""
        self.told: list[Any] = []
        self.receiver: Any = None

    def start(self, receiver: Any) -> None:
        self.receiver = receiver

    def write(self, data: bytes) -> None:
        self.got += data

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def finish(self) -> None:
        self.told.append("finish")

    def close(self, *, discard: bool = False) -> None:
        self.told.append(("close", discard))


class Reader:
    """What reads the stream in the owner of the session."""

    def __init__(self) -> None:
        self.got = b""
        self.told: list[str] = []

    def received(self, data: bytes) -> None:
        self.got += data

    def drained(self) -> None:
        self.told.append("drained")

    def ended(self) -> None:
        self.told.append("ended")


class Carriage:
    """Both ends of a stream that is carried."""

    def __init__(self, reactor: Reactor) -> None:
        here, there = socketpair()
        for end in (here, there):
            end.setblocking(False)
        self.session = Session()
        self.carrier = Carrier(self.session, here, reactor.batch)
        self.stream = CarriedStream(there, b"early ", reactor.batch)
        self.reader = Reader()
        self.stream.start(self.reader)

    def close(self) -> None:
        self.stream.close()
        self.carrier.leave()


@pytest.fixture
def carriage(reactor: Reactor) -> Iterator[Carriage]:
    carriage = Carriage(reactor)
    yield carriage
    carriage.close()


#: More than the kernel keeps between two sockets.
MUCH = random.Random(1).randbytes(2 << 20)


def test_bytes_go_both_ways_in_order(carriage: Carriage, clock: FakeClock) -> None:
    carriage.session.receiver.received(b"one ")
    carriage.session.receiver.received(b"two")
    carriage.stream.write(b"three ")
    carriage.stream.write(b"")
    carriage.stream.write(b"four")
    clock.settle()

    assert carriage.reader.got == b"early one two"
    assert carriage.session.got == b"three four"
    assert carriage.session.told == ["resume"]
    assert carriage.stream.pending_size == 0


def test_the_client_is_held_up_while_the_owner_does_not_read(
    carriage: Carriage, clock: FakeClock
) -> None:
    clock.settle()
    carriage.stream.pause()
    carriage.session.receiver.received(MUCH)
    clock.settle()
    assert carriage.session.told == ["resume", "pause"]
    assert carriage.reader.got == b"early "

    carriage.stream.resume()
    wait_until(lambda: carriage.session.told[-1] == "resume")

    wait_until(lambda: len(carriage.reader.got) == len(MUCH) + len(b"early "))
    assert carriage.reader.got.endswith(MUCH)


def test_the_owner_is_held_up_while_the_client_does_not_read(
    carriage: Carriage, clock: FakeClock
) -> None:
    carriage.session.ready = False
    assert carriage.stream.ready
    carriage.stream.write(MUCH)
    clock.settle()
    assert not carriage.stream.ready
    assert not carriage.stream.writable
    assert carriage.stream.pending_size > 0
    assert len(carriage.session.got) < len(MUCH)

    carriage.session.ready = True
    carriage.session.receiver.drained()
    wait_until(lambda: len(carriage.session.got) == len(MUCH))

    assert carriage.session.got == MUCH
    assert carriage.reader.told == ["drained"]
    assert carriage.stream.ready


def test_the_owner_still_reads_when_it_has_finished(
    carriage: Carriage, clock: FakeClock
) -> None:
    carriage.stream.write(b"last words")
    carriage.stream.finish()
    clock.settle()
    assert carriage.session.got == b"last words"
    assert carriage.session.told == ["resume", "finish"]

    carriage.session.receiver.received(b"answer")
    clock.settle()
    assert carriage.reader.got == b"early answer"

    carriage.stream.close(discard=True)
    clock.settle()
    assert carriage.session.told[-1] == ("close", True)


@pytest.mark.parametrize("size", [0, len(MUCH)])
def test_the_owner_gets_everything_before_the_end(
    carriage: Carriage, clock: FakeClock, size: int
) -> None:
    carriage.session.receiver.received(MUCH[:size])
    carriage.session.receiver.ended()
    wait_until(lambda: carriage.reader.told)

    assert carriage.reader.told == ["ended"]
    assert carriage.reader.got == b"early " + MUCH[:size]
    assert not carriage.stream.ready


def test_nothing_is_read_after_the_owner_has_closed(
    carriage: Carriage, clock: FakeClock, descriptors: Callable[[], int]
) -> None:
    before = descriptors()
    carriage.session.receiver.received(b"late")

    carriage.stream.close(discard=True)
    clock.settle()

    assert carriage.reader.told == []
    assert carriage.session.told == ["resume", ("close", True)]
    assert descriptors() == before - 2


@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
def test_chunks_are_the_same_however_they_are_divided(step: int) -> None:
    chunks = Chunks()
    data = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x02de\0\0\0\0"

    found = [
        chunk
        for at in range(0, len(data), step)
        for chunk in chunks.feed(data[at : at + step])
    ]

    assert b"".join(found) == b"abcde"
    assert [chunk for chunk in found if not chunk] == [b"", b""]
    assert b"".join(found[: found.index(b"")]) == b"abc"
