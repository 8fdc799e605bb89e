from __future__ import annotations

from typing import Any

from sockio.engine.watch import Watch
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio import packet as socketio
from sockio.runtime.observers import Observer, Observers
from sockio.runtime.surroundings import Surroundings


class Session:
    id = "sid"
    remote_address = "192.0.2.7"
    transport_name = "polling"
    protocol = 4

    def __init__(self) -> None:
        self.fired: list[tuple[Any, ...]] = []

    def fire(self, event: str, *args: Any) -> None:
        self.fired.append((event, *args))


class Packets(Observer):
    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def message_in(self, session: Any, data: str | bytes) -> None:
        self.seen.append(("message in", session, data))

    def message_out(self, session: Any, data: str | bytes) -> None:
        self.seen.append(("message out", session, data))

    def packet_in(self, session: Any, packet: Any, size: int) -> None:
        self.seen.append(("in", session, packet, size))

    def packet_out(self, session: Any, packet: Any, size: int) -> None:
        self.seen.append(("out", session, packet, size))


EVENT = socketio.Packet(socketio.PacketType.EVENT, "/", ["hi"])


def test_what_leaves_is_shown_to_listeners_and_observers() -> None:
    session, packets = Session(), Packets()
    observers = Observers(Surroundings())
    observers.add(packets)
    watch = Watch(observers)

    watch.on_sending(session, Wire(('2["hi"]',)), EVENT)
    watch.on_sending(session, Wire(packets=(Packet(PacketType.PING),)), None)

    assert session.fired == [
        ("packet_create", Packet(PacketType.MESSAGE, '2["hi"]')),
        ("packet_create", Packet(PacketType.PING)),
    ]
    assert packets.seen == [
        ("message out", session, '2["hi"]'),
        ("out", session, EVENT, 7),
    ]


def test_what_arrives_is_shown_to_listeners_and_decoded_to_observers() -> None:
    session, packets = Session(), Packets()
    observers = Observers(Surroundings())
    observers.add(packets)
    watch = Watch(observers)

    watch.on_message(session, '2["hi"]')
    watch.on_decoded(session, EVENT, 7)

    assert session.fired == [
        ("packet", Packet(PacketType.MESSAGE, '2["hi"]')),
        ("data", '2["hi"]'),
        ("message", '2["hi"]'),
    ]
    assert packets.seen == [
        ("message in", session, '2["hi"]'),
        ("in", session, EVENT, 7),
    ]
