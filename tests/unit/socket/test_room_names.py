from __future__ import annotations

import enum
import re
from collections import UserString, deque
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.utils.functional import lazystr

from sockio.errors import ConfigError
from sockio.socket.room_names import room_names

ID = UUID(int=5)


class Room(enum.Enum):
    LOBBY = "lobby"
    SEVEN = 7
    BYTES = b"lobby"
    PAIR = ("a", "b")
    ID = ID


class Word(str, enum.Enum):
    HALL = "hall"


class Number(enum.IntEnum):
    EIGHT = 8


class Floor(enum.Flag):
    FIRST = 1
    SECOND = 2


class Text(str):
    def __str__(self) -> str:
        return "not this"


class Count(int):
    def __str__(self) -> str:
        return "nor this"


@pytest.mark.parametrize(
    ("rooms", "names"),
    [
        (("a",), ("a",)),
        (("a", ["b", "c"], "d"), ("a", "b", "c", "d")),
        ((frozenset({"a"}), (n for n in "bc")), ("a", "b", "c")),
        ((deque("a"), {"b": 1}, {"c": 1}.keys(), range(2)), ("a", "b", "c", "0", "1")),
        ((5, [6], -1, 2**70), ("5", "6", "-1", str(2**70))),
        ((Room.LOBBY, Room.SEVEN, Room.ID), ("lobby", "7", str(ID))),
        ((Word.HALL, Number.EIGHT, Floor.SECOND), ("hall", "8", "2")),
        (([Room.LOBBY, Word.HALL, Number.EIGHT],), ("lobby", "hall", "8")),
        ((Word, Number), ("hall", "8")),
        ((ID, [ID]), (str(ID), str(ID))),
        ((Text("a"), [Count(3)], Count(3)), ("a", "3", "3")),
        ((), ()),
        (([], (), set(), iter(())), ()),
        (("", [""]), ("", "")),
    ],
)
def test_what_counts_as_rooms(rooms: Any, names: tuple[str, ...]) -> None:
    result = room_names(rooms)

    assert result == names
    assert {type(name) for name in result} <= {str}


@pytest.mark.parametrize(
    "room",
    [
        *(None, True, False, 1.5, 1j, object(), len, Room.BYTES, Room.PAIR),
        *(b"room", bytearray(b"room"), memoryview(b"room")),
    ],
)
def test_what_is_no_room_is_named(room: Any) -> None:
    for rooms in [(room,), ("a", room), ([room],), (["a", room],), ((room, "a"),)]:
        with pytest.raises(ConfigError, match=re.escape(repr(room)) + " is no room"):
            room_names(rooms)


@pytest.mark.parametrize("room", [["a"], (), {"a"}, [[]], UserString("a")])
def test_collections_are_not_looked_for_in_collections(room: Any) -> None:
    with pytest.raises(ConfigError, match="is no room"):
        room_names([[room]])


def test_bytes_are_not_taken_for_a_collection_of_numbers() -> None:
    with pytest.raises(ConfigError, match="decode bytes first"):
        room_names([b"ab"])


def test_who_gives_a_socket_is_told_of_its_id() -> None:
    with pytest.raises(ConfigError, match="the room of a socket is its id"):
        room_names([SimpleNamespace(id="x")])


def test_text_of_django_is_one_room() -> None:
    assert room_names([lazystr("ab"), [lazystr("cd")]]) == ("ab", "cd")


def test_a_long_mistake_is_cut() -> None:
    with pytest.raises(ConfigError) as caught:
        room_names([b"x" * 1000])

    assert len(str(caught.value)) < 200
