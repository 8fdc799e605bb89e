from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters import BroadcastOptions, Flags, Message, MessageType
from sockio.adapters.cluster.messages import (
    decode,
    decode_trusted,
    encode,
    event_in,
    options_data,
    options_in,
    packet_in,
    texts_in,
    trail_in,
    with_trail,
)
from sockio.errors import EncodeError, ProtocolError


def message(**data: Any) -> Message:
    return Message("uid", "/chat", MessageType.BROADCAST, data)


def test_milliseconds_travel() -> None:
    options = BroadcastOptions(flags=Flags(timeout=1.5))

    assert options_data(options)["flags"] == {"timeout": 1500.0}


def test_what_cannot_travel_is_an_error() -> None:
    with pytest.raises(EncodeError):
        encode(message(packet=object()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"garbage",
        encode(message())[:-1],
        b"\x94\xa1u\xa1/\x63\x80",  # type 99
        b"\x94\x01\xa1/\x03\x80",
        b"\x93\xa1u\xa1/\x03",
    ],
)
def test_what_is_no_message_is_an_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)
    with pytest.raises(ProtocolError):
        decode_trusted(data)


@pytest.mark.parametrize(
    "packet", [None, [], {}, {"type": 2}, {"type": 3, "data": ["e"]}]
)
def test_what_is_no_event_is_an_error(packet: Any) -> None:
    with pytest.raises(ProtocolError, match="BROADCAST has no packet"):
        packet_in(message(packet=packet))


@pytest.mark.parametrize(
    "options",
    [
        None,
        [],
        {"rooms": "text"},
        {"rooms": [None]},
        {"flags": [1]},
        {"flags": {"timeout": "1"}},
        {"flags": {"timeout": -1}},
        {"flags": {"timeout": True}},
    ],
)
def test_what_are_no_options_is_an_error(options: Any) -> None:
    with pytest.raises(ProtocolError, match="that can be read"):
        options_in(message(opts=options))


def test_options_may_be_left_out() -> None:
    assert options_in(message(opts={})) == BroadcastOptions()


def test_nodes_rooms_may_be_numbers() -> None:
    assert texts_in(message(rooms=[1, "a"]), "rooms") == ["1", "a"]


@pytest.mark.parametrize("packet", [None, [], [1], "event"])
def test_an_event_for_servers_has_a_name(packet: Any) -> None:
    with pytest.raises(ProtocolError, match="no packet"):
        event_in(message(packet=packet))


def test_a_trail_travels() -> None:
    trail = {"traceparent": "00-0-0-01"}

    arrived = decode(encode(with_trail(message(packet=[]), trail)))

    assert trail_in(arrived) == trail
    assert arrived.data["packet"] == []


@pytest.mark.parametrize("trail", [None, "text", ["a"], {"a": 1}])
def test_a_trail_that_is_none(trail: Any) -> None:
    assert trail_in(message(trail=trail)) is None
