"""Hearing: what comes on the channels of our namespaces, read and handed on."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from itertools import count
from typing import TYPE_CHECKING

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError, ProtocolError
from sockio.runtime import logs

from . import wire
from .link import Subscription
from .wire import Channels, Inquiry, Kind

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import Receive
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.redis")

__all__ = ["Hearing", "Member"]


class Member:
    """A namespace in which this server takes part."""

    def __init__(
        self, nsp: LocalNamespace, uid: str, channels: Channels, rooms: Container[str]
    ) -> None:
        self.nsp = nsp
        self.uid = uid
        self.channels = channels
        #: The rooms of this server's sockets. None: broadcasts to other rooms are read
        #: too, since recovery keeps them for clients that are away.
        self.rooms = rooms if nsp.recovery_duration is None else None
        #: Messages on their way to the hub that may make rooms.
        self.joins = 0
        #: What our own broadcasts begin with: they need not be decoded.
        self.own = wire.beginning(uid)

    @property
    def subscriptions(self) -> list[Subscription]:
        """Broadcasts, requests, responses, and responses for this server alone."""
        channels = self.channels
        return [
            (b"psubscribe", channels.pattern),
            (b"subscribe", channels.requests),
            (b"subscribe", channels.responses),
            (b"subscribe", channels.responses_to(self.uid)),
        ]

    def wants(self, room: str | None) -> bool:
        """Whether a broadcast to this room may reach a socket of this server."""
        return (
            room is None or self.rooms is None or self.joins > 0 or room in self.rooms
        )

    def joined(self) -> None:
        """Take note that a message which may make rooms was carried out."""
        self.joins -= 1


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
        self._takers: dict[
            Subscription, tuple[Member, Callable[[Member, bytes, bytes], None]]
        ] = {}
        self._strangers = count()
        #: Messages that arrived, our own among them.
        self.heard = 0

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Hand messages on to ``receive``."""
        self._reactor = reactor
        self._receive = receive

    def close(self) -> None:
        """Hand on nothing more."""
        self._receive = None

    @property
    def subscriptions(self) -> set[Subscription]:
        """All that is to be subscribed to."""
        return set(self._takers)

    def add(self, member: Member) -> None:
        """Listen in one more namespace."""
        takers = (self._broadcast, self._request, self._response, self._response)
        for subscription, take in zip(member.subscriptions, takers, strict=True):
            self._takers[subscription] = member, take

    def remove(self, member: Member) -> None:
        """Listen there no longer."""
        for subscription in member.subscriptions:
            self._takers.pop(subscription, None)

    def hear(self, message: Sequence[bytes]) -> None:
        """Take what has arrived: kind, pattern if there is one, channel, data."""
        self.heard += 1
        kind = b"psubscribe" if message[0] == b"pmessage" else b"subscribe"
        found = self._takers.get((kind, message[1]))
        if found is None or self._reactor is None:
            return
        member, take = found
        try:
            take(member, message[-2], message[-1])
        except ProtocolError as exc:
            self._account.unreadable += 1
            log.debug("what came on %r is dropped: %s", message[-2], exc.reason)
            tell = self._reactor.observers.tell
            self._reactor.to_hub(tell, "adapter_failed", member.nsp.name, exc)
        except EncodeError as exc:
            log.warning("namespace=%r no answer: %s", member.nsp.name, exc)

    def _broadcast(self, member: Member, channel: bytes, data: bytes) -> None:
        if data.startswith(member.own) or not member.wants(
            member.channels.room_in(channel)
        ):
            return
        message = wire.read_broadcast(data, member.nsp.name)
        if message is not None:
            self._hand_on(member, message)

    def _request(self, member: Member, channel: bytes, data: bytes) -> None:
        request = wire.read_request(data, member.nsp.name)
        if isinstance(request, Inquiry):
            if request.uid != member.uid:
                self._inquire(member, request)
        elif request is not None:
            self._hand_on(member, request)

    def _response(self, member: Member, channel: bytes, data: bytes) -> None:
        message = wire.read_response(data, member.nsp.name)
        if message is None:
            return
        if not message.uid:
            # Node does not say whose answer it is; each of its servers answers once.
            message = message._replace(uid=f"?{next(self._strangers)}")
        self._hand_on(member, message)

    def _hand_on(self, member: Member, message: Message) -> None:
        if self._receive is None or message.uid == member.uid:
            return
        self._receive(message, None)
        if message.type is MessageType.SOCKETS_JOIN and self._reactor is not None:
            # Until the hub has carried it out, nobody knows which rooms there are.
            member.joins += 1
            self._reactor.to_hub(member.joined)

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
