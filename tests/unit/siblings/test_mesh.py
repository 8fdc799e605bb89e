from __future__ import annotations

import logging
import os
from _socket import socket as PlainSocket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockio.runtime.reactor import Reactor
from sockio.siblings.link import Link
from sockio.siblings.member import HANGING, PAUSE, SILENT, Member
from sockio.siblings.mesh import KIND, Mesh
from sockio.siblings.packets import HERE, LARGEST, Reader, pack
from sockio.siblings.place import Folder
from sockio.siblings.siblings import Siblings
from sockio.testing import FakeClock


class Process:
    """A process in the mesh, and what it hears."""

    def __init__(self, folder: Path, reactor: Reactor, name: str) -> None:
        self.name = name
        self.siblings = Siblings(Folder(folder), reactor)
        self.mesh = Mesh(self.siblings, reactor, self)
        #: What happened, in order.
        self.told: list[str] = []
        #: What was said, by the tag of who said it.
        self.said: dict[str, list[bytes]] = {}

    @property
    def tag(self) -> str:
        return self.siblings.tag

    def open(self) -> None:
        """Meet the others."""
        self.siblings.open()
        self.mesh.open()

    def member(self, other: Process) -> Member:
        """Return another process, as this one sees it."""
        (member,) = [m for m in self.mesh if m.tag == other.tag]
        return member

    def say(self, *messages: bytes) -> None:
        """Say something to all others."""
        for message in messages:
            packed = pack(message)
            for member in list(self.mesh):
                member.put(packed)

    def heard_of(self, other: Process) -> list[bytes]:
        """Return what another process said, greetings included."""
        return self.said.get(other.tag, [])

    def close(self) -> None:
        self.mesh.close()
        self.siblings.close()

    # what a mesh tells

    def greeting(self) -> bytes:
        return f"I am {self.name}".encode()

    def heard(self, member: Member, message: bytes) -> None:
        self.said.setdefault(member.tag, []).append(message)

    def changed(self, member: Member) -> None:
        self.told.append(member.state)

    def left(self, member: Member) -> None:
        self.told.append("left")

    def gone(self, member: Member) -> None:
        self.told.append("gone")


class Hanging:
    """A process that answers nobody: all that it does is listen, and call."""

    def __init__(self, folder: Path) -> None:
        self.place = Folder(folder)
        self.tag = "hang"
        self.listener = self.place.bind(self.tag)

    def fill(self) -> list[PlainSocket]:
        """Call it until nobody is let in any more; return the callers."""
        callers: list[PlainSocket] = []
        try:
            while len(callers) < 10_000:
                callers.append(self.place.connect(self.tag))
        except BlockingIOError:
            return callers
        raise AssertionError("everybody is let in")

    def end(self) -> None:
        self.listener.close()
        self.place.leave(self.tag)


class Speaker:
    """A process of which only one link is seen: it says what a test wants."""

    def __init__(self, folder: Path, reactor: Reactor, to: str) -> None:
        self.siblings = Siblings(Folder(folder), reactor)
        self.siblings.welcome(KIND, self._welcome)
        self.siblings.open()
        self._clock = reactor.clock
        #: Whether it answers.
        self.answers = True
        #: When it was asked to.
        self.asked: list[float] = []
        self.ends: list[str] = []
        self.heard: list[bytes] = []
        self.called: Link | None = None
        self._to = to
        self.link = self.siblings.connect(
            to,
            KIND,
            most=1 << 20,
            on_packet=lambda data, descriptors: None,
            on_end=self.ends.append,
        )

    def _welcome(self, link: Link, tag: str) -> None:
        reader = Reader()

        def on_packet(data: bytes, descriptors: object) -> None:
            messages, asks = reader.read(data)
            self.heard.extend(messages)
            if asks:
                self.asked.append(self._clock.now())
                if self.answers:
                    link.send(HERE)

        link.on_packet = on_packet
        link.on_end = lambda why: None
        if tag == self._to:
            self.called = link


@pytest.fixture
def processes(tmp_path: Path, reactor: Reactor) -> Iterator[list[Process]]:
    """Give three processes; none has opened its mesh."""
    processes = [Process(tmp_path, reactor, name) for name in "abc"]
    yield processes
    for process in processes:
        process.close()


@pytest.fixture
def three(processes: list[Process], clock: FakeClock) -> list[Process]:
    """Give three processes that know each other."""
    for process in processes:
        process.open()
        clock.settle()
    return processes


