from __future__ import annotations

from typing import Any

import pytest

from sockio.socket.data import SocketData


@pytest.fixture
def data() -> SocketData:
    data: Any = SocketData()
    data.user = "me"
    data["room"] = "one"
    return data  # type: ignore[no-any-return]


def test_attributes_and_keys_are_the_same(data: SocketData) -> None:
    assert (data["user"], data.room) == ("me", "one")
    assert dict(data) == {"user": "me", "room": "one"}
    assert len(data) == 2
    assert "user" in data
    assert data.get("absent", 5) == 5


def test_what_is_absent_is_said_so(data: SocketData) -> None:
    with pytest.raises(AttributeError, match=r"socket\.data has no 'absent'"):
        _ = data.absent
    with pytest.raises(KeyError):
        data["absent"]
    assert not hasattr(data, "absent")


def test_either_way_removes(data: SocketData) -> None:
    del data.user
    del data["room"]

    assert not data


def test_it_shows_what_is_in_it(data: SocketData) -> None:
    assert repr(data) == "SocketData({'user': 'me', 'room': 'one'})"


def test_it_compares_as_a_mapping(data: SocketData) -> None:
    assert data == {"user": "me", "room": "one"}
    assert data != SocketData()
