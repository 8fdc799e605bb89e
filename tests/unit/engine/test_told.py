from __future__ import annotations

import logging

import pytest

from sockio.engine.told import is_told, tell, tell_closed, tell_moved, tell_probe
from sockio.protocol.engineio.packet import Packet, PacketType


class Opened:
    id = "abc"
    remote_address = "192.0.2.7"
    transport_name = "polling"
    protocol = 4


@pytest.mark.parametrize(
    ("packet", "line"),
    [
        (Packet(PacketType.PING), "sid=abc in ping size=0"),
        (Packet(PacketType.PING, "probe"), "sid=abc in ping size=5"),
        (Packet(PacketType.MESSAGE, "hello"), "sid=abc in message size=5"),
        (Packet(PacketType.MESSAGE, b"\1\2"), "sid=abc in message size=2"),
        (Packet(PacketType.MESSAGE, ""), "sid=abc in message size=0"),
    ],
)
def test_a_packet_is_told_by_kind_and_size(
    packet: Packet, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "sockio.engine.session"):
        tell(Opened(), "in", packet)

    assert caplog.messages == [line]


def test_a_session_that_opens_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert not is_told(Opened())
    with caplog.at_level(logging.DEBUG, "sockio.engine.session"):
        assert is_told(Opened())

    assert caplog.messages == ["sid=abc opened by polling from '192.0.2.7', EIO=4"]


def test_its_life_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "sockio.engine.session"):
        tell_probe(Opened(), "websocket")
        tell_moved(Opened(), "polling", "websocket")
        tell_closed(Opened(), "transport close", None)

    assert caplog.messages == [
        "sid=abc probes websocket",
        "sid=abc moved from polling to websocket",
        "sid=abc closed: transport close (None)",
    ]
    for record in caplog.records:
        known = vars(record)
        assert known["sockio_session"] == "abc"
        assert known["sockio_transport"] == "polling"
        assert known["sockio_address"] == "192.0.2.7"