@pytest.fixture
def alone(tmp_path: Path, reactor: Reactor) -> Iterator[Process]:
    """Give one process that has not opened its mesh yet."""
    process = Process(tmp_path, reactor, "alone")
    yield process
    process.close()


# ------------------------------------------------------------------ meeting


def test_each_meets_each(three: list[Process]) -> None:
    for process in three:
        others = [other for other in three if other is not process]
        assert sorted(m.tag for m in process.mesh) == sorted(o.tag for o in others)
        assert process.told == ["here", "here"]
        for other in others:
            assert process.heard_of(other) == [f"I am {other.name}".encode()]


def test_those_who_begin_at_once_meet_too(
    processes: list[Process], clock: FakeClock
) -> None:
    for process in processes:
        process.open()
    clock.settle()

    assert [process.told for process in processes] == [["here", "here"]] * 3


def test_what_is_said_before_the_answer_waits(
    processes: list[Process], clock: FakeClock
) -> None:
    first, second, _ = processes
    second.open()
    first.open()
    first.say(b"early")
    clock.settle()

    assert second.heard_of(first) == [b"I am a", b"early"]


def test_all_is_heard_in_order(three: list[Process], clock: FakeClock) -> None:
    first, second, third = three
    sent = [
        b"%d" % number * (100_000 if number % 10 == 5 else 1) for number in range(50)
    ]

    first.say(*sent)
    second.say(b"meanwhile")
    clock.settle()

    for other in (second, third):
        assert other.heard_of(first)[1:] == sent
    assert third.heard_of(second)[1:] == [b"meanwhile"]


def test_short_messages_share_packets(
    tmp_path: Path, alone: Process, reactor: Reactor, clock: FakeClock
) -> None:
    alone.open()
    speaker = Speaker(tmp_path, reactor, alone.tag)
    clock.settle()
    assert speaker.called is not None
    packets: list[bytes] = []
    speaker.called.on_packet = lambda data, _: packets.append(data)

    alone.say(*[b"x" * 100] * 1000)
    clock.settle()

    assert len(packets) == 4
    speaker.siblings.close()
    clock.settle()


# ------------------------------------------------------------------ leaving


def test_who_ends_is_gone_at_once(three: list[Process], clock: FakeClock) -> None:
    first, second, third = three

    third.say(b"bye")
    third.close()
    clock.settle()

    assert first.told == second.told == ["here", "here", "left", "gone"]
    assert first.heard_of(third) == [b"I am c", b"bye"]
    assert [member.tag for member in first.mesh] == [second.tag]
    first.say(b"still here")
    clock.settle()
    assert second.heard_of(first)[-1] == b"still here"
    assert first.mesh.lost == 0


def test_what_was_said_before_the_end_is_heard(
    three: list[Process], clock: FakeClock
) -> None:
    # The end of the link on which we speak may be noticed before the last words.
    first, second, _ = three
    second.say(b"bye")
    second.member(first).flush()
    link = first.member(second)._out
    second.close()
    assert link is not None

    link.read_all()

    assert first.heard_of(second)[-1] == b"bye"
    clock.settle()
    assert first.told[-2:] == ["left", "gone"]


def test_who_closes_only_its_mesh_is_called_again(
    three: list[Process], reactor: Reactor, clock: FakeClock
) -> None:
    # It has another bus then, and comes back.
    first, second, _ = three
    second.mesh.close()
    clock.settle()
    assert first.told[:3] == ["here", "here", "left"]
    assert "here" not in first.told[3:]

    first.say(b"missed", b"missed, too")
    second.mesh = Mesh(second.siblings, reactor, second)
    second.mesh.open()
    clock.settle()
    first.say(b"heard")
    clock.settle()

    assert first.told[-1] == "here"
    assert second.heard_of(first)[-2:] == [b"I am a", b"heard"]
    assert (first.mesh.lost, first.mesh.returned) == (2, 1)


def test_who_accepts_and_leaves_is_called_less_and_less_often(
    tmp_path: Path, alone: Process, reactor: Reactor, clock: FakeClock
) -> None:
    other = Siblings(Folder(tmp_path), reactor)
    other.open()  # it knows no links of this kind: another release
    times: list[float] = []
    alone.left = lambda member: times.append(clock.now())  # type: ignore[method-assign]
    alone.open()

    clock.advance(20)

    assert times[:3] == [0.0, 0.0, 0.25]
    assert times[-1] - times[-2] == 5.0
    assert len(times) < 12
    other.close()
    clock.advance(5)
    assert alone.told[-1] == "gone"


