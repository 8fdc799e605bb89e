"""Transport: what every transport offers a session, and what it asks of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sockio.engine.outbox import Outbox
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs

log = logs.get("engine.transport")

#: Wires that every session sends, made once.
PING = Wire(packets=(Packet(PacketType.PING),))
PROBE_ANSWER = Wire(packets=(Packet(PacketType.PONG, "probe"),))
NOOP = Wire(packets=(Packet(PacketType.NOOP),))
CLOSE = Wire(packets=(Packet(PacketType.CLOSE),))


#: Seconds after which an orderly close no longer waits for the peer.
CLOSE_TIMEOUT = 30.0


class Sink(Protocol):
    """The side of the session, or of the probe while a transport is on trial."""

    def on_message(self, data: str | bytes) -> None:
        """A message packet arrived; the shortcut of ``on_packet``."""

    def on_packet(self, packet: Packet) -> None:
        """Any other packet arrived."""

    def on_ready(self) -> None:
        """The transport can take wires from the outbox (again)."""

    def on_flushed(self, wires: list[Wire]) -> None:
        """The transport took ``wires`` from the outbox by itself."""

    def on_lost(self, reason: str, description: object = None) -> None:
        """The transport has ended, without being asked to."""

    def unless_silent(self, fn: Callable[[], None]) -> None:
        """Call ``fn``, unless the client is about to be given up for its silence.

        In that case it is called as soon as the client is heard again, if ever.
        """


class Transport(Protocol):
    """One way to carry packets between a session and its client."""

    name: str
    #: Transports to which a session may move from this one.
    upgrades_to: tuple[str, ...]
    sink: Sink

    @property
    def writable(self) -> bool:
        """Whether a packet sent at this instant would leave at once (volatile)."""

    @property
    def ready(self) -> bool:
        """Whether ``offer`` would take a wire now."""

    @property
    def pending_size(self) -> int:
        """Bytes handed over that have not left."""

    @property
    def unfinished(self) -> int:
        """Bytes received of a message, or a POST, that is not complete yet."""

    def bind(self, outbox: Outbox, sink: Sink) -> None:
        """Work for this session from now on."""

    def offer(self, wire: Wire) -> bool:
        """Write ``wire``; False: it has to wait. Never blocks."""

    def wake(self) -> None:
        """Something was put into the outbox: take it as soon as possible."""

    def pause(self) -> None:
        """Hand nothing more on, and read nothing more, until ``resume``."""

    def resume(self) -> None:
        """Hand on what has come, and read again."""

    def when_read(self, fn: Callable[[], None]) -> None:
        """Call ``fn`` when all that came has been handed on: usually at once."""

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        """End in an orderly way, then call ``done``; ``discard``: do not wait."""


class _Retired:
    """The sink of a transport that nobody needs any more."""

    def on_message(self, data: str | bytes) -> None:
        log.debug("a message is dropped: its session has ended, or has moved")

    def on_packet(self, packet: Packet) -> None:
        log.debug("%s is dropped: its session has ended, or has moved", packet.type)

    def on_ready(self) -> None: ...
    def on_flushed(self, wires: list[Wire]) -> None: ...
    def on_lost(self, reason: str, description: object = None) -> None: ...

    def unless_silent(self, fn: Callable[[], None]) -> None: ...


RETIRED: Sink = _Retired()
