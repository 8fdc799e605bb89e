"""Messages come out of packets as they went in, and garbage is an error."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sockio.errors import ProtocolError
from sockio.siblings.link import PACKET
from sockio.siblings.packets import Reader, count, join, pack

#: Also long ones, without the time that it takes to make each of their bytes up.
MESSAGES = st.binary(max_size=20) | st.builds(
    lambda data, times: data * times,
    st.binary(min_size=1, max_size=3),
    st.integers(PACKET // 3 - 5, PACKET),
)


@given(st.lists(MESSAGES, max_size=5), st.booleans())
def test_messages_come_out_as_they_went_in(messages: list[bytes], asks: bool) -> None:
    packets: list[bytes] = []
    for message in messages:
        packed = pack(message)
        packets += packed if isinstance(packed, tuple) else [join([packed], asks)]
    reader = Reader()

    found = [message for packet in packets for message in reader.read(packet)[0]]

    assert found == messages
    assert count(packets) == len(messages)
    assert all(len(packet) <= PACKET for packet in packets)


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=5))
def test_no_bytes_do_worse_than_that(packets: list[bytes]) -> None:
    reader = Reader()
    for packet in packets:
        with contextlib.suppress(ProtocolError):
            reader.read(packet)
