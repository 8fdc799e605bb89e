from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import pytest

from sockio.runtime.ids import is_tag, new_tag
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import Link
from sockio.siblings.place import Folder, Names
from sockio.siblings.siblings import Siblings
from sockio.testing import FakeClock

from .conftest import as_somebody_else, in_child


class Process:
    """What one process has, and what came to it."""

    def __init__(self, place: Folder | Names, reactor: Reactor) -> None:
        self.siblings = Siblings(place, reactor)
        self.siblings.welcome("test", self._welcome)
        self.siblings.open()
        self.tag = self.siblings.tag
        #: The tags of callers.
        self.callers: list[str] = []
        self.received: list[bytes] = []
        self.ends: list[str] = []
        self.links: list[Link] = []

    def _welcome(self, link: Link, tag: str) -> None:
        self.callers.append(tag)
        self.links.append(link)
        link.on_packet = self.on_packet
        link.on_end = self.ends.append

    def on_packet(self, data: bytes, descriptors: Sequence[int]) -> None:
        self.received.append(data)

    def connect(self, tag: str, kind: str = "test") -> Link:
        link = self.siblings.connect(
            tag,
            kind,
            most=1 << 20,
            on_packet=self.on_packet,
            on_end=self.ends.append,
        )
        self.links.append(link)
        return link


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def processes(place: Folder, reactor: Reactor) -> Iterator[list[Process]]:
    processes = [Process(place, reactor) for _ in range(2)]
    yield processes
    for process in processes:
        process.siblings.close()


def listening(process: Process) -> int:
    """Return the descriptor under which a process listens."""
    listener = process.siblings._listener
    assert listener is not None
    return listener.fileno()


def test_siblings_find_and_call_each_other(
    processes: list[Process], clock: FakeClock
) -> None:
    first, second = processes
    assert first.siblings.others == [second.tag]

    link = first.connect(second.tag)
    link.send(b"hello")
    clock.settle()
    assert second.callers == [first.tag]
    assert second.received == [b"hello"]

    second.links[0].send(b"hello yourself")
    clock.settle()
    assert first.received == [b"hello yourself"]


def test_a_tag_is_four_characters() -> None:
    tags = {new_tag() for _ in range(50)}

    assert len(tags) == 50
    assert all(is_tag(tag) for tag in tags)


def test_a_tag_that_is_taken_is_drawn_anew(
    processes: list[Process], place: Folder, reactor: Reactor
) -> None:
    third = Siblings(place, reactor)
    third.open(processes[0].tag)

    assert third.tag not in ("", processes[0].tag, processes[1].tag)
    third.close()
    fourth = Siblings(place, reactor)
    fourth.open("4444")
    assert fourth.tag == "4444"
    fourth.close()


def test_who_has_closed_is_no_sibling(
    processes: list[Process], clock: FakeClock
) -> None:
    first, second = processes
    first.connect(second.tag)
    clock.settle()

    second.siblings.close()
    clock.settle()

    assert first.ends == ["it has closed"]
    assert first.siblings.others == []
    with pytest.raises(ConnectionRefusedError):
        first.connect(second.tag)


def test_who_says_nothing_is_given_up(
    processes: list[Process], place: Folder, clock: FakeClock
) -> None:
    caller = place.connect(processes[0].tag)
    clock.advance(1.9)
    with pytest.raises(BlockingIOError):
        caller.recv(1)

    clock.advance(0.1)

    assert caller.recv(1) == b""
    caller.close()


@pytest.mark.parametrize(
    "greeting",
    [b"test/2 abcd", b"test abc", b"test abcd5", b"test", b"\xff\0", b"test a/cd"],
)
def test_another_release_is_not_misread(
    processes: list[Process], place: Folder, clock: FakeClock, greeting: bytes
) -> None:
    caller = place.connect(processes[0].tag)
    caller.send(greeting)
    caller.send(b"data")

    clock.settle()

    with suppress(ConnectionResetError):  # since something is unread
        assert caller.recv(1) == b""
    assert processes[0].callers == []
    assert processes[0].received == []
    caller.close()


