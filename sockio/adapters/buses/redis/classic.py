"""Classic pub/sub, as ``createAdapter`` of @socket.io/redis-adapter uses it."""

from __future__ import annotations

from collections.abc import Container
from itertools import count
from typing import TYPE_CHECKING

from sockio.adapters.cluster.messages import Message, MessageType

from . import wire
from .circuit import Subscription
from .member import Mode, Resubscribe
from .options import Options
from .wire import Channels, Inquiry

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace

__all__ = ["CLASSIC"]

_strangers = count()


class ClassicMember:
    """A namespace in which this server takes part."""

    def __init__(
        self, options: Options, nsp: LocalNamespace, uid: str, rooms: Container[str]
    ) -> None:
        self.nsp = nsp
        self.uid = uid
        self._channels = Channels(options.prefix, nsp.name)
        self._specific = options.publish_on_specific_response_channel
        self.common = self._channels.requests
        #: The rooms of this server's sockets. None: broadcasts to other rooms are read
        #: too, since recovery keeps them for clients that are away.
        self._rooms = rooms if nsp.recovery_duration is None else None
        self.joins = 0
        #: What our own broadcasts begin with: they need not be decoded.
        self._own = wire.beginning(uid)

    def subscriptions(self) -> list[Subscription]:
        """Requests; broadcasts; responses, to all and to this server alone."""
        channels = self._channels
        return [
            (b"subscribe", channels.requests),
            (b"psubscribe", channels.pattern),
            (b"subscribe", channels.responses),
            (b"subscribe", channels.responses_to(self.uid)),
        ]

    def watch(self, resubscribe: Resubscribe) -> None: ...
    def leave(self) -> None: ...

    def write(self, message: Message) -> tuple[bytes, bytes]:
        if message.type is MessageType.BROADCAST and "requestId" not in message.data:
            return self._channels.broadcasts_to(message), wire.write_broadcast(message)
        return self._channels.requests, wire.write_request(message)

    def write_reply(self, uid: str, message: Message) -> tuple[bytes, bytes]:
        return self.reply_to(uid), wire.write_response(message)

    def reply_to(self, uid: str) -> bytes:
        if uid and self._specific:
            return self._channels.responses_to(uid)
        return self._channels.responses

    def read(self, channel: bytes, data: bytes) -> Message | Inquiry | None:
        if channel.startswith(self._channels.broadcasts):
            return self._read_broadcast(channel, data)
        if channel == self._channels.requests:
            return wire.read_request(data, self.nsp.name)
        message = wire.read_response(data, self.nsp.name)
        if message is not None and not message.uid:
            # Node does not say whose answer it is; each of its servers answers once.
            return message._replace(uid=f"?{next(_strangers)}")
        return message

    def _read_broadcast(self, channel: bytes, data: bytes) -> Message | None:
        if data.startswith(self._own) or not self._wants(
            self._channels.room_in(channel)
        ):
            return None
        return wire.read_broadcast(data, self.nsp.name)

    def _wants(self, room: str | None) -> bool:
        """Whether a broadcast to this room may reach a socket of this server."""
        return (
            room is None or self._rooms is None or self.joins > 0 or room in self._rooms
        )


CLASSIC = Mode("PUBLISH", "NUMSUB", ClassicMember)
