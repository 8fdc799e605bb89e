"""Roll call: a question to all servers, where the broker does not count them (pure).

With the question goes the greeting of a newcomer, which all servers answer at once.
Those that have answered the greeting in time are the ones whose answers are awaited.
"""

from __future__ import annotations

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.sender import UID
from sockio.errors import ClusterTimeout
from sockio.types import Json

from .presence import GREETING

__all__ = ["RollCall"]


class RollCall:
    """Who is there, and what they answer."""

    def __init__(self, question: Message, timeout: float, now: float) -> None:
        """Begin.

        Args:
            question: Has been sent just now, and so has the greeting.
            timeout: Seconds that the servers have to answer.
            now: By some clock, in seconds.
        """
        self._id = question.data["requestId"]
        self._timeout = timeout
        self._greeted = now + GREETING
        self._end = now + timeout
        self._there: set[str] = set()
        #: By server.
        self._values: dict[str, Json] = {}

    def hear(self, message: Message) -> None:
        """Take what somebody has said."""
        if message.uid == UID:
            return
        if message.type is MessageType.ADAPTER_CLOSE:
            self._there.discard(message.uid)
        elif message.type is MessageType.HEARTBEAT:
            self._there.add(message.uid)
        elif (
            message.type is MessageType.SERVER_SIDE_EMIT_RESPONSE
            and message.data.get("requestId") == self._id
            and "packet" in message.data
        ):
            self._values.setdefault(message.uid, message.data["packet"])

    @property
    def until(self) -> float:
        """Until when to wait, if nothing more is said."""
        return self._end if self._missing else min(self._greeted, self._end)

    def answers(self) -> list[Json]:
        """Return what all have answered.

        Raises:
            ClusterTimeout: Some have not.
        """
        values = list(self._values.values())
        if self._missing:
            servers = len(self._there | self._values.keys())
            text = f"{len(values)} of {servers} servers answered"
            text = f"server_side_emit: {text} within {self._timeout:g} s"
            raise ClusterTimeout(text, values, set(self._missing))
        return values

    @property
    def _missing(self) -> set[str]:
        return self._there - self._values.keys()