class Inattentive(Folder):
    """A folder in which nobody is seen at the first looks."""

    looks = 0

    def tags(self) -> list[str]:
        self.looks += 1
        return super().tags() if self.looks > 2 else []


def test_who_was_overlooked_is_met_later(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    first, second = (Process(tmp_path, reactor, name) for name in "ab")
    second.siblings = Siblings(Inattentive(tmp_path), reactor)
    second.mesh = Mesh(second.siblings, reactor, second)
    for each in (first, second):
        each.open()
    clock.settle()
    assert first.told == second.told == []

    clock.advance(20)

    assert first.heard_of(second) == [b"I am b"]
    assert second.heard_of(first) == [b"I am a"]
    for each in (first, second):
        each.close()
    clock.settle()
    assert clock.armed == 0


# ------------------------------------------------------------------ silence


def test_who_is_silent_is_not_waited_for(
    three: list[Process], tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    first = three[0]
    speaker = Speaker(tmp_path, reactor, first.tag)
    clock.settle()
    clock.advance(PAUSE)
    speaker.answers = False

    first.say(b"are you there?")
    clock.advance(SILENT - 0.1)
    assert first.told[-1] == "here"
    clock.advance(0.1)
    assert first.told[-1] == "silent"

    # Nobody else is disturbed.
    first.say(b"more")
    clock.settle()
    assert three[1].heard_of(first)[-1] == b"more"
    # If it answers, it is here again.
    assert speaker.called is not None
    speaker.answers = True
    speaker.called.send(HERE)
    clock.settle()
    assert first.told[-1] == "here"
    assert "left" not in first.told
    first.say(b"welcome back")
    clock.settle()
    assert speaker.heard[-1] == b"welcome back"
    speaker.siblings.close()
    clock.settle()


def test_who_is_silent_for_long_is_dropped(
    tmp_path: Path,
    alone: Process,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging = Hanging(tmp_path)
    alone.open()
    alone.say(b"are you there?")

    clock.advance(SILENT)
    assert alone.told == ["silent"]
    clock.advance(HANGING - SILENT)

    assert alone.told == ["silent", "left"]
    assert "the sibling hang hangs: nobody waits for it" in caplog.text
    assert "hang is dropped: it has not answered for 30 seconds" in caplog.text
    assert alone.mesh.dropped == 1
    hanging.end()
    clock.advance(0.25)
    assert alone.told == ["silent", "left", "gone"]


def test_who_hung_while_it_was_called_hears_all(
    tmp_path: Path, alone: Process, reactor: Reactor, clock: FakeClock
) -> None:
    late = Process(tmp_path, reactor, "late")
    late.siblings.open()
    alone.open()
    alone.say(b"are you there?")
    for _ in range(3):
        late.siblings._stop()  # as if it computed
        clock.advance(SILENT)
    assert alone.told == ["silent"]

    late.siblings._watch()
    late.mesh.open()
    clock.settle()

    assert alone.told == ["silent", "here"]
    assert late.heard_of(alone) == [b"I am alone", b"are you there?"]
    late.close()
    clock.settle()


def test_answers_are_asked_for_now_and_then(
    tmp_path: Path, alone: Process, reactor: Reactor, clock: FakeClock
) -> None:
    alone.open()
    speaker = Speaker(tmp_path, reactor, alone.tag)
    clock.settle()
    clock.advance(PAUSE)
    for _ in range(100):
        alone.say(b"x")
        clock.advance(0.01)
    assert [round(at, 1) for at in speaker.asked[:3]] == [0.0, 0.5, 1.0]
    # One more is about what was said since the last one; after that nobody asks.
    clock.advance(60)
    assert speaker.asked[-1] < 2.5
    speaker.siblings.close()
    clock.settle()


def test_a_full_backlog_is_tried_again(
    tmp_path: Path, alone: Process, clock: FakeClock
) -> None:
    hanging = Hanging(tmp_path)
    callers = hanging.fill()

    alone.open()
    clock.advance(3)
    assert alone.told == []

    for caller in callers:
        caller.close()
    hanging.end()
    clock.advance(5)
    assert alone.told == ["gone"]
    assert len(alone.mesh) == 0


# ------------------------------------------------------------------ too slow


def test_who_is_silent_and_falls_behind_is_dropped(
    tmp_path: Path,
    alone: Process,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging = Hanging(tmp_path)
    alone.open()
    (member,) = alone.mesh
    for _ in range(18):
        alone.say(bytes(1 << 20))
    assert alone.told == []

    clock.advance(SILENT)
    assert alone.told == ["silent"]
    alone.say(b"one more")
    clock.settle()

    assert alone.told == ["silent", "left"]
    assert "hang is dropped: 17 MiB wait for it" in caplog.text
    assert member.missed == 19
    assert member.waiting == 0
    hanging.end()
    clock.advance(1)


def test_who_answers_may_fall_behind_by_the_longest_message(
    tmp_path: Path, alone: Process, clock: FakeClock
) -> None:
    hanging = Hanging(tmp_path)
    alone.open()
    (member,) = alone.mesh
    longest = pack(bytes(LARGEST))

    member.put(pack(b"x"))
    member.put(longest)
    member.put(pack(b"x"))
    assert LARGEST - (1 << 20) < member.waiting < LARGEST + (1 << 20)
    assert alone.told == []
    member.put(longest)

    assert alone.told == ["left"]
    # What the kernel has taken may still be heard.
    assert member.missed == 3
    hanging.end()
    clock.advance(1)


def test_a_long_message_waits_until_it_is_taken(
    three: list[Process], clock: FakeClock
) -> None:
    first, second, third = three
    message = bytes(range(256)) * (3 << 12)

    first.say(message, b"behind it")
    clock.settle()

    for other in (second, third):
        assert other.heard_of(first)[1:] == [message, b"behind it"]


# ------------------------------------------------------------------ strange siblings


@pytest.mark.parametrize("packet", [b"\x04what?", b"\0\0\0\0\5", HERE])
def test_what_cannot_be_read_ends_only_its_link(
    three: list[Process],
    tmp_path: Path,
    reactor: Reactor,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    packet: bytes,
) -> None:
    first, second, _ = three
    speaker = Speaker(tmp_path, reactor, first.tag)
    clock.settle()

    speaker.link.send(packet)
    clock.settle()

    assert speaker.ends == ["it has closed"]
    assert first.told == ["here", "here", "here", "left"]
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []
    second.say(b"undisturbed")
    clock.settle()
    assert first.heard_of(second)[-1] == b"undisturbed"
    speaker.siblings.close()
    clock.advance(1)


def test_who_calls_twice_is_heard_on_the_second_link(
    three: list[Process], tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    first = three[0]
    speaker = Speaker(tmp_path, reactor, first.tag)
    clock.settle()
    speaker.link.send(b"\0\0\0\0\5first")

    again = speaker.siblings.connect(
        first.tag, KIND, most=1, on_packet=lambda *_: None, on_end=lambda why: None
    )
    again.send(b"\0\0\0\0\6second")
    clock.settle()

    assert speaker.ends == ["it has closed"]
    assert first.said[speaker.siblings.tag] == [b"first", b"second"]
    assert first.told[-3:] == ["here", "left", "here"]
    speaker.siblings.close()
    clock.settle()


def test_a_call_under_our_own_tag_is_refused(
    alone: Process, tmp_path: Path, clock: FakeClock
) -> None:
    alone.open()
    caller = Folder(tmp_path).connect(alone.tag)
    caller.send(f"{KIND} {alone.tag}".encode())

    clock.settle()

    assert len(alone.mesh) == 0
    assert caller.recv(1) == b""
    caller.close()


def test_who_calls_but_does_not_listen_is_no_member(
    alone: Process, tmp_path: Path, clock: FakeClock
) -> None:
    alone.open()
    caller = Folder(tmp_path).connect(alone.tag)
    caller.send(f"{KIND} abcd".encode())

    clock.settle()

    assert len(alone.mesh) == 0
    assert alone.told == ["left", "gone"]
    caller.close()


def test_descriptors_that_nobody_expects_are_closed(
    three: list[Process], tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    first = three[0]
    speaker = Speaker(tmp_path, reactor, first.tag)
    clock.settle()
    assert speaker.called is not None
    before = len(os.listdir("/proc/self/fd"))
    with open("/proc/self/status", encoding="ascii") as file:
        speaker.link.send(b"\0", [file.fileno()])
        speaker.called.send(HERE, [file.fileno()])
        clock.settle()

    assert len(os.listdir("/proc/self/fd")) == before
    assert speaker.ends == []
    speaker.siblings.close()
    clock.settle()
