"""A message between the servers of a cluster arrives as it was, or is an error."""

from __future__ import annotations

import contextlib
import string
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.adapters import BroadcastOptions, Flags, Message, MessageType
from sockio.adapters.cluster.messages import (
    decode,
    decode_trusted,
    encode,
    options_data,
    options_in,
    packet_data,
    packet_in,
)
from sockio.errors import ProtocolError
from sockio.protocol.socketio.packet import Packet, PacketType

NAMES = st.text(string.ascii_letters, max_size=5)
OPTIONS = st.builds(
    BroadcastOptions,
    rooms=st.lists(NAMES, unique=True).map(tuple),
    except_=st.frozensets(NAMES),
    flags=st.builds(
        Flags,
        volatile=st.booleans(),
        compress=st.booleans(),
        timeout=st.none() | st.integers(0, 60),
        expect_single_response=st.booleans(),
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**40) | st.text() | st.binary(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=8,
)


@given(OPTIONS, st.lists(VALUES))
def test_a_broadcast_arrives_as_it_was(
    options: BroadcastOptions, args: list[Any]
) -> None:
    packet = Packet(PacketType.EVENT, "/chat", ["event", *args])

    data = {"packet": packet_data(packet), "opts": options_data(options)}
    said = Message("uid", "/chat", MessageType.BROADCAST, data)

    there = decode(encode(said))

    assert there == decode_trusted(encode(said))
    assert there[:3] == ("uid", "/chat", MessageType.BROADCAST)
    assert packet_in(there) == packet
    assert options_in(there) == options


@given(st.binary(max_size=60))
def test_no_bytes_do_worse_than_that(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode(data)
    with contextlib.suppress(ProtocolError):
        decode_trusted(data)
