"""Sender: the way of an emitter to all servers, without gevent."""

from __future__ import annotations

from typing import Any, Protocol

from sockio.types import Json

from .cluster.messages import Message

__all__ = ["UID", "Sender"]

#: Who an emitter is to servers. Node's servers answer it, and do not count it as one of
#: them.
UID = "emitter"


class Sender(Protocol):
    """What an emitter asks of the way; any thread may call it."""

    @property
    def address(self) -> str:
        """Where the broker is; no secret is in it."""

    def pack(self, message: Message) -> Any:
        """Return a message as it travels, for ``send``.

        Raises:
            EncodeError: A value in it cannot travel, or it is too large.
        """

    def send(self, parcel: Any, until: float) -> None:
        """Have the broker take what ``pack`` has returned.

        Args:
            parcel: The message.
            until: By ``time.monotonic``.

        Raises:
            BrokerError: It was not possible until then.

        Blocks:
            Until the broker has it.
        """

    def ask(self, message: Message, until: float, timeout: float) -> list[Json]:
        """Send a question to all servers, and return what each one answers.

        Args:
            message: A SERVER_SIDE_EMIT with a ``requestId``.
            until: When the broker must have it, by ``time.monotonic``.
            timeout: Seconds that the servers have to answer, from then on.

        Raises:
            EncodeError: A value in it cannot travel, or it is too large.
            BrokerError: The broker has not taken it, or has gone before the answers.
            ClusterTimeout: Some servers did not answer in time.

        Blocks:
            Until all have answered.
        """

    def close(self, until: float) -> None:
        """Give up what is open in this process; a later call opens it again.

        Blocks:
            Until no other thread uses it. What is in use at ``until``, by
            ``time.monotonic``, stays open.
        """
