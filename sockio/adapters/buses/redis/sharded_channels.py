"""Sharded channels: which of them a message goes to, as in Node's sharded adapter."""

from __future__ import annotations

from sockio.adapters.cluster.messages import Message, MessageType

from .options import Options

__all__ = ["ShardedChannels"]

#: Characters of the ids of sockets, counted as JavaScript does.
ID_LENGTH = 20
#: Seconds after which servers have subscribed to a room into which they were told to
#: let sockets.
SETTLING = 10.0


class ShardedChannels:
    """The channels of one namespace."""

    def __init__(self, options: Options, nsp: str) -> None:
        self.common = f"{options.prefix}#{nsp}#".encode("utf-8", "replace")
        self._mode = options.subscription_mode
        #: When broadcasts to these rooms may go to the channels of the rooms. Until
        #: then, servers may not have subscribed that let sockets in on our behalf.
        self._settling: dict[str, float] = {}

    def of(self, name: str) -> bytes:
        """Return the channel of a room, or of one adapter."""
        return self.common + f"{name}#".encode("utf-8", "replace")

    def is_apart(self, room: str) -> bool:
        """Whether a room has a channel of its own."""
        if self._mode == "dynamic":
            return len(room.encode("utf-16-le", "surrogatepass")) != 2 * ID_LENGTH
        return self._mode == "dynamic-private"

    def route(self, message: Message, now: float) -> bytes:
        """Return the channel for a message to all others.

        Args:
            message: The next one that is sent.
            now: By some clock, in seconds.
        """
        data = message.data
        if message.type is MessageType.SOCKETS_JOIN:
            self._settle(data["rooms"], now)
        elif message.type is MessageType.BROADCAST and "requestId" not in data:
            rooms = set(data["opts"]["rooms"])
            if len(rooms) == 1 and self._goes_apart(room := rooms.pop(), now):
                return self.of(room)
        return self.common

    def _goes_apart(self, room: str, now: float) -> bool:
        until = self._settling.get(room)
        return (until is None or until < now) and self.is_apart(room)

    def _settle(self, rooms: list[str], now: float) -> None:
        # A copy: an emitter may be called by several threads.
        for room, until in list(self._settling.items()):
            if until < now:
                self._settling.pop(room, None)
        for room in rooms:
            self._settling[room] = now + SETTLING
