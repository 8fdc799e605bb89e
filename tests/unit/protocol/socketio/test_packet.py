from __future__ import annotations

from typing import Any

import pytest

from sockio.protocol.socketio.packet import RESERVED_EVENTS, Packet, PacketType, carries


def test_a_packet_is_of_the_main_namespace_unless_told() -> None:
    assert Packet(PacketType.CONNECT) == (0, "/", None, None)


@pytest.mark.parametrize("kind", [PacketType.EVENT, PacketType.BINARY_EVENT])
@pytest.mark.parametrize("data", [["e"], [5], [1.5, None], ["error"], [""]])
def test_what_an_event_may_carry(kind: PacketType, data: Any) -> None:
    assert carries(kind, data)


@pytest.mark.parametrize("kind", [PacketType.EVENT, PacketType.BINARY_EVENT])
@pytest.mark.parametrize("data", [[], None, {}, "e", [None], [True], [["e"]]])
def test_what_an_event_must_not_carry(kind: PacketType, data: Any) -> None:
    assert not carries(kind, data)


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_reserved_names_are_not_for_peers(name: str) -> None:
    assert not carries(PacketType.EVENT, [name])
    assert carries(PacketType.ACK, [name])


@pytest.mark.parametrize(
    ("kind", "legal"),
    [
        (PacketType.CONNECT, [{}]),
        (PacketType.DISCONNECT, []),
        (PacketType.ACK, [[], [None]]),
        (PacketType.BINARY_ACK, [[], [None]]),
        (PacketType.CONNECT_ERROR, [{}, "why"]),
    ],
)
def test_what_the_other_types_may_carry(kind: PacketType, legal: list[Any]) -> None:
    values: list[Any] = [None, True, 1, "why", {}, [], [None]]

    assert [value for value in values if carries(kind, value)] == [
        value for value in values if value in legal and value is not True
    ]
