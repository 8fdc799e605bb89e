"""Sharded language: what an emitter says to servers with the sharded Redis adapter."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sockio.adapters.buses.node_wire import read_message, write_message
from sockio.adapters.cluster.messages import Message
from sockio.adapters.sender import UID

from .nodes import Command
from .options import Options
from .sharded_channels import ShardedChannels

__all__ = ["ShardedLanguage"]


class ShardedLanguage:
    """Publishing to the channels of namespaces and of rooms."""

    def __init__(self, options: Options) -> None:
        self._options = options
        #: By namespace: they remember what was said.
        self._channels: dict[str, ShardedChannels] = {}

    def say(self, message: Message) -> Command:
        """Return the command that sends a message; see ``Language``."""
        data = self._options.fitting(write_message(message))
        channel = self._of(message.nsp).route(message, time.monotonic())
        return "SPUBLISH", channel, data

    def ask(self, message: Message) -> tuple[Command, Command]:
        """Return the commands that count and ask the servers; see ``Language``."""
        command = self.say(message)
        return ("PUBSUB", "SHARDNUMSUB", command[1]), command

    def answers(self, nsp: str) -> tuple[str, Sequence[bytes]]:
        """Return where answers come; see ``Language``."""
        return "SSUBSCRIBE", (self._of(nsp).of(UID),)

    def read(self, data: bytes, nsp: str) -> Message | None:
        """Return an answer; see ``Language``."""
        return read_message(data)

    def _of(self, nsp: str) -> ShardedChannels:
        found = self._channels.get(nsp)
        if found is None:
            made = ShardedChannels(self._options, nsp)
            found = self._channels.setdefault(nsp, made)
        return found
