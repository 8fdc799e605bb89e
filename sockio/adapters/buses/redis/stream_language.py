"""Stream language: what an emitter says to servers with the streams adapter."""

from __future__ import annotations

from collections.abc import Sequence

from sockio.adapters.buses.node_wire import read_message
from sockio.adapters.cluster.messages import Message
from sockio.adapters.sender import UID

from .nodes import Command
from .options import Options
from .stream_wire import is_fleeting, stream_of, write_entry, write_fleeting

__all__ = ["StreamLanguage"]


class StreamLanguage:
    """Adding to the stream, and publishing what is not to be kept."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._name = options.stream_name or options.prefix

    def say(self, message: Message) -> Command:
        """Return the command that sends a message; see ``Language``."""
        if is_fleeting(message):
            data = write_fleeting(message)
            self._options.check(len(data))
            return "PUBLISH", self._common(message.nsp), data
        fields = write_entry(message)
        self._options.check(sum(map(len, fields)))
        stream = stream_of(message.nsp, self._name, self._options.stream_count)
        return "XADD", stream, "MAXLEN", "~", self._options.max_len, "*", *fields

    def ask(self, message: Message) -> tuple[Command, Command]:
        """Return the commands that count and ask the servers; see ``Language``."""
        command = self.say(message)
        return ("PUBSUB", "NUMSUB", command[1]), command

    def answers(self, nsp: str) -> tuple[str, Sequence[bytes]]:
        """Return where answers come; see ``Language``."""
        return "SUBSCRIBE", (self._common(nsp) + f"{UID}#".encode(),)

    def read(self, data: bytes, nsp: str) -> Message | None:
        """Return an answer; see ``Language``."""
        return read_message(data)

    def _common(self, nsp: str) -> bytes:
        return f"{self._options.prefix}#{nsp}#".encode("utf-8", "replace")
