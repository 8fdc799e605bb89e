from __future__ import annotations

from collections.abc import Iterable

import pytest

from sockio.adapters import BroadcastOptions
from sockio.adapters.rooms import Rooms


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


def chosen(
    rooms: Rooms, to: Iterable[str] = (), except_: Iterable[str] = ()
) -> list[str]:
    options = BroadcastOptions(rooms=tuple(to), except_=frozenset(except_))
    return list(rooms.select(options))


# ------------------------------------------------------------------ changes


def test_the_first_member_creates_a_room(rooms: Rooms) -> None:
    assert rooms.add("a", ["r1"]) == [("create-room", "r1"), ("join-room", "r1", "a")]
    assert rooms.add("b", ["r1"]) == [("join-room", "r1", "b")]


def test_joining_twice_changes_nothing(rooms: Rooms) -> None:
    rooms.add("a", ["r1"])

    assert rooms.add("a", ["r1", "r1"]) == []


def test_a_socket_without_rooms_is_known(rooms: Rooms) -> None:
    assert rooms.add("a", []) == []

    assert rooms.rooms_of("a") == frozenset()
    assert chosen(rooms) == ["a"]


def test_the_last_member_deletes_a_room(rooms: Rooms) -> None:
    rooms.add("a", ["r1"])
    rooms.add("b", ["r1"])

    assert rooms.remove("a", "r1") == [("leave-room", "r1", "a")]
    assert rooms.remove("b", "r1") == [
        ("leave-room", "r1", "b"),
        ("delete-room", "r1"),
    ]
    assert rooms.rooms_of("b") == frozenset()


@pytest.mark.parametrize(("sid", "room"), [("a", "r2"), ("b", "r1")])
def test_leaving_where_one_is_not(rooms: Rooms, sid: str, room: str) -> None:
    rooms.add("a", ["r1"])

    assert rooms.remove(sid, room) == []


def test_a_forgotten_socket_leaves_all_rooms(rooms: Rooms) -> None:
    rooms.add("a", ["r1", "r2"])
    rooms.add("b", ["r2"])

    assert rooms.remove_all("a") == [
        ("leave-room", "r1", "a"),
        ("delete-room", "r1"),
        ("leave-room", "r2", "a"),
    ]
    assert rooms.rooms_of("a") is None
    assert rooms.remove_all("a") == []


# ------------------------------------------------------------------ select


def test_without_rooms_all_are_meant_in_order_of_arrival(rooms: Rooms) -> None:
    for sid in "cab":
        rooms.add(sid, [sid])

    assert chosen(rooms) == ["c", "a", "b"]


def test_members_come_room_after_room_and_once(rooms: Rooms) -> None:
    rooms.add("a", ["r1"])
    rooms.add("b", ["r2", "r1"])
    rooms.add("c", ["r2"])

    assert chosen(rooms, ["r2", "r1"]) == ["b", "c", "a"]
    assert chosen(rooms, ["r1", "unknown", "r1"]) == ["a", "b"]
    assert chosen(rooms, ["unknown"]) == []


@pytest.mark.parametrize("crowd", [0, 10])
def test_except_takes_away(rooms: Rooms, crowd: int) -> None:
    for sid in "abc":
        rooms.add(sid, [sid, "r1"])
    rooms.add("b", ["r2"])
    for number in range(crowd):
        rooms.add(f"x{number}", ["r2"])

    assert chosen(rooms, ["r1"], ["r2"]) == ["a", "c"]
    assert chosen(rooms, [], ["r2"]) == ["a", "c"]
    assert chosen(rooms, ["r1"], ["r1"]) == []
    assert chosen(rooms, ["r1"], ["a", "unknown"]) == ["b", "c"]


def test_the_rooms_may_change_while_one_walks(rooms: Rooms) -> None:
    for sid in "abc":
        rooms.add(sid, ["r1"])

    for to in ([], ["r1"]):
        selected = rooms.select(BroadcastOptions(rooms=tuple(to)))
        for sid in selected:
            rooms.remove_all(sid)
            rooms.add(sid, ["r1", sid])

    assert chosen(rooms, ["r1"]) == ["a", "b", "c"]


# ------------------------------------------------------------------ views


def test_views_are_live_and_read_only(rooms: Rooms) -> None:
    members, sids = rooms.members, rooms.sids
    assert (len(members), len(sids)) == (0, 0)

    rooms.add("a", ["r1"])
    rooms.add("b", ["r1"])

    assert members["r1"] == {"a", "b"}
    assert sids["a"] == {"r1"}
    assert dict(members) == {"r1": {"a", "b"}}
    assert list(sids) == ["a", "b"]
    assert members.get("unknown") is None
    assert repr(sids) == "{'a': {'r1'}, 'b': {'r1'}}"
    assert not hasattr(members, "__setitem__")


def test_rooms_that_begin_and_end_are_told() -> None:
    rooms = Rooms()
    told: list[tuple[str, bool]] = []
    rooms.members.watch(lambda room, begins: told.append((room, begins)))

    rooms.add("a", ["r", "s"])
    rooms.add("b", ["r"])
    rooms.remove_all("a")
    rooms.remove("b", "r")
    rooms.members.watch(None)
    rooms.add("c", ["t"])

    assert told == [("r", True), ("s", True), ("s", False), ("r", False)]
