"""Wire: packets that travel together, and their encoded forms, each made once.

One emit makes one wire, whatever the number of its attachments, so packets of two emits
never interleave. A broadcast hands the same wire to every session. Each form is
computed when the first transport that needs it asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sockio.protocol.websocket.frames import frame
from sockio.protocol.websocket.payload import message_frames

from . import stream, v4
from .dialect import Dialect
from .packet import Packet, PacketType

_MESSAGE = PacketType.MESSAGE


class Wire:
    """Engine.IO packets in order; the forms are cached, the packets never change."""

    __slots__ = (
        "_frames",
        "_packets",
        "_payload",
        "_translations",
        "_websocket",
        "_webtransport",
        "compress",
    )

    def __init__(
        self,
        frames: Sequence[str | bytes] = (),
        compress: bool = True,
        *,
        packets: Sequence[Packet] | None = None,
    ) -> None:
        """Wrap the ``frames`` of messages, or other ``packets``."""
        self._frames = frames
        self._packets = packets
        #: Whether transports that can compress may do so.
        self.compress = compress
        self._websocket: bytes | None = None
        self._webtransport: bytes | None = None
        self._payload: str | None = None
        self._translations: dict[Dialect, Wire] | None = None

    def spoken(self, dialect: Dialect) -> Wire:
        """Return the same packets in the form for WebSockets of ``dialect``."""
        if all(isinstance(packet.data, str | None) for packet in self.packets):
            return self  # text is the same in all of them
        if self._translations is None:
            self._translations = {}
        if dialect not in self._translations:
            self._translations[dialect] = Translation(self, dialect)
        return self._translations[dialect]

    @property
    def size(self) -> int:
        """The size while it waits to be sent: bytes, or characters of text."""
        if self._frames or self._packets is None:
            return sum(map(len, self._frames))
        return sum(len(packet.data or "") + 1 for packet in self._packets)

    @property
    def packets(self) -> Sequence[Packet]:
        """The packets themselves."""
        packets = self._packets
        if packets is None:
            packets = self._packets = tuple(
                Packet(_MESSAGE, data, self.compress) for data in self._frames
            )
        return packets

    @property
    def messages(self) -> list[str | bytes]:
        """One WebSocket message for each packet, Engine.IO protocol 4."""
        if self._packets is None:
            return ["4" + f if type(f) is str else f for f in self._frames]
        return [v4.encode_packet(packet, binary=True) for packet in self._packets]

    @property
    def websocket(self) -> bytes:
        """The WebSocket frames, uncompressed, Engine.IO protocol 4."""
        data = self._websocket
        if data is None:
            if self._frames:
                data = message_frames("4", self._frames)
            else:
                data = b"".join(map(frame, self.messages))
            self._websocket = data
        return data

    @property
    def webtransport(self) -> bytes:
        """The packets as a part of a WebTransport stream."""
        data = self._webtransport
        if data is None:
            data = self._webtransport = b"".join(map(stream.frame, self.messages))
        return data

    @property
    def payload(self) -> str:
        """The packets as (a part of) a polling payload, Engine.IO protocol 4."""
        text = self._payload
        if text is None:
            frames = self._frames
            if len(frames) == 1 and type(frames[0]) is str:
                text = "4" + frames[0]
            else:
                text = v4.encode_payload(self.packets)
            self._payload = text
        return text


def wire_of(frames: Sequence[str | bytes], compress: bool) -> Wire:
    """Return ``Wire(frames, compress)``, without the detour over its constructor."""
    wire = Wire.__new__(Wire)
    wire._frames = frames
    wire._packets = wire._translations = None
    wire._websocket = wire._webtransport = wire._payload = None
    wire.compress = compress
    return wire


class Pong(Wire):
    """The answer to a ping; a newer one may replace it while it waits."""

    __slots__ = ()

    def __init__(self, data: str | bytes | None = None) -> None:
        """Answer a ping that carried ``data``."""
        super().__init__(packets=(Packet(PacketType.PONG, data),))


class Translation(Wire):
    """A wire for WebSockets of another dialect; other transports do not need one."""

    __slots__ = ("_dialect",)

    def __init__(self, wire: Wire, dialect: Dialect) -> None:
        super().__init__(packets=wire.packets, compress=wire.compress)
        self._dialect = dialect

    @property
    def messages(self) -> list[str | bytes]:
        """One WebSocket message for each packet."""
        return [self._dialect.encode(packet) for packet in self.packets]
