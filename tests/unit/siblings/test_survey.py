from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.event
import pytest

from sockio.runtime.reactor import Reactor
from sockio.siblings.link import PACKET, Link
from sockio.siblings.place import Folder
from sockio.siblings.siblings import Siblings
from sockio.siblings.survey import Survey
from sockio.testing import FakeClock

#: Seconds for an answer.
SECONDS = 2.0


class Process:
    """A process that answers what it is told to."""

    def __init__(self, place: Folder, reactor: Reactor) -> None:
        self.siblings = Siblings(place, reactor)
        self.answer: Callable[[], bytes] = lambda: self.tag.encode()
        self.survey = Survey(
            self.siblings, reactor, "test/1", self._say, seconds=SECONDS
        )
        self.siblings.open()

    @property
    def tag(self) -> str:
        return self.siblings.tag

    def _say(self) -> bytes:
        return self.answer()

    def close(self) -> None:
        self.survey.close()
        self.siblings.close()


@pytest.fixture
def processes(tmp_path: Path, reactor: Reactor) -> Iterator[list[Process]]:
    processes = [Process(Folder(tmp_path), reactor) for _ in range(3)]
    yield processes
    for process in processes:
        process.close()


def asked_by(process: Process, clock: FakeClock) -> Any:
    """Ask all others, and let time pass for those who do not answer."""
    asking = gevent.spawn(process.survey.ask)
    clock.settle()
    if not asking.ready():
        clock.advance(SECONDS)
    return asking.get(timeout=60)


def test_all_others_answer(processes: list[Process], clock: FakeClock) -> None:
    first, second, third = processes

    answers = asked_by(first, clock)

    assert answers.by_tag == {each.tag: each.tag.encode() for each in (second, third)}
    assert answers.silent == 0
    assert first.survey.tag == first.tag


def test_nobody_is_there(tmp_path: Path, reactor: Reactor, clock: FakeClock) -> None:
    alone = Process(Folder(tmp_path), reactor)

    assert asked_by(alone, clock) == ({}, 0)
    alone.close()


def test_a_long_answer(processes: list[Process], clock: FakeClock) -> None:
    long = b"x" * (3 * PACKET)
    processes[1].answer = lambda: long

    answers = asked_by(processes[0], clock)

    assert answers.by_tag[processes[1].tag] == long


def test_one_that_hangs_is_not_waited_for(
    processes: list[Process], clock: FakeClock
) -> None:
    never = gevent.event.Event()
    processes[1].answer = lambda: str(never.wait()).encode()

    answers = asked_by(processes[0], clock)

    assert list(answers.by_tag) == [processes[2].tag]
    assert answers.silent == 1
    never.set()
    clock.settle()


def test_one_that_fails_says_why_in_its_log(
    processes: list[Process], clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bytes:
        raise RuntimeError("no answer today")

    processes[1].answer = fail

    with caplog.at_level(logging.ERROR, "sockio.siblings"):
        answers = asked_by(processes[0], clock)

    assert answers.silent == 1
    assert "no answer today" in caplog.text


def test_one_that_has_gone_is_not_missed(
    processes: list[Process], clock: FakeClock
) -> None:
    processes[1].siblings.close()

    assert asked_by(processes[0], clock).silent == 0


def test_one_of_another_release_does_not_know_the_question(
    processes: list[Process], clock: FakeClock
) -> None:
    processes[1].siblings._welcomes.clear()

    answers = asked_by(processes[0], clock)

    assert list(answers.by_tag) == [processes[2].tag]
    assert answers.silent == 1


class Busy(Siblings):
    """The others, of whom nobody accepts a link."""

    def connect(self, tag: str, kind: str, **how: Any) -> Link:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


def test_one_that_accepts_nobody(
    processes: list[Process], tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    siblings = Busy(Folder(tmp_path), reactor)
    survey = Survey(siblings, reactor, "test/1", bytes, seconds=SECONDS)
    siblings.open()

    assert survey.ask() == ({}, len(processes))
    siblings.close()


def test_an_answer_that_cannot_be_read(
    processes: list[Process], clock: FakeClock
) -> None:
    def welcome(link: Link, tag: str) -> None:
        link.send(b"\x07nonsense")

    processes[1].siblings.welcome("test/1", welcome)

    assert asked_by(processes[0], clock).silent == 1


def test_who_asks_and_hangs_loses_its_link(
    processes: list[Process], clock: FakeClock
) -> None:
    first, second, _ = processes
    ends: list[str] = []
    link = first.siblings.connect(
        second.tag,
        "test/1",
        most=1024,
        on_packet=lambda data, descriptors: None,
        on_end=ends.append,
    )
    reading, writing = os.pipe()
    link.send(b"nobody wants this", [writing])
    os.close(writing)
    clock.settle()

    clock.advance(2 * SECONDS)

    assert ends == ["it has closed"]
    assert link.closed
    assert os.read(reading, 1) == b""  # nobody has kept the descriptor
    os.close(reading)


def test_an_answer_that_nobody_takes(
    processes: list[Process], clock: FakeClock
) -> None:
    first, second, _ = processes
    second.answer = lambda: b"x" * (8 << 20)
    ends: list[str] = []
    link = first.siblings.connect(
        second.tag,
        "test/1",
        most=1024,
        on_packet=lambda data, descriptors: None,
        on_end=ends.append,
    )

    while not ends:
        clock.settle()

    assert link.closed
