from __future__ import annotations

from typing import Any

import pytest

import sockio
from sockio.adapters.adapter import LocalNamespace
from sockio.adapters.cluster.moves import (
    entry_in,
    kept_in,
    moved_in,
    number_in,
    numbers_in,
    piece_in,
    ranges_in,
    session_in,
)
from sockio.adapters.cluster.pieces import Piece
from sockio.errors import ProtocolError
from sockio.protocol.socketio.packet import Packet, PacketType

SESSION: dict[str, Any] = {"sid": "s", "rooms": ["s", "a"], "data": 1}
KEPT = {
    **SESSION,
    "pid": "p",
    "since": None,
    "at": [1.0, 3, True],
    "last": [2, "o"],
    "ahead": {"x": 4},
    "got": None,
}
PIECE = Piece("o", None, "x", 1)


@pytest.fixture
def nsp() -> LocalNamespace:
    return sockio.Server().sockets


def find(sender: str, number: int) -> Piece | None:
    """Find the one event that is known."""
    return PIECE if (sender, number) == ("x", 1) else None


def test_a_session_is_read() -> None:
    session = session_in({**SESSION, "fields": {"name": "Ann"}}, "p")

    assert (session.sid, session.pid, session.rooms) == ("s", "p", ("s", "a"))
    assert session.fields == {"name": "Ann"}


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {"sid": "s"},
        {"sid": 1, "rooms": []},
        {"sid": "s", "rooms": "a"},
        {"sid": "s", "rooms": [["a"]]},
        {"sid": "s", "rooms": [{}]},
        {**SESSION, "fields": [1]},
    ],
)
def test_what_is_no_session_is_refused(said: Any) -> None:
    with pytest.raises(ProtocolError):
        session_in(said, "p")


@pytest.mark.parametrize(
    "said",
    [
        SESSION,
        {**SESSION, "missed": None, "seen": {}},
        {**SESSION, "missed": [], "seen": None},
        {**SESSION, "missed": [["x", 2]], "seen": {}},
        {**SESSION, "missed": [[]], "seen": {}},
    ],
)
def test_what_does_not_move_is_refused(said: Any, nsp: LocalNamespace) -> None:
    with pytest.raises(ProtocolError):
        moved_in(said, "p", nsp, find)


def test_an_event_is_found_by_its_number_or_comes_as_it_is(nsp: LocalNamespace) -> None:
    packet = Packet(PacketType.EVENT, "/", ["hi"])
    wire = nsp.encode(packet, sockio.adapters.Flags())
    load = nsp.carriage.load(wire)

    assert piece_in(["x", 1], nsp, find) is PIECE
    piece = piece_in(["o", "y", 7, load], nsp, find)
    assert (piece.offset, piece.sender, piece.number) == ("o", "y", 7)


@pytest.mark.parametrize(
    "said", [None, "x", [], ["x"], ["x", "1"], [1, 1], ["x", 2], ["o", "x", 1, None]]
)
def test_what_is_no_event_is_refused(said: Any, nsp: LocalNamespace) -> None:
    with pytest.raises(ProtocolError):
        piece_in(said, nsp, find)


def test_an_event_of_a_log_has_its_place(nsp: LocalNamespace) -> None:
    entry = entry_in([3, "o", 2.0, 10, ["b"], ["a"], ["x", 1]], 5.0, nsp, find)

    assert (entry.mark.position, entry.mark.offset) == (3, "o")
    assert entry.mark.except_ == {"b"}
    assert (entry.packet, entry.size, entry.expires) == (PIECE, 10, 7.0)
    assert entry_in([3, "o", 2.0, 0], 5.0, nsp, find).packet.wire is None


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        [3, "o", 2.0],
        ["3", "o", 2.0, 0],
        [3, "o", 2.0, 0, []],
        [3, "o", 2.0, 0, [[]], [], ["x", 1]],
        [3, "o", 2.0, 0, [], [{}], ["x", 1]],
        [3, "o", 2.0, 0, [], [], ["x", 2]],
    ],
)
def test_what_is_no_event_of_a_log_is_refused(said: Any, nsp: LocalNamespace) -> None:
    with pytest.raises(ProtocolError):
        entry_in(said, 0.0, nsp, find)


@pytest.mark.parametrize("got", [None, [["o"], None, 1.0], [["o"], [["x", 1]], 1.0]])
def test_a_session_of_a_log_has_its_place(nsp: LocalNamespace, got: Any) -> None:
    kept, ahead = kept_in({**KEPT, "got": got}, 5.0, nsp, find)

    assert (kept.expires, kept.position, kept.certain) == (6.0, 3, True)
    assert kept.last is not None
    assert (kept.last.position, kept.last.offset) == (2, "o")
    assert ahead == {"x": 4}
    assert (kept.session.inherited is None) == (got is None)


@pytest.mark.parametrize(
    "change",
    [
        {"pid": 1},
        {"since": 1},
        {"at": [1.0, 3]},
        {"last": []},
        {"last": [2]},
        {"last": 2},
        {"last": ["2", "o"]},
        {"ahead": {"x": "4"}},
        {"ahead": []},
        {"got": [1, None, 1.0]},
        {"got": [[[]], None, 1.0]},
        {"got": [["o"], [["x", 2]], 1.0]},
        {"rooms": [None]},
    ],
)
def test_what_is_no_session_of_a_log_is_refused(
    nsp: LocalNamespace, change: dict[str, Any]
) -> None:
    with pytest.raises(ProtocolError):
        kept_in({**KEPT, **change}, 0.0, nsp, find)


def test_numbers_are_read() -> None:
    assert number_in(3) == 3
    assert numbers_in({"x": 1}) == {"x": 1}
    assert ranges_in({"x": [1, 3]}) == {"x": (1, 3)}


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (number_in, "3"),
        (number_in, True),
        (numbers_in, None),
        (numbers_in, {"x": None}),
        (ranges_in, []),
        (ranges_in, {"x": 1}),
        (ranges_in, {"x": [1]}),
        (ranges_in, {"x": [1, "3"]}),
    ],
)
def test_what_is_no_number_is_refused(read: Any, said: Any) -> None:
    with pytest.raises(ProtocolError):
        read(said)
