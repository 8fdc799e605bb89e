from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest

from sockio.engine.handover.carried import CarriedStream
from sockio.engine.handover.transfer import Transfer
from sockio.engine.handover.way import STREAMS
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import PATIENCE, Link
from sockio.siblings.siblings import Siblings
from sockio.testing import FakeClock

from .test_carried import Reader, Session


class Process:
    """What one process has; what is carried to it echoes."""

    def __init__(self, siblings: Siblings, reactor: Reactor) -> None:
        self.siblings = siblings
        self.transfer = Transfer(siblings, reactor, self.take)
        self.taken: list[CarriedStream] = []
        self.reader = Reader()
        siblings.open()

    def take(self, stream: CarriedStream) -> None:
        self.taken.append(stream)
        stream.start(self.reader)
        stream.write(b"welcome")

    @property
    def sid(self) -> str:
        return f"{self.siblings.tag}0123456789abcdef"


@pytest.fixture
def port(join: Callable[[], Siblings], reactor: Reactor) -> Process:
    return Process(join(), reactor)


@pytest.fixture
def owner(join: Callable[[], Siblings], reactor: Reactor) -> Process:
    return Process(join(), reactor)


def test_only_the_ids_of_other_processes_are_foreign(
    port: Process, owner: Process
) -> None:
    assert port.transfer.is_foreign(owner.sid)
    assert port.transfer.is_foreign(f"mine~{owner.siblings.tag}")
    assert not port.transfer.is_foreign(port.sid)
    assert not port.transfer.is_foreign("mine")


def test_the_owner_gets_the_stream(
    port: Process, owner: Process, clock: FakeClock, descriptors: Callable[[], int]
) -> None:
    before = descriptors()
    session = Session()
    early = b"x" * 100_000

    port.transfer.carry(owner.sid, session, early)
    clock.settle()
    session.receiver.received(b"more")
    clock.settle()

    assert owner.reader.got == early + b"more"
    assert session.got == b"welcome"
    session.receiver.ended()
    clock.settle()
    assert owner.reader.told == ["ended"]
    port.transfer.close()
    clock.settle()
    assert descriptors() == before


def test_who_is_not_there_gets_nothing(port: Process, clock: FakeClock) -> None:
    session = Session()

    port.transfer.carry("AAAA0123456789abcdef", session, b"early")

    assert session.told == [("close", True)]


def test_a_process_that_hangs_does_not_get_it(
    port: Process,
    join: Callable[[], Siblings],
    clock: FakeClock,
    descriptors: Callable[[], int],
) -> None:
    def drop(data: bytes, files: Sequence[int]) -> None:
        for file in files:
            os.close(file)

    def confirm_nothing(link: Link, tag: str) -> None:
        link.on_packet = drop

    other = join()
    other.welcome(STREAMS, confirm_nothing)
    other.open()
    session = Session()

    port.transfer.carry(f"{other.tag}0123456789abcdef", session, b"early")
    clock.advance(PATIENCE + 0.1)

    assert session.told == ["resume", ("close", True)]
    late = Session()
    port.transfer.carry(f"{other.tag}0123456789abcdef", late, b"early")
    assert late.told == [("close", True)]


def test_a_process_without_webtransport_does_not_get_it(
    port: Process, join: Callable[[], Siblings], clock: FakeClock
) -> None:
    other = join()
    other.open()
    session = Session()

    port.transfer.carry(f"{other.tag}0123456789abcdef", session, b"early")
    clock.settle()

    assert session.told == ["resume", ("close", True)]
