"""Sharded pub/sub, as ``createShardedAdapter`` of @socket.io/redis-adapter uses it.

A broadcast to one room goes to a channel of that room alone, to which those servers
subscribe that have sockets in it. Everything else goes to a channel for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sockio.adapters.buses.node_wire import beginnings, read_message, write_message
from sockio.adapters.cluster.messages import Message, MessageType

from .circuit import Subscription
from .member import Mode, Resubscribe
from .options import Options

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import LocalRooms
    from sockio.runtime.clock import Timer

__all__ = ["SHARDED"]

#: Characters of the ids of sockets, counted as JavaScript does.
ID_LENGTH = 20
#: Seconds after which servers have subscribed to a room into which they were told to
#: let sockets.
SETTLING = 10.0


class ShardedMember:
    """A namespace in which this server takes part."""

    def __init__(
        self, options: Options, nsp: LocalNamespace, uid: str, rooms: LocalRooms
    ) -> None:
        self.nsp = nsp
        self.uid = uid
        self.common = f"{options.prefix}#{nsp.name}#".encode("utf-8", "replace")
        self._mode = options.subscription_mode
        self._rooms = rooms
        #: When broadcasts to these rooms may go to the channels of the rooms. Until
        #: then, servers may not have subscribed that let sockets in on our behalf.
        self._settling: dict[str, float] = {}
        #: With recovery: rooms that have ended, to which clients may come back.
        self._ended: dict[str, Timer] = {}
        self.joins = 0
        #: What our own messages begin with: they need not be decoded.
        self._own = beginnings(uid)

    def subscriptions(self) -> list[Subscription]:
        rooms = [*self._ended, *self._rooms]
        names = [self.common, self.reply_to(self.uid)]
        names += [self._channel(room) for room in rooms if self._is_apart(room)]
        return [(b"ssubscribe", name) for name in names]

    def watch(self, resubscribe: Resubscribe) -> None:
        def change(room: str, begins: bool) -> None:
            resubscribe((b"ssubscribe", self._channel(room)), begins)

        def end(room: str) -> None:
            del self._ended[room]
            change(room, False)

        def told(room: str, begins: bool) -> None:
            duration = self.nsp.recovery_duration
            if not self._is_apart(room):
                return
            if begins and (timer := self._ended.pop(room, None)) is not None:
                timer.cancel()
            elif begins or duration is None:
                change(room, begins)
            else:
                self._ended[room] = self.nsp.clock.call_later(duration, end, room)

        self._rooms.watch(told)

    def leave(self) -> None:
        self._rooms.watch(None)
        for timer in self._ended.values():
            timer.cancel()

    def write(self, message: Message) -> tuple[bytes, bytes]:
        data = message.data
        channel = self.common
        if message.type is MessageType.SOCKETS_JOIN:
            self._settle(data["rooms"])
        elif message.type is MessageType.BROADCAST and "requestId" not in data:
            rooms = set(data["opts"]["rooms"])
            if len(rooms) == 1 and self._goes_apart(room := rooms.pop()):
                channel = self._channel(room)
        return channel, write_message(message)

    def write_reply(self, uid: str, message: Message) -> tuple[bytes, bytes]:
        return self.reply_to(uid), write_message(message)

    def reply_to(self, uid: str) -> bytes:
        return self._channel(uid)

    def read(self, channel: bytes, data: bytes) -> Message | None:
        if data.startswith(self._own):
            return None
        message = read_message(data)
        if message is None or message.nsp != self.nsp.name:
            return None
        return message

    def _channel(self, name: str) -> bytes:
        return self.common + f"{name}#".encode("utf-8", "replace")

    def _is_apart(self, room: str) -> bool:
        """Whether a room has a channel of its own."""
        if self._mode == "dynamic":
            return len(room.encode("utf-16-le", "surrogatepass")) != 2 * ID_LENGTH
        return self._mode == "dynamic-private"

    def _goes_apart(self, room: str) -> bool:
        until = self._settling.get(room)
        return (until is None or until < self.nsp.clock.now()) and self._is_apart(room)

    def _settle(self, rooms: list[str]) -> None:
        settling, now = self._settling, self.nsp.clock.now()
        for room in [room for room, until in settling.items() if until < now]:
            del settling[room]
        for room in rooms:
            settling[room] = now + SETTLING


SHARDED = Mode("SPUBLISH", "SHARDNUMSUB", ShardedMember)
