"""Sharded pub/sub, as ``createShardedAdapter`` of @socket.io/redis-adapter uses it.

A broadcast to one room goes to a channel of that room alone, to which those servers
subscribe that have sockets in it. Everything else goes to a channel for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sockio.adapters.buses.node_wire import beginnings, read_message, write_message
from sockio.adapters.cluster.messages import Message

from .circuit import Subscription
from .member import Mode, Resubscribe
from .options import Options
from .sharded_channels import ShardedChannels

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import LocalRooms
    from sockio.runtime.clock import Timer

__all__ = ["SHARDED"]


class ShardedMember:
    """A namespace in which this server takes part."""

    def __init__(
        self, options: Options, nsp: LocalNamespace, uid: str, rooms: LocalRooms
    ) -> None:
        self.nsp = nsp
        self.uid = uid
        self._channels = ShardedChannels(options, nsp.name)
        self.common = self._channels.common
        self._rooms = rooms
        #: With recovery: rooms that have ended, to which clients may come back.
        self._ended: dict[str, Timer] = {}
        self.joins = 0
        #: What our own messages begin with: they need not be decoded.
        self._own = beginnings(uid)

    def subscriptions(self) -> list[Subscription]:
        channels = self._channels
        apart = filter(channels.is_apart, [*self._ended, *self._rooms])
        names = [self.common, self.reply_to(self.uid), *map(channels.of, apart)]
        return [(b"ssubscribe", name) for name in names]

    def watch(self, resubscribe: Resubscribe) -> None:
        def change(room: str, begins: bool) -> None:
            resubscribe((b"ssubscribe", self._channels.of(room)), begins)

        def end(room: str) -> None:
            del self._ended[room]
            change(room, False)

        def told(room: str, begins: bool) -> None:
            duration = self.nsp.recovery_duration
            if not self._channels.is_apart(room):
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
        channel = self._channels.route(message, self.nsp.clock.now())
        return channel, write_message(message)

    def write_reply(self, uid: str, message: Message) -> tuple[bytes, bytes]:
        return self.reply_to(uid), write_message(message)

    def reply_to(self, uid: str) -> bytes:
        return self._channels.of(uid)

    def read(self, channel: bytes, data: bytes) -> Message | None:
        if data.startswith(self._own):
            return None
        message = read_message(data)
        if message is None or message.nsp != self.nsp.name:
            return None
        return message


SHARDED = Mode("SPUBLISH", "SHARDNUMSUB", ShardedMember)
