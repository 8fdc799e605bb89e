"""Kept: the events and sessions of a namespace that the bus keeps for all servers.

The bus makes the offset of an event, which takes a while. So our own clients get the
event when the bus has answered, after all earlier events; nobody waits for that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from sockio.adapters.adapter import LocalNamespace, Session
from sockio.adapters.addressing import BroadcastOptions
from sockio.adapters.memory import MemoryAdapter, Prepared
from sockio.protocol.socketio.packet import Packet
from sockio.types import SocketId

from .bus import Log
from .messages import Message, options_in, packet_in

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

__all__ = ["Kept"]


class Kept:
    """The log of one namespace, as one of its servers sees it."""

    def __init__(self, log: Log, nsp: LocalNamespace, local: MemoryAdapter) -> None:
        self._log = log
        self._nsp = nsp
        self._local = local
        #: Offset of the last event that our clients got.
        self._last: str | None = None
        #: Events whose offset has yet to come, by their number.
        self._owed: dict[int, tuple[Packet, BroadcastOptions]] = {}
        self._appended = 0

    @property
    def newest(self) -> str | None:
        """Offset up to which our clients have got all events."""
        return self._log.newest(self._nsp) or self._last

    def append(
        self,
        message: Message,
        packet: Packet,
        options: BroadcastOptions,
        to_hub: Callable[..., None],
    ) -> None:
        """Have an event kept, published, and sent to our clients after that.

        Raises:
            EncodeError: A value in it cannot travel; nothing was sent.
        """
        self._nsp.encode(packet, options.flags)  # to raise here, if it cannot travel
        self._appended = number = self._appended + 1
        self._owed[number] = packet, options
        with ExitStack() as undo:
            undo.callback(self._owed.pop, number)
            self._log.append(message, lambda offset: to_hub(self._come, number, offset))
            undo.pop_all()

    def _come(self, number: int, offset: str | None) -> None:
        """Send an event of ours to our clients, now that the log has answered."""
        event = self._owed.pop(number, None)
        if event is not None:
            self.deliver(offset, *event)

    def append_here(self, packet: Packet, options: BroadcastOptions) -> None:
        """Send an event to our clients only; it cannot be recovered."""
        self._local.deliver(self.prepare(packet, options))

    def hear(self, message: Message, offset: str | None) -> None:
        """Send an event of another server to our clients."""
        self.deliver(offset, packet_in(message), options_in(message))

    def deliver(
        self, offset: str | None, packet: Packet, options: BroadcastOptions
    ) -> None:
        """Send an event to our clients; without an offset it cannot be recovered."""
        if offset is not None:
            self._last = offset
        at = self.newest if offset is None else offset
        self._local.deliver(self._local.prepared_at(at, packet, options))

    def prepare(self, packet: Packet, options: BroadcastOptions) -> Prepared:
        """Encode an event that is not kept: it repeats the offset before it."""
        return self._local.prepared_at(self.newest, packet, options)

    def open(self, uid: str, reactor: Reactor) -> None:
        """Do nothing: the bus knows the others."""

    def left(self, uid: str) -> None:
        """Do nothing: the bus keeps what others have sent."""

    def take(self, message: Message) -> None:
        """Do nothing: other servers say nothing about what the bus keeps."""

    def hand_on(self, seconds: float) -> None:
        """Do nothing: the bus keeps everything."""

    def close(self) -> None:
        """Send to our clients what has yet to come back: it cannot be recovered."""
        owed, self._owed = self._owed, {}
        for packet, options in owed.values():
            self.deliver(None, packet, options)

    def watch(self, pid: str, sid: SocketId, session: Callable[[], Session]) -> None:
        """Nothing: the bus keeps a session when its connection breaks."""

    def forget(self, pid: str) -> None:
        """Nothing is told of a session before its connection breaks."""

    def persist(self, session: Session) -> None:
        """Keep a session whose connection broke."""
        self._log.persist(self._nsp, session)

    def restore(self, pid: str, offset: str | None) -> Session | None:
        """Return, once only, a session and what it missed.

        Blocks:
            Until the bus has answered.
        """
        found = self._log.restore(self._nsp, pid, offset)
        if found is None:
            return None
        session, missed = found
        packets = [
            self._local.prepared_at(at, packet_in(message), options_in(message)).wire
            for at, message in missed
        ]
        return replace(session, missed_packets=packets)
