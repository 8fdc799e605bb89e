"""Link: two connections to one broker; one listens, the other publishes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gevent.socket
import gevent.ssl

from sockio.adapters.buses.reconnecting import Connections, Reconnecting

from .connection import FAILURES, Connection, Refused
from .dialer import Dialer
from .url import Address

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account

__all__ = ["Link", "Subscription"]

#: ``(b"subscribe", channel)`` or ``(b"psubscribe", pattern)``.
Subscription = tuple[bytes, bytes]

_DIALER = Dialer(gevent.socket, gevent.ssl)


class _Pair(Connections):
    """The two connections, while they last."""

    def __init__(
        self, address: Address, heard: Callable[[Sequence[bytes]], None]
    ) -> None:
        super().__init__()
        self.subscriber = Connection(address, _DIALER)
        self.publisher = Connection(address, _DIALER)
        self._heard = heard
        #: Whether the publisher is writing; whether it writes, or waits for answers.
        self.writing = False
        self.exchanging = False
        #: Bytes received by the subscriber when it sent the last PING.
        self._pinged_at: int | None = None
        #: Bytes moved by the publisher at the last look.
        self._moved_at: int | None = None

    @property
    def _silent(self) -> bool:
        """Whether nothing has come since the last PING."""
        return self._pinged_at == self.subscriber.received

    @property
    def owed(self) -> bool:
        return bool(self.unconfirmed or self.exchanging or self._silent)

    def open(self) -> None:
        self.publisher.open()
        self.subscriber.open()

    def change(self, fresh: set[Subscription], old: set[Subscription]) -> None:
        commands = [[command, name] for command, name in fresh]
        commands += [[_UNDO[command], name] for command, name in old]
        self.subscriber.send(commands)

    def hear(self) -> None:
        message = self.subscriber.read()
        if not isinstance(message, list) or not message:
            return
        match message[0]:
            case b"message" | b"pmessage":
                self._heard(message)
            case b"subscribe" | b"psubscribe":
                self.unconfirmed.discard((message[0], message[1]))

    def ping(self) -> None:
        """Have the broker say something to the subscriber."""
        self._pinged_at = self.subscriber.received
        self.subscriber.send([["PING"]])

    def stuck(self) -> bool:
        before, self._moved_at = self._moved_at, self.publisher.moved
        return self._silent or (self.exchanging and self._moved_at == before)

    def hang_up(self) -> None:
        self.subscriber.hang_up()
        self.publisher.hang_up()

    def close(self) -> None:
        self.subscriber.close()
        self.publisher.close()


class Link(Reconnecting[_Pair]):
    """The way to one broker; it is up or down."""

    failures = FAILURES

    def __init__(
        self,
        address: Address,
        account: Account,
        heard: Callable[[Sequence[bytes]], None],
        ring: Callable[[], None],
    ) -> None:
        """Make a link that is down.

        Args:
            address: Of the broker.
            account: Is told of outages.
            heard: Takes ``[b"message", channel, data]`` or ``[b"pmessage", pattern,
                channel, data]``.
            ring: Called when ``ready`` has something to do.
        """
        super().__init__(str(address), account, ring)
        self.address = address
        self._heard = heard

    def make(self) -> _Pair:
        return _Pair(self.address, self._heard)

    def end(self, last_words: Sequence[Sequence[Any]]) -> bool:
        """End at once; say whether all of ``last_words`` could be written."""
        if not last_words:
            return self.close()
        return self.close(
            lambda pair: not pair.writing and pair.publisher.send_now(last_words)
        )

    # ---- the greenlet that publishes

    def ping(self) -> None:
        """Have the broker say something to the subscriber, if that is due.

        Blocks:
            Until it is written.
        """
        pair = self._current
        if pair is None or not self.due:
            return
        self.due = False
        try:
            pair.ping()
        except FAILURES as exc:
            self._lose(pair, exc)

    def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands; return the answers, fewer if the broker has gone away.

        An answer may be a ``Refused``.

        Blocks:
            Until all are there, or the link is down.
        """
        answers: list[Any] = []
        pair = self._current
        if pair is None:
            return answers
        pair.exchanging = pair.writing = True
        try:
            pair.publisher.send(commands)
            pair.writing = False
            while len(answers) < len(commands):
                try:
                    answers.append(pair.publisher.read())
                except Refused as refusal:
                    answers.append(refusal)
        except FAILURES as exc:
            self._lose(pair, exc)
        finally:
            pair.exchanging = False
        return answers


_UNDO = {b"subscribe": b"unsubscribe", b"psubscribe": b"punsubscribe"}
