"""Errand: asks the clients of this server on behalf of another server.

It is over when all of them have answered or gone, or when the other server no longer
waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sockio.types import Json

from .messages import Message, MessageType, text_in

if TYPE_CHECKING:
    from sockio.runtime.clock import Clock, Timer

__all__ = ["Errand", "Reply"]


class Reply(Protocol):
    """Sends a message to one adapter."""

    def __call__(self, to: str, kind: MessageType, **data: Json) -> None: ...


class Errand:
    """One question of another server; it takes what the clients answer."""

    def __init__(
        self, reply: Reply, question: Message, over: Callable[[Errand], object]
    ) -> None:
        """Prepare to answer ``question``.

        Args:
            reply: Sends the answers.
            question: From the other server.
            over: Called once, when it is over.

        Raises:
            ProtocolError: The question has no id.
        """
        self._reply = reply
        self._to = question.uid
        self._id = text_in(question, "requestId")
        #: Whether the other server wants to know about clients that go.
        self._tells = question.data.get("lost") is True
        self._over: Callable[[Errand], object] | None = over
        #: Clients that have not answered; may be negative until they are counted.
        self._open = 0
        self._counted = False
        self._stop: Callable[[], None] | None = None
        self._timer: Timer | None = None

    def started(self, stop: Callable[[], None], clock: Clock, seconds: float) -> None:
        """The clients have been asked; ``stop`` stops waiting for them."""
        if self._over is not None:
            self._stop = stop
            self._timer = clock.call_later(seconds, self.end)

    def end(self) -> None:
        """Stop waiting."""
        over, self._over = self._over, None
        if over is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._stop is not None:
            self._stop()
        over(self)

    # ---- what the local half of the adapter tells

    def expect(self, servers: int) -> None:
        """Nothing: the other server itself knows how many it has asked."""

    def count(self, clients: int) -> None:
        """This many clients were asked: tell the other server."""
        kind = MessageType.BROADCAST_CLIENT_COUNT
        self._reply(self._to, kind, requestId=self._id, clientCount=clients)
        self._open += clients
        self._counted = True
        self._check()

    def answered(self, args: list[Json]) -> None:
        """A client has answered: send its first argument to the other server."""
        first = args[0] if args else None
        kind = MessageType.BROADCAST_ACK
        self._reply(self._to, kind, requestId=self._id, packet=first)
        self._done()

    def lost(self) -> None:
        """A client has gone."""
        if self._tells:
            self._reply(self._to, MessageType.BROADCAST_LOST, requestId=self._id)
        self._done()

    def _done(self) -> None:
        self._open -= 1
        self._check()

    def _check(self) -> None:
        if self._counted and self._open <= 0:
            self.end()
