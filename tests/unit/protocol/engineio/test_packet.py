from __future__ import annotations

from sockio.protocol.engineio.packet import Packet, PacketType


def test_labels_are_the_protocols_words() -> None:
    labels = [kind.label for kind in PacketType]

    assert labels == ["open", "close", "ping", "pong", "message", "upgrade", "noop"]


def test_a_packet_has_no_data_and_may_be_compressed_unless_told() -> None:
    assert Packet(PacketType.PING) == (2, None, True)
