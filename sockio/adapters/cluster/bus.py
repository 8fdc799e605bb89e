"""Bus: what carries messages from each server of a cluster to all others.

To write a bus, implement ``Bus``; ``Cluster`` makes the adapters of a server on top of
it. A bus that also keeps messages, with offsets, has a ``Log``: then a client can come
back to another server than the one where its connection broke.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sockio.adapters.accounting import Account

from .messages import Message

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace, Session
    from sockio.runtime.reactor import Reactor
    from sockio.types import Room

__all__ = ["Bus", "LocalRooms", "Log", "OwnLogs", "Receive"]

#: Takes a message of another server, with its offset if the bus keeps one. It may be
#: called anywhere, in the greenlet or native thread that reads: it never blocks there,
#: and runs no code of the application.
Receive: TypeAlias = "Callable[[Message, str | None], None]"


class LocalRooms(Protocol):
    """The rooms of this server's sockets in one namespace."""

    def __contains__(self, room: object, /) -> bool: ...
    def __iter__(self) -> Iterator[Room]: ...

    def watch(self, told: Callable[[Room, bool], None] | None) -> None:
        """Tell of each room that begins (True) or ends, from now on.

        Args:
            told: Called at once, in the middle of a change: it must not look at the
                rooms. None: nobody is told any more.
        """


class Bus(Protocol):
    """The way from one server to all others; it belongs to that server.

    Calls come from the server's own thread. None of them blocks, even before the broker
    is reached: until then, messages wait in the bus.
    """

    @property
    def log(self) -> Log | OwnLogs | None:
        """What keeps events for clients that come back.

        ``OwnLogs``: each server for all others. None: each for itself.
        """

    @property
    def account(self) -> Account:
        """What the bus counts, for ``io.stats()``.

        It is the bus that keeps it current, and announces what was lost.
        """

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Start, in the process that serves.

        Args:
            reactor: Of the server, for its clock and its greenlets.
            receive: Takes each message of another server. Those of one server come in
                the order in which it published them.
        """

    def join(self, nsp: LocalNamespace, uid: str, rooms: LocalRooms) -> None:
        """Take part in a namespace.

        Args:
            nsp: The namespace.
            uid: Id of its adapter.
            rooms: Those of this server's sockets, a live view. A bus may leave out
                broadcasts to other rooms alone, unless ``nsp`` has recovery.
        """

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        """Take part in the namespace no longer."""

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        """Send a message to all others, after all earlier ones.

        Args:
            message: From an adapter that has joined.
            reached: Called once, in any thread, with the number of other servers that
                get it, as soon as that is known; never, if it does not become known.

        Raises:
            EncodeError: A value in it cannot travel, or it is too large.
        """

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to the adapter ``uid``, if it is still there."""

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        """Call ``told`` once, in any thread, with the number of other servers.

        If the number does not become known, it is not called.
        """

    def close(self) -> None:
        """End: nothing more is received."""


@dataclass(frozen=True, slots=True)
class OwnLogs:
    """Instead of a Log: each server keeps what its clients get, and others ask it."""

    #: Returns, for a namespace, the ids of the adapters of servers that stay when this
    #: one ends.
    heirs: Callable[[str], Sequence[str]]
    #: Returns, for a namespace, the ids of the adapters of all servers that answer.
    others: Callable[[str], Sequence[str]]
    #: Whether a server stays that this one has not met yet.
    expects_heir: Callable[[], bool]


class Log(Protocol):
    """What a bus keeps, so that clients can come back."""

    def newest(self, nsp: LocalNamespace) -> str | None:
        """Return the offset up to which the clients of this server have got all.

        None: it is that of the last event which was handed on.
        """

    def append(self, message: Message, done: Callable[[str | None], None]) -> None:
        """Keep a broadcast, and publish it.

        Args:
            message: The others receive it with its offset.
            done: Called once, in any thread, with the offset, or with None if the
                broadcast could not be kept. Calls come in the order of the appends.

        Raises:
            EncodeError: A value in it cannot travel, or it is too large.
        """

    def persist(self, nsp: LocalNamespace, session: Session) -> None:
        """Keep a session whose connection broke; never blocks."""

    def restore(
        self, nsp: LocalNamespace, pid: str, offset: str | None
    ) -> tuple[Session, list[tuple[str, Message]]] | None:
        """Return, once only, a session and what it has missed, with offsets.

        Args:
            nsp: The namespace.
            pid: The secret of the client.
            offset: Of the last event that the client has seen; None: it saw none.

        Returns:
            None if the session or the offset is not known (any more).

        Blocks:
            Until the broker has answered.
        """
