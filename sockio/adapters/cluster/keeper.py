"""Keeper: keeps the events and sessions of a namespace, in the bus or here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sockio.adapters.adapter import LocalNamespace, Session
from sockio.adapters.addressing import BroadcastOptions
from sockio.adapters.memory import MemoryAdapter, Prepared
from sockio.protocol.socketio.packet import Packet
from sockio.types import SocketId

from .bus import Bus, Log, OwnLogs
from .kept import Kept
from .kept_here import KeptHere
from .messages import Message
from .requests import Requests

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

__all__ = ["Keeper", "keeper"]


class Keeper(Protocol):
    """What keeps events and sessions, as the adapter of one namespace sees it."""

    @property
    def newest(self) -> str | None:
        """Offset of the last event that our clients got."""

    def open(self, uid: str, reactor: Reactor) -> None:
        """Begin, as the adapter ``uid``."""

    def append(
        self,
        message: Message,
        packet: Packet,
        options: BroadcastOptions,
        to_hub: Callable[..., None],
    ) -> None:
        """Keep an event, publish it, and send it to our clients.

        Raises:
            EncodeError: A value in it cannot travel; nothing was sent.
        """

    def append_here(self, packet: Packet, options: BroadcastOptions) -> None:
        """Send an event to our clients only."""

    def prepare(self, packet: Packet, options: BroadcastOptions) -> Prepared:
        """Encode an event that is not kept: it repeats the offset before it."""

    def hear(self, message: Message, offset: str | None) -> None:
        """Send an event of another server to our clients."""

    def take(self, message: Message) -> None:
        """Carry out what another server says about what it keeps."""

    def left(self, uid: str) -> None:
        """Another server has left."""

    def watch(self, pid: str, sid: SocketId, session: Callable[[], Session]) -> None:
        """A client was let in; see ``Adapter.watch_session``."""

    def forget(self, pid: str) -> None:
        """A client has gone; see ``Adapter.forget_session``."""

    def persist(self, session: Session) -> None:
        """Keep a session whose connection broke."""

    def restore(self, pid: str, offset: str | None) -> Session | None:
        """Return, once only, a session and what it missed.

        Blocks:
            Until who keeps it has answered.
        """

    def hand_on(self, seconds: float) -> None:
        """Give what is kept here to a server that stays.

        Blocks:
            Until it has taken everything, at most ``seconds``.
        """

    def close(self) -> None:
        """Forget what is kept here."""


def keeper(
    nsp: LocalNamespace,
    local: MemoryAdapter,
    requests: Requests,
    bus: Bus,
    keeps: Log | OwnLogs,
    duration: float,
) -> Keeper:
    """Return what keeps the events and sessions of a namespace.

    Args:
        nsp: The namespace.
        local: Its sockets here.
        requests: The open questions of its adapter.
        bus: The way to the other servers.
        keeps: What the bus has for this.
        duration: Seconds for which it is kept.
    """
    if isinstance(keeps, OwnLogs):
        return KeptHere(nsp, local, requests, bus, keeps, duration)
    return Kept(keeps, nsp, local)
