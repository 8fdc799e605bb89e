from __future__ import annotations

from sockio.engine.outbox import Outbox
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Pong, Wire


def test_an_empty_outbox_has_nothing() -> None:
    outbox = Outbox()

    assert outbox.take() == []
    assert outbox.packets == []
    assert outbox.size == outbox.behind == 0


def test_wires_come_out_in_the_order_in_which_they_were_put() -> None:
    outbox = Outbox()
    wires = [Wire((text,)) for text in ("a", "bb", "ccc")]
    for wire in wires:
        outbox.put(wire)

    first, rest = outbox.take_first(), outbox.take()

    assert [first, *rest] == wires
    assert outbox.size == 0


def test_the_packets_of_a_wire_stay_together() -> None:
    outbox = Outbox()
    outbox.put(Wire(("51-[]", b"\0")))
    outbox.put(Wire(packets=(Packet(PacketType.PING),)))

    assert outbox.packets == [
        Packet(PacketType.MESSAGE, "51-[]"),
        Packet(PacketType.MESSAGE, b"\0"),
        Packet(PacketType.PING),
    ]


def test_what_waits_behind_does_not_count_the_oldest_wire() -> None:
    outbox = Outbox()
    outbox.put(Wire(("a" * 1000,)))

    alone = outbox.behind
    outbox.put(Wire(("b" * 7,)))

    assert alone == 0
    assert outbox.behind == 7
    assert outbox.size == 1007


def test_of_answers_to_pings_that_wait_in_a_row_the_last_one_stays() -> None:
    outbox = Outbox()
    wires = [Pong("a"), Pong("bb"), Wire(("event",)), Pong("ccc"), Pong()]

    for wire in wires:
        outbox.put(wire)

    assert outbox.size == Wire(("event",)).size + Pong("bb").size + Pong().size
    assert outbox.take() == [wires[1], wires[2], wires[4]]
