"""Client: what one client of a Socket.IO server knows, and what it says.

Packets of Engine.IO go in by ``receive`` and out by ``take``; whoever has the network,
or a memory, carries them. One object lasts for all connections of a client, since it
keeps what recovery asks for.

Spec: Socket.IO protocol v5, "Exchange protocol"; Engine.IO protocol v4, "Protocol".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from sockio.errors import ProtocolError

from .engineio.packet import Packet as EnginePacket
from .engineio.packet import PacketType as EngineType
from .socketio.packet import Packet, PacketType
from .socketio.parser import Parser

__all__ = ["Client", "Membership"]


@dataclass(slots=True)
class Membership:
    """What a client knows about itself in one namespace."""

    #: Id of its socket; it keeps the latest when the client has left.
    sid: str | None = None
    #: Whether the server has let it in, and it has not left.
    connected: bool = False
    #: The secret by which it asks for its former socket; None: there is no recovery.
    pid: str | None = None
    #: Of the last event that can be recovered.
    offset: str | None = None
    #: Whether the server has given it back its former socket.
    recovered: bool = False
    #: The id of the next event that asks for an acknowledgement.
    next_id: int = field(default=0, repr=False)


class Client:
    """One client, which speaks Engine.IO protocol 4."""

    def __init__(self, parser: Parser) -> None:
        """Make a client without a connection; ``parser`` is the server's."""
        self._parser = parser
        self._decoder = parser.decoder()
        self._outgoing: list[EnginePacket] = []
        #: What the client knows about each namespace that it has asked for.
        self.memberships: dict[str, Membership] = {}
        #: The fields of the open packet; None: it has not come.
        self.opened: dict[str, Any] | None = None
        #: The server has said that this connection ends.
        self.closed = False

    def begin(self) -> None:
        """Begin a new connection: forget all that belongs to the last one."""
        self._decoder = self._parser.decoder()
        self._outgoing.clear()
        self.opened = None
        self.closed = False
        for member in self.memberships.values():
            member.connected = False

    # ------------------------------------------------------------------ out

    def take(self) -> list[EnginePacket]:
        """Remove and return the packets that are to be sent, in order."""
        taken, self._outgoing = self._outgoing, []
        return taken

    def connect(self, namespace: str, auth: Any = None) -> None:
        """Ask to join a namespace; and for the former socket there, if it had one.

        Args:
            namespace: Its name, which begins with a slash.
            auth: A mapping, or None.
        """
        member = self.memberships.setdefault(namespace, Membership())
        member.connected = False
        if member.pid is not None:
            claim = {"pid": member.pid, "offset": member.offset}
            auth = {**claim, **(auth or {})}
        self._send(Packet(PacketType.CONNECT, namespace, auth))

    def emit(self, namespace: str, data: list[Any], *, ack: bool) -> int | None:
        """Send an event.

        Args:
            namespace: One that the client has joined.
            data: The name and the arguments.
            ack: Whether the server is asked for an acknowledgement.

        Returns:
            The id of the acknowledgement, if it is asked for.

        Raises:
            EncodeError: An argument cannot travel; nothing is sent.
        """
        member = self.memberships[namespace]
        id = member.next_id if ack else None
        self._send(Packet(PacketType.EVENT, namespace, data, id))
        member.next_id += ack
        return id

    def answer(self, namespace: str, id: int, args: list[Any]) -> None:
        """Acknowledge an event of the server.

        Raises:
            EncodeError: An argument cannot travel; nothing is sent.
        """
        self._send(Packet(PacketType.ACK, namespace, args, id))

    def leave(self, namespace: str) -> None:
        """Leave a namespace."""
        self._send(Packet(PacketType.DISCONNECT, namespace))
        self.memberships[namespace].connected = False

    def _send(self, packet: Packet) -> None:
        self._outgoing += [
            EnginePacket(EngineType.MESSAGE, frame)
            for frame in self._parser.encode(packet)
        ]

    # ------------------------------------------------------------------ in

    def receive(self, packet: EnginePacket) -> Packet | None:
        """Take a packet of the server.

        Returns:
            The Socket.IO packet that it completes, if it completes one that is for a
            namespace of the client.

        Raises:
            ProtocolError: The server may not send it.
        """
        kind, data, _ = packet
        if kind is EngineType.MESSAGE:
            received = self._decoder.feed("" if data is None else data)
            return None if received is None else self._follow(received)
        if kind is EngineType.OPEN:
            self.opened = _fields(data)
        elif kind is EngineType.PING:
            self._outgoing.append(EnginePacket(EngineType.PONG, data))
        elif kind is EngineType.CLOSE:
            self.closed = True
        return None

    def _follow(self, packet: Packet) -> Packet | None:
        """Note what a packet says about its namespace; None: it is not for us."""
        kind, namespace, data, id = packet
        member = self.memberships.get(namespace)
        if member is None:
            return None
        if kind is PacketType.CONNECT:
            if not isinstance(data, dict) or type(data.get("sid")) is not str:
                raise ProtocolError("a CONNECT of the server lacks the id")
            pid = data.get("pid")
            member.recovered = pid is not None and pid == member.pid
            member.sid, member.pid = data["sid"], pid
            member.connected = True
        elif kind is PacketType.DISCONNECT or kind is PacketType.CONNECT_ERROR:
            member.connected = False
        elif kind is PacketType.EVENT and member.pid is not None and id is None:
            offset = data[-1]
            if type(offset) is str and len(data) > 1:
                member.offset = offset
        return packet


def _fields(data: str | bytes | None) -> dict[str, Any]:
    """Return the fields of an open packet."""
    try:
        fields = orjson.loads(data or "")
    except orjson.JSONDecodeError as exc:
        raise ProtocolError("an open packet is no JSON") from exc
    if not isinstance(fields, dict) or type(fields.get("sid")) is not str:
        raise ProtocolError("an open packet lacks the id of the session")
    return fields
