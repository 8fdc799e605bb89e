"""Classic language: what an emitter says to servers with the classic Redis adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.sender import UID
from sockio.types import Json

from . import wire
from .nodes import Command
from .options import Options
from .wire import Channels

__all__ = ["ClassicLanguage"]


class ClassicLanguage:
    """Publishing, as @socket.io/redis-emitter does it."""

    def __init__(self, options: Options, encode: Callable[[Json], bytes]) -> None:
        """Make the language.

        Args:
            options: Of the URL.
            encode: Writes a broadcast.
        """
        self._options = options
        self._encode = encode

    def say(self, message: Message) -> Command:
        """Return the command that sends a message; see ``Language``."""
        channels = Channels(self._options.prefix, message.nsp)
        if message.type is MessageType.BROADCAST:
            channel = channels.broadcasts_to(message)
            data = self._encode(wire.broadcast(message))
        else:
            channel, data = channels.requests, wire.write_request(message)
        return "PUBLISH", channel, self._options.fitting(data)

    def ask(self, message: Message) -> tuple[Command, Command]:
        """Return the commands that count and ask the servers; see ``Language``."""
        command = self.say(message)
        return ("PUBSUB", "NUMSUB", command[1]), command

    def answers(self, nsp: str) -> tuple[str, Sequence[bytes]]:
        """Return where answers come; see ``Language``."""
        channels = Channels(self._options.prefix, nsp)
        return "SUBSCRIBE", (channels.responses, channels.responses_to(UID))

    def read(self, data: bytes, nsp: str) -> Message | None:
        """Return an answer; see ``Language``."""
        return wire.read_response(data, nsp)
