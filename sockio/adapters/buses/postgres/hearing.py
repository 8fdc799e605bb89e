"""Hearing: what comes on the channels of our namespaces, handed on in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sockio.adapters.buses.presence import Presence
from sockio.adapters.cluster.messages import MessageType
from sockio.errors import ProtocolError
from sockio.runtime import logs

from . import wire
from .commands import Commands
from .connection import Notification
from .link import Fetch
from .wire import Attached

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import Receive
    from sockio.adapters.cluster.messages import Message
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.postgres")

__all__ = ["Hearing", "Member"]

_HEARTBEATS = (MessageType.INITIAL_HEARTBEAT, MessageType.HEARTBEAT)


class Member:
    """A namespace in which this server takes part."""

    def __init__(self, nsp: LocalNamespace, uid: str, channel: bytes) -> None:
        self.nsp = nsp
        self.uid = uid
        self.channel = channel
        #: Over which connection of the link the others were greeted.
        self.greeted = 0
        #: What our own notifications begin with: they need not be read.
        self.own = wire.beginning(uid)


class Hearing:
    """Reads what arrives, and hands it on."""

    def __init__(
        self, account: Account, presence: Presence, commands: Commands
    ) -> None:
        """Make one that hears nothing.

        Args:
            account: Counts what cannot be read.
            presence: Is told who is heard.
            commands: Fetch what is too long for notifications.
        """
        self._account = account
        self._presence = presence
        self._commands = commands
        self._reactor: Reactor | None = None
        self._receive: Receive | None = None
        #: By channel.
        self._members: dict[bytes, Member] = {}
        #: Notifications that arrived, our own among them.
        self.heard = 0

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Hand messages on to ``receive``."""
        self._reactor = reactor
        self._receive = receive

    def close(self) -> None:
        """Hand on nothing more."""
        self._receive = None

    def add(self, member: Member) -> None:
        """Listen in one more namespace."""
        self._members[member.channel] = member

    def remove(self, member: Member) -> None:
        """Listen there no longer."""
        self._members.pop(member.channel, None)

    def hear(self, said: Notification, fetch: Fetch) -> None:
        """Take what has arrived.

        Raises:
            FAILURES: It names a row, which could not be fetched.

        Blocks:
            Until that row is fetched.
        """
        self.heard += 1
        member = self._members.get(said.channel)
        if member is None or said.payload.startswith(member.own):
            return
        try:
            message = wire.read(said.payload, member.nsp.name)
            if isinstance(message, Attached):
                if message.uid == member.uid:
                    return
                message = self._attached(message, member.nsp.name, fetch)
        except ProtocolError as exc:
            self._account.unreadable += 1
            log.debug("what came on %r is dropped: %s", said.channel, exc.reason)
            if self._reactor is not None:
                tell = self._reactor.observers.tell
                self._reactor.to_hub(tell, "adapter_failed", member.nsp.name, exc)
            return
        if message is not None and message.uid != member.uid:
            self._presence.heard(member.nsp.name, message.uid, message.type)
            if message.type not in _HEARTBEATS:
                self.hand_on(message)

    def _attached(self, message: Attached, nsp: str, fetch: Fetch) -> Message | None:
        answer = fetch(self._commands.fetch(message))
        if answer.value is None:
            raise ProtocolError(f"row {message.id} is gone: {answer.error or 'no row'}")
        return wire.read_attachment(answer.value, nsp)

    def hand_on(self, message: Message) -> None:
        """Give a message to the adapters."""
        if self._receive is not None:
            self._receive(message, None)
