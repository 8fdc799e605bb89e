from __future__ import annotations

import os
import resource
import signal
import socket
from _socket import socket as PlainSocket
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sockio.runtime.reactor import Reactor
from sockio.siblings.link import PACKET, PATIENCE, Link
from sockio.siblings.place import SOCK_SEQPACKET
from sockio.testing import FakeClock

from .conftest import in_child, reap

MOST = 1 << 20


class End:
    """One end of a connection, and what came of it."""

    def __init__(self, sock: socket.socket, reactor: Reactor, **options: Any) -> None:
        self.received: list[bytes] = []
        #: What the descriptors that came are of.
        self.descriptors: list[str] = []
        self.ends: list[str] = []
        plain: Any = PlainSocket(fileno=sock.detach())
        plain.setblocking(False)
        self.link = Link(
            plain,
            reactor,
            on_packet=self.on_packet,
            on_end=self.ends.append,
            **{"most": MOST, **options},
        )

    def on_packet(self, data: bytes, descriptors: Sequence[int]) -> None:
        self.received.append(data)
        for descriptor in descriptors:
            self.descriptors.append(os.readlink(f"/proc/self/fd/{descriptor}"))
            assert not os.get_inheritable(descriptor)
            os.close(descriptor)


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    pair = socket.socketpair(socket.AF_UNIX, SOCK_SEQPACKET)
    yield pair
    for sock in pair:
        sock.close()


@pytest.fixture
def ours(
    sockets: tuple[socket.socket, socket.socket], reactor: Reactor
) -> Iterator[End]:
    end = End(sockets[0], reactor)
    yield end
    end.link.close()


@pytest.fixture
def theirs(
    sockets: tuple[socket.socket, socket.socket], reactor: Reactor
) -> Iterator[End]:
    end = End(sockets[1], reactor)
    yield end
    end.link.close()


def packets(count: int) -> list[bytes]:
    return [b"%d" % number + bytes(10_000) for number in range(count)]


def test_packets_arrive_as_they_are(ours: End, theirs: End, clock: FakeClock) -> None:
    for data in (b"one", b"two", bytes(PACKET)):
        assert ours.link.send(data)
    clock.settle()

    assert theirs.received == [b"one", b"two", bytes(PACKET)]
    assert theirs.ends == ours.ends == []


def test_descriptors_travel(ours: End, theirs: End, clock: FakeClock) -> None:
    with open("/proc/self/status", encoding="ascii") as file:
        assert ours.link.send(b"take this", [file.fileno()])
        clock.settle()

    assert theirs.received == [b"take this"]
    assert theirs.descriptors == [f"/proc/{os.getpid()}/status"]


def test_what_the_kernel_does_not_take_waits(
    ours: End, theirs: End, clock: FakeClock
) -> None:
    sent = packets(90)
    for data in sent:
        assert ours.link.send(data)
    assert 0 < ours.link.waiting <= MOST

    clock.settle()

    assert theirs.received == sent
    assert ours.link.waiting == 0
    assert clock.armed == 0


def test_no_more_waits_than_may(
    ours: End, sockets: tuple[socket.socket, socket.socket], clock: FakeClock
) -> None:
    sent = 0
    while ours.link.send(bytes(10_000)):
        sent += 1
        assert sent < 1000

    assert MOST - 10_000 < ours.link.waiting <= MOST
    # The kernel can take more although the loop has not run.
    sockets[1].recv(20_000)
    assert ours.link.send(bytes(10_000))
    assert not ours.link.closed


def test_who_takes_nothing_is_given_up(ours: End, clock: FakeClock) -> None:
    for data in packets(50):
        ours.link.send(data)
    waiting = len(ours.link.unsent)

    clock.advance(PATIENCE - 0.1)
    assert ours.ends == []
    clock.advance(0.1)

    assert ours.ends == ["it has taken nothing for 2 seconds"]
    assert ours.link.closed
    assert not ours.link.send(b"more")
    assert len(ours.link.unsent) == waiting > 0


def test_who_takes_little_by_little_is_not_given_up(
    ours: End, sockets: tuple[socket.socket, socket.socket], clock: FakeClock
) -> None:
    for data in packets(90):
        ours.link.send(data)

    for _ in range(10):
        for _ in range(5):
            sockets[1].recv(20_000)
        clock.advance(PATIENCE - 0.1)

    assert ours.ends == []