def test_descriptors_of_a_stranger_are_closed(
    processes: list[Process], place: Folder, clock: FakeClock
) -> None:
    caller = socket.socket(fileno=place.connect(processes[0].tag).detach())
    clock.settle()
    before = len(os.listdir("/proc/self/fd"))
    with open("/proc/self/status", encoding="ascii") as file:
        socket.send_fds(caller, [f"test {new_tag()}".encode()], [file.fileno()])
    clock.settle()

    assert len(os.listdir("/proc/self/fd")) == before
    caller.close()


def test_many_call_at_once(
    processes: list[Process], place: Folder, clock: FakeClock
) -> None:
    # More than are accepted in one pass of the loop.
    tags = [f"a{number:03}" for number in range(50)]
    callers = [place.connect(processes[0].tag) for _ in tags]
    for caller, tag in zip(callers, tags, strict=True):
        caller.send(f"test {tag}".encode())

    clock.settle()

    assert sorted(processes[0].callers) == tags
    for caller in callers:
        caller.close()


def test_who_has_no_descriptor_left_accepts_later(
    processes: list[Process],
    place: Folder,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caller = place.connect(processes[0].tag)
    caller.send(b"test abcd")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        clock.settle()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert processes[0].callers == []
    assert "a sibling cannot be accepted: Too many open files" in caplog.text

    clock.advance(0.1)

    assert processes[0].callers == ["abcd"]
    caller.close()


# ------------------------------------------------------------------ other users


@pytest.fixture
def names(reactor: Reactor) -> Iterator[tuple[Names, Process]]:
    """Give a place that no folder protects, and a process in it."""
    names = Names(os.urandom(8).hex())
    process = Process(names, reactor)
    yield names, process
    process.siblings.close()


def test_a_process_of_another_user_is_not_accepted(
    names: tuple[Names, Process], clock: FakeClock
) -> None:
    place, process = names

    def call() -> bool:
        caller: Any = place.connect(process.tag)
        caller.settimeout(30)
        with suppress(ConnectionError):
            caller.send(b"test abcd")
            return bool(caller.recv(1) == b"")
        return True

    assert as_somebody_else(call)
    assert process.callers == []


def test_a_process_of_another_user_is_not_called(
    names: tuple[Names, Process], clock: FakeClock
) -> None:
    place, process = names
    ours, theirs = socket.socketpair()

    def listen_and_pass_on() -> bool:
        listener = place.bind("evil")
        socket.send_fds(theirs, [b"x"], [listener.fileno()])
        return True

    assert as_somebody_else(listen_and_pass_on)
    _, (descriptor,), _, _ = socket.recv_fds(ours, 1, 1)

    with pytest.raises(PermissionError, match="evil belongs to another user"):
        process.connect("evil")

    os.close(descriptor)
    ours.close()
    theirs.close()


# ------------------------------------------------------------------ forked children


def test_a_forked_child_keeps_nothing_open(
    processes: list[Process], clock: FakeClock
) -> None:
    first, second = processes
    first.connect(second.tag)
    clock.settle()
    descriptors = [listening(first), listening(second)]
    descriptors += [link.sock.fileno() for link in first.links + second.links]
    assert len(descriptors) == 4

    assert in_child(lambda: not any(map(is_open, descriptors)))

    assert all(map(is_open, descriptors))
    first.links[0].send(b"still here")
    clock.settle()
    assert second.received == [b"still here"]


def test_a_forked_child_is_nobody(
    processes: list[Process], place: Folder, clock: FakeClock
) -> None:
    # It may use its hub, and close what it takes for its own.
    first, second = processes
    link = first.connect(second.tag)
    clock.settle()

    def as_child() -> bool:
        gevent.reinit()
        clock.settle()
        with suppress(ConnectionRefusedError):
            first.connect(second.tag)
            return False
        said = link.send(b"from the child")
        for process in processes:
            process.siblings.close()
        clock.settle()
        return not said

    assert in_child(as_child)
    clock.settle()
    assert first.ends == second.ends == []
    assert second.received == []
    assert place.tags() == sorted(process.tag for process in processes)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
