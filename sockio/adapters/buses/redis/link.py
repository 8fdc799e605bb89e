"""Link: two connections to one broker, which live and die together, again and again.

One listens, the other publishes. If the broker goes silent, both are given up; then
they are made anew, at growing intervals, and all channels are subscribed to again.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from sockio.runtime import logs

from .connection import FAILURES, Connection, Refused
from .url import Address

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.redis")

__all__ = ["LONGEST_PAUSE", "Link", "Subscription"]

#: Seconds between two looks at the broker, and for connecting. It is given up if it
#: owes something, and no byte has moved from one look to the next.
INTERVAL = 5.0
#: Seconds before the first and at most before a later attempt to connect.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
#: Seconds after which a connection counts as one that lasts.
LASTING = 1.0
#: Messages that are taken before others have their turn.
TURN = 20

#: ``(b"subscribe", channel)`` or ``(b"psubscribe", pattern)``.
Subscription = tuple[bytes, bytes]

_random = random.SystemRandom()


class _Late(BaseException):
    """Connecting takes too long; below it, an OSError may be taken for another one."""


class _Pair:
    """The two connections, while they last."""

    def __init__(self, address: Address) -> None:
        self.subscriber = Connection(address)
        self.publisher = Connection(address)
        #: What we have subscribed to, and what of it the broker has not confirmed.
        self.asked: set[Subscription] = set()
        self.unconfirmed: set[Subscription] = set()
        #: Whether the publisher is writing; whether it writes, or waits for answers.
        self.writing = False
        self.exchanging = False
        #: Bytes received by the subscriber when it sent the last PING.
        self.pinged_at: int | None = None
        #: Bytes moved by the publisher at the last look.
        self.moved_at: int | None = None
        #: Why it is used no longer.
        self.error: object = None

    @property
    def silent(self) -> bool:
        """Whether nothing has come since the last PING."""
        return self.pinged_at == self.subscriber.received

    def hang_up(self) -> None:
        self.subscriber.hang_up()
        self.publisher.hang_up()

    def close(self) -> None:
        self.subscriber.close()
        self.publisher.close()


class Link:
    """The way to one broker; it is up or down."""

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
        self.address = address
        self._account = account
        self._heard = heard
        self._ring = ring
        self._reactor: Reactor
        self._greenlet: gevent.Greenlet[[], None] | None = None
        #: What is to be subscribed to; whoever changes it rings.
        self.wanted: set[Subscription] = set()
        self._pair: _Pair | None = None
        self._timer: Timer | None = None
        self._change = Event()
        #: When the broker went away, by the clock; None: it is there.
        self._away_since: float | None = None
        #: Whether it is being connected to at this moment.
        self.connecting = False
        #: How often the link was up.
        self.connections = 0
        #: Whether it is time for a PING, and a question on the publisher's connection.
        self.due = False

    @property
    def up(self) -> bool:
        """Whether all that is wanted is subscribed to, and we can publish."""
        pair = self._pair
        return pair is not None and pair.asked == self.wanted and not pair.unconfirmed

    @property
    def owed(self) -> bool:
        """Whether the broker owes us something."""
        pair = self._pair
        if pair is None:
            return self.connecting
        return bool(pair.unconfirmed or pair.exchanging or pair.silent)

    def open(self, reactor: Reactor) -> None:
        """Begin to connect."""
        self._reactor = reactor
        self._greenlet = gevent.spawn(self._run)

    def close(self, last_words: Sequence[Sequence[Any]]) -> bool:
        """End at once; say whether all of ``last_words`` could be written."""
        greenlet, self._greenlet = self._greenlet, None
        pair, self._pair = self._pair, None
        self._account.connected = False
        self._stop_timer()
        sent = not last_words
        if pair is not None:
            if last_words and not pair.writing:
                sent = pair.publisher.send_now(last_words)
            pair.hang_up()
        if greenlet is not None:
            greenlet.kill(block=False)
        return sent

    # ---- the greenlet that listens

    def _run(self) -> None:
        failures = 0
        while self._greenlet is not None:
            since: float | None = None
            pair = _Pair(self.address)
            try:
                self._connect(pair)
                since = self._reactor.clock.now()
                self._begin(pair)
                self._listen(pair)
            except FAILURES as exc:
                self._end(pair, exc)
            except Exception as exc:
                # A boundary: a bug here must not leave the server without its bus.
                log.exception("the connection to %s failed", self.address)
                self._end(pair, exc)
            finally:
                pair.close()
            if since is not None and self._reactor.clock.now() - since > LASTING:
                failures = 0
            self._pause(failures)
            failures += 1

    def _connect(self, pair: _Pair) -> None:
        """Connect, and subscribe to all that is wanted."""
        deadline = self._reactor.clock.call_later(
            INTERVAL, gevent.getcurrent().throw, _Late
        )
        self.connecting = True
        try:
            pair.publisher.open()
            pair.subscriber.open()
            self._subscribe(pair)
            while pair.unconfirmed:
                self._read(pair)
        except _Late:
            raise TimeoutError(f"no answer in {INTERVAL:g} s") from None
        finally:
            self.connecting = False
            deadline.cancel()

    def _begin(self, pair: _Pair) -> None:
        self._pair = pair
        self.connections += 1
        self._account.connected = True
        clock = self._reactor.clock
        if self._away_since is None:
            log.debug("connected to %s", self.address)
        else:
            seconds, self._away_since = clock.now() - self._away_since, None
            log.warning("connected to %s again, after %.1f s", self.address, seconds)
            self._account.announce(self._reactor, seconds)
        self._timer = clock.call_later(INTERVAL, self._look, pair)
        self._change.set()

    def _listen(self, pair: _Pair) -> None:
        """Take messages until the connection ends."""
        while True:
            for _ in range(TURN):
                self._read(pair)
            # What has arrived is read without waiting: others must have their turn.
            gevent.sleep(0)

    def _read(self, pair: _Pair) -> None:
        """Take one message."""
        message = pair.subscriber.read()
        if not isinstance(message, list) or not message:
            return
        match message[0]:
            case b"message" | b"pmessage":
                self._heard(message)
            case b"subscribe" | b"psubscribe":
                pair.unconfirmed.discard((message[0], message[1]))
                if not pair.unconfirmed:
                    self._change.set()

    def _lose(self, pair: _Pair, error: object) -> None:
        """Use a pair no longer; its greenlet will notice."""
        if pair.error is None:
            pair.error = error
        if pair is self._pair:
            self._pair = None
            self._account.connected = False
            self._stop_timer()
        pair.hang_up()

    def _end(self, pair: _Pair, error: object) -> None:
        self._lose(pair, error)
        if self._greenlet is None:
            return
        error = pair.error
        if self._away_since is None:
            self._away_since = self._reactor.clock.now()
            log.warning(
                "no connection to %s: %s; messages wait, and it is tried again",
                self.address,
                error,
            )
        else:
            log.debug("no connection to %s: %s", self.address, error)

    def _pause(self, failures: int) -> None:
        longest = min(FIRST_PAUSE * 2.0 ** min(failures, 20), LONGEST_PAUSE)
        with contextlib.suppress(TimeoutError):
            self._reactor.latch().wait(_random.uniform(longest / 2, longest))

    # ---- the hub, every few seconds

    def _look(self, pair: _Pair) -> None:
        """See whether the broker lives; have it say something before the next look."""
        if pair is not self._pair:
            return
        if pair.silent or (pair.exchanging and pair.publisher.moved == pair.moved_at):
            self._lose(pair, f"no answer in {INTERVAL:g} s")
            return
        pair.moved_at = pair.publisher.moved
        self.due = True
        self._ring()
        self._timer = self._reactor.clock.call_later(INTERVAL, self._look, pair)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- the greenlet that publishes

    def ready(self) -> None:
        """Wait until the link is up, and subscribe to what is newly wanted.

        Blocks:
            Until then.
        """
        while not self.up:
            self._change.clear()
            pair = self._pair
            if pair is not None and pair.asked != self.wanted:
                try:
                    self._subscribe(pair)
                except FAILURES as exc:
                    self._lose(pair, exc)
            if not self.up:
                self._change.wait()

    def _subscribe(self, pair: _Pair) -> None:
        """Have the broker send what is wanted, and nothing else."""
        fresh, old = self.wanted - pair.asked, pair.asked - self.wanted
        pair.asked = set(self.wanted)
        pair.unconfirmed = (pair.unconfirmed | fresh) - old
        commands = [[command, name] for command, name in fresh]
        commands += [[_UNDO[command], name] for command, name in old]
        pair.subscriber.send(commands)

    def ping(self) -> None:
        """Have the broker say something to the subscriber, if that is due.

        Blocks:
            Until it is written.
        """
        pair = self._pair
        if pair is None or not self.due:
            return
        self.due = False
        pair.pinged_at = pair.subscriber.received
        try:
            pair.subscriber.send([["PING"]])
        except FAILURES as exc:
            self._lose(pair, exc)

    def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands; return the answers, fewer if the broker has gone away.

        An answer may be a ``Refused``.

        Blocks:
            Until all are there, or the link is down.
        """
        answers: list[Any] = []
        pair = self._pair
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