def test_how_long_is_for_who_makes_the_link_to_say(
    sockets: tuple[socket.socket, socket.socket], reactor: Reactor, clock: FakeClock
) -> None:
    end = End(sockets[0], reactor, patience=5.0)
    for data in packets(50):
        end.link.send(data)

    clock.advance(4.9)
    assert end.ends == []
    clock.advance(0.1)

    assert end.ends == ["it has taken nothing for 5 seconds"]


def test_the_end_is_told_once(ours: End, theirs: End, clock: FakeClock) -> None:
    ours.link.send(b"last")
    ours.link.close()
    ours.link.close()
    clock.settle()

    assert theirs.received == [b"last"]
    assert theirs.ends == ["it has closed"]
    assert ours.ends == []
    assert not theirs.link.send(b"too late")
    assert theirs.ends == ["it has closed"]


def test_the_end_may_be_noticed_while_sending(
    ours: End, sockets: tuple[socket.socket, socket.socket]
) -> None:
    sockets[1].close()

    assert not ours.link.send(b"data")

    assert ours.ends == ["it has gone: Broken pipe"]


def test_all_that_has_come_can_be_read_at_once(ours: End, theirs: End) -> None:
    sent = packets(10)
    for data in sent:
        ours.link.send(data)
    ours.link.close()

    theirs.link.read_all()

    assert theirs.received == sent
    assert theirs.ends == ["it has closed"]


def test_a_busy_sibling_is_read_in_turns(ours: End, theirs: End) -> None:
    # The rest comes in later passes of the loop.
    for data in packets(12):
        ours.link.send(data)

    theirs.link._on_readable()

    assert len(theirs.received) == 7


def test_a_packet_that_fails_ends_its_link_only(
    sockets: tuple[socket.socket, socket.socket],
    reactor: Reactor,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ends: list[str] = []
    plain: Any = PlainSocket(fileno=sockets[0].detach())
    plain.setblocking(False)
    Link(
        plain,
        reactor,
        most=MOST,
        on_packet=lambda data, descriptors: 1 / 0,  # type: ignore[arg-type]
        on_end=ends.append,
    )
    sockets[1].send(b"data")

    clock.settle()

    assert ends == ["a packet of it failed"]
    assert "ZeroDivisionError" in caplog.text


def test_no_descriptor_is_left(ours: End, theirs: End, clock: FakeClock) -> None:
    with open("/proc/self/status", encoding="ascii") as file:
        ours.link.send(b"take this", [file.fileno()])
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        # The kernel looks for a number below the limit.
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            clock.settle()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert theirs.received == []
    assert theirs.ends == [
        "a descriptor did not arrive: is the limit of open files met?"
    ]


def test_more_descriptors_than_a_packet_has_are_closed(
    ours: End, theirs: End, clock: FakeClock
) -> None:
    with open("/proc/self/status", encoding="ascii") as file:
        before = os.listdir("/proc/self/fd")
        ours.link.send(b"take these", [file.fileno()] * 5)
        clock.settle()
        # Both ends of the link are closed.
        after = os.listdir("/proc/self/fd")

    assert theirs.received == []
    assert len(theirs.ends) == 1
    assert len(after) == len(before) - 2


def test_a_process_that_is_stopped_and_killed(
    ours: End, sockets: tuple[socket.socket, socket.socket], clock: FakeClock
) -> None:
    child = os.fork()
    if child == 0:
        ours.link.sock.close()
        signal.pause()
        os._exit(0)
    sockets[1].close()
    os.kill(child, signal.SIGSTOP)
    for data in packets(50):
        assert ours.link.send(data)
    assert ours.link.waiting
    clock.settle()
    assert ours.ends == []

    os.kill(child, signal.SIGKILL)
    reap(child)
    clock.settle()

    assert len(ours.ends) == 1
    assert ours.ends[0].startswith("it has gone")


def test_a_forked_child_may_drop_its_copy(
    ours: End, theirs: End, clock: FakeClock
) -> None:
    def forget() -> bool:
        ours.link.forget()
        theirs.link.forget()
        return not ours.link.send(b"from the child")

    assert in_child(forget)

    ours.link.send(b"still here")
    clock.settle()

    assert theirs.received == [b"still here"]
    assert ours.ends == theirs.ends == []
