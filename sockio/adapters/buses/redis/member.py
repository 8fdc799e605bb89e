"""Member: a namespace in which this server takes part; and the modes of doing so.

A mode says which commands publish and count, and how messages are written. What comes
is read by the member that has subscribed to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sockio.adapters.cluster.messages import Message

from .circuit import Subscription
from .link import Link
from .options import Options
from .wire import Inquiry

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import LocalRooms

__all__ = ["Member", "Mode", "Resubscribe"]

#: Takes note that a member wants one more subscription, or one less.
Resubscribe: TypeAlias = Callable[[Subscription, bool], None]


class Member(Protocol):
    """A namespace in which this server takes part."""

    nsp: LocalNamespace
    uid: str
    #: The channel to which every server subscribes: its subscribers are counted.
    common: bytes
    #: Messages on their way to the hub that may make rooms.
    joins: int

    def subscriptions(self) -> list[Subscription]:
        """Return all that is to be subscribed to now."""

    def watch(self, resubscribe: Resubscribe) -> None:
        """Tell of all changes of ``subscriptions`` from now on."""

    def leave(self) -> None:
        """Tell of changes no longer."""

    def write(self, message: Message) -> tuple[bytes, bytes]:
        """Return the channel and the text of a message to all others.

        Raises:
            EncodeError: A value in it cannot travel; all calls that write raise this.
        """

    def write_reply(self, uid: str, message: Message) -> tuple[bytes, bytes]:
        """Return those of a message to one adapter, whose id may be empty."""

    def reply_to(self, uid: str) -> bytes:
        """Return the channel of answers to one adapter."""

    def read(self, channel: bytes, data: bytes) -> Message | Inquiry | None:
        """Return what has come; None: it is not for us.

        Raises:
            ProtocolError: It cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which messages travel."""

    #: The commands, the second one with ``PUBSUB`` before it.
    publish: str
    count: str
    member: Callable[[Options, LocalNamespace, str, LocalRooms], Member]
    #: Makes the way to the broker.
    link: Callable[..., Link] = Link
