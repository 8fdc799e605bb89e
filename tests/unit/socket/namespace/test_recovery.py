from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import sockio
from sockio.adapters.adapter import Session
from sockio.engine.intake import Intake, Tally
from sockio.protocol.socketio import JsonParser
from sockio.socket.namespace.recoverable_socket import RecoverableSocket


class Link:
    """The connection of a client that nothing is sent to."""

    parser = JsonParser()

    def __init__(self) -> None:
        here: Any = self
        self.conn = here
        self.intake = Intake(None, here, Tally())

    def write(self, wire: Any) -> None: ...
    def forget(self, socket: Any) -> None: ...


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    io: sockio.Server[Any] = sockio.Server(connection_state_recovery=True)
    io.start()
    yield io
    io.close()


@pytest.fixture
def socket(io: sockio.Server[Any]) -> RecoverableSocket[Any]:
    link: Any = Link()
    return RecoverableSocket("new", io.sockets, link, {})


FORMER = Session(
    sid="old", pid="secret", rooms=("old", "a"), data={"name": "Ann"}, since="7"
)


def test_a_restored_socket_is_who_it_was(
    io: sockio.Server[Any], socket: RecoverableSocket[Any]
) -> None:
    socket.restore(FORMER)

    assert (socket.id, socket.pid, socket.recovered) == ("old", "secret", True)
    assert socket.data == {"name": "Ann"}
    assert socket.rooms == {"old", "a"}
    assert io.sockets.adapter.sids["old"] == {"old", "a"}


def test_one_that_has_gone_comes_back_into_no_room(
    io: sockio.Server[Any], socket: RecoverableSocket[Any]
) -> None:
    socket.close("transport close")

    socket.restore(FORMER)

    assert socket.id == "old"
    assert not io.sockets.adapter.sids


def test_a_new_one_has_a_secret_of_its_own(socket: RecoverableSocket[Any]) -> None:
    socket.begin()

    assert len(socket.pid) == 20
    assert not socket.recovered


def test_what_was_missed_is_taken_once(socket: RecoverableSocket[Any]) -> None:
    wire: Any = object()
    socket.catch_up([wire])

    assert socket.take_missed() == [wire]
    assert not socket.take_missed()


def test_the_next_socket_waits_for_the_last_handler_of_the_former(
    io: sockio.Server[Any], socket: RecoverableSocket[Any]
) -> None:
    link: Any = Link()
    after = RecoverableSocket[Any]("new", io.sockets, link, {})
    socket.begin_to_leave()
    after.follow(socket)
    waiting = io.spawn(after.wait_for_former)
    io.reactor.settle()
    assert not waiting.done

    socket.end_leaving()

    waiting.wait(5)
    after.wait_for_former()  # nobody is left to wait for
