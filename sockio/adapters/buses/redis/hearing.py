"""Hearing: what comes on the channels of our namespaces, read and handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError, ProtocolError
from sockio.runtime import logs

from . import wire
from .circuit import Subscription
from .member import Member
from .wire import Inquiry, Kind

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account
    from sockio.adapters.cluster.bus import Receive
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.redis")

__all__ = ["Hearing"]


class Hearing:
    """Reads what arrives, and hands it on or answers it."""

    def __init__(
        self, account: Account, respond: Callable[[Member, str, bytes], None]
    ) -> None:
        """Make one that hears nothing.

        Args:
            account: Counts what cannot be read.
            respond: Sends an answer to another server's adapter.
        """
        self._account = account
        self._respond = respond
        self._reactor: Reactor | None = None
        self._receive: Receive | None = None
        #: Who takes what arrives, by what we have subscribed to.
        self._takers: dict[Subscription, Member] = {}
        #: Messages that arrived, our own among them.
        self.heard = 0

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Hand messages on to ``receive``."""
        self._reactor = reactor
        self._receive = receive

    def close(self) -> None:
        """Hand on nothing more."""
        self._receive = None

    def listen(self, member: Member, subscriptions: Iterable[Subscription]) -> None:
        """Have a member take what comes on these."""
        for subscription in subscriptions:
            self._takers[subscription] = member

    def ignore(self, subscriptions: Iterable[Subscription]) -> None:
        """Have nobody take what comes on these."""
        for subscription in subscriptions:
            self._takers.pop(subscription, None)

    def hear(self, message: Sequence[bytes]) -> None:
        """Take what has arrived: kind, pattern if there is one, channel, data."""
        self.heard += 1
        member = self._takers.get((_SUBSCRIBED[message[0]], message[1]))
        if member is None or self._reactor is None:
            return
        try:
            found = member.read(message[-2], message[-1])
            if isinstance(found, Inquiry):
                if found.uid != member.uid:
                    self._inquire(member, found)
            elif found is not None:
                self._hand_on(member, found)
        except ProtocolError as exc:
            self._account.unreadable += 1
            log.debug("what came on %r is dropped: %s", message[-2], exc.reason)
            tell = self._reactor.observers.tell
            self._reactor.to_hub(tell, "adapter_failed", member.nsp.name, exc)
        except EncodeError as exc:
            log.warning("namespace=%r no answer: %s", member.nsp.name, exc)

    def _hand_on(self, member: Member, message: Message) -> None:
        if self._receive is None or message.uid == member.uid:
            return
        self._receive(message, None)
        if message.type is MessageType.SOCKETS_JOIN and self._reactor is not None:
            # Until the hub has carried it out, nobody knows which rooms there are.
            member.joins += 1
            self._reactor.to_hub(_joined, member)

    def _inquire(self, member: Member, inquiry: Inquiry) -> None:
        """Answer what no adapter of ours is asked."""
        sockets = member.nsp.sockets
        if inquiry.kind is Kind.SOCKETS:
            found = [
                sid
                for sid, socket in list(sockets.items())
                if not inquiry.rooms or not inquiry.rooms.isdisjoint(socket.rooms)
            ]
            answer = wire.write_answer(inquiry, sockets=found)
        elif inquiry.kind is Kind.ALL_ROOMS:
            rooms = {room for socket in sockets.values() for room in socket.rooms}
            answer = wire.write_answer(inquiry, rooms=list(rooms))
        elif inquiry.sid in sockets and inquiry.change is not None:
            self._hand_on(member, inquiry.change)
            answer = wire.write_answer(inquiry)
        else:
            return
        self._respond(member, inquiry.uid, answer)


def _joined(member: Member) -> None:
    member.joins -= 1


_SUBSCRIBED = {
    b"message": b"subscribe",
    b"pmessage": b"psubscribe",
    b"smessage": b"ssubscribe",
}
