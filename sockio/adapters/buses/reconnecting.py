"""Reconnecting: connections to a broker, which live and die together, again and again.

If one of them breaks, or the broker goes silent, all are given up. Then they are made
anew, at growing intervals, and all that was subscribed to is subscribed to again.
"""

from __future__ import annotations

import contextlib
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import gevent
from gevent.event import Event

from sockio.runtime import logs

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.broker")

__all__ = ["INTERVAL", "LONGEST_PAUSE", "Connections", "Reconnecting"]

#: Seconds between two looks at the broker, and for connecting. It is given up if it
#: owes something, and no byte has moved from one look to the next.
INTERVAL = 5.0
#: Seconds before the first and at most before a later attempt to connect.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
#: Seconds after which a connection counts as one that lasts.
LASTING = 1.0
#: Messages that are taken before others have their turn.
TURN = 20

_random = random.SystemRandom()


class _Late(BaseException):
    """Connecting takes too long; below it, an OSError may be taken for another one."""


class Connections(ABC):
    """All connections to one broker, while they last."""

    def __init__(self) -> None:
        #: What we have subscribed to, and what of it the broker has not confirmed. Any:
        #: what a subscription is depends on the broker.
        self.asked: set[Any] = set()
        self.unconfirmed: set[Any] = set()
        #: Why they are used no longer.
        self.error: object = None
        #: Whether the broker says through them what was said since the last ones ended.
        self.complete = False

    @property
    @abstractmethod
    def owed(self) -> bool:
        """Whether the broker owes us something."""

    @abstractmethod
    def open(self) -> None:
        """Connect; what goes wrong is one of ``Reconnecting.failures``.

        Blocks:
            Until that is done.
        """

    def subscribe(self, wanted: set[Any], changed: set[Any]) -> None:
        """Have the broker send what is wanted, and nothing else.

        Args:
            wanted: All that is wanted.
            changed: What of it, or of what was asked for, may differ.

        Blocks:
            Until it is written.
        """
        fresh = (changed & wanted) - self.asked
        old = (changed - wanted) & self.asked
        self.asked |= fresh
        self.asked -= old
        self.unconfirmed |= fresh
        self.unconfirmed -= old
        self.change(fresh, old)

    @abstractmethod
    def change(self, fresh: set[Any], old: set[Any]) -> None:
        """Subscribe to what is fresh, and no longer to what is old.

        Blocks:
            Until it is written.
        """

    @abstractmethod
    def hear(self) -> None:
        """Take one message, or the confirmation of a subscription.

        Blocks:
            Until there is one.
        """

    def readers(self) -> list[Callable[[], None]]:
        """Return what hears, when all are connected: each in a greenlet of its own."""
        return [self.hear]

    @abstractmethod
    def stuck(self) -> bool:
        """Whether the broker owes something, and nothing moved since the last call."""

    @abstractmethod
    def hang_up(self) -> None:
        """End them; who reads or writes gets an error."""

    @abstractmethod
    def close(self) -> None:
        """Release them; only the greenlet that hears calls this."""


C = TypeVar("C", bound=Connections)


class Reconnecting(ABC, Generic[C]):
    """The way to one broker; it is up or down."""

    #: What goes wrong with connections.
    failures: ClassVar[tuple[type[Exception], ...]]

    def __init__(
        self,
        name: str,
        account: Account,
        ring: Callable[[], None],
        *,
        keeps: bool = False,
    ) -> None:
        """Make one that is down.

        Args:
            name: Of the broker, for the log.
            account: Is told of outages.
            ring: Called when ``ready`` has something to do.
            keeps: Whether the broker keeps what we cannot hear during an outage, so
                that the outage itself is no gap.
        """
        self.name = name
        self._account = account
        self._ring = ring
        self._keeps = keeps
        self._reactor: Reactor
        self._greenlet: gevent.Greenlet[[], None] | None = None
        #: What is to be subscribed to; and what of it may differ from what was asked.
        self._wanted: set[Any] = set()
        self._changed: set[Any] = set()
        self._current: C | None = None
        self._timer: Timer | None = None
        self._change = Event()
        #: When the broker went away, by the clock; None: it is there.
        self._away_since: float | None = None
        #: Whether it is being connected to at this moment.
        self.connecting = False
        #: How often it was up.
        self.connections = 0
        #: Whether it is time to have the broker say something.
        self.due = False

    @abstractmethod
    def make(self) -> C:
        """Return new connections, which are not opened."""

    @property
    def up(self) -> bool:
        """Whether all that is wanted is subscribed to, and we can publish."""
        now = self._current
        return now is not None and not self._changed and not now.unconfirmed

    @property
    def owed(self) -> bool:
        """Whether the broker owes us something."""
        now = self._current
        return self.connecting if now is None else now.owed

    def open(self, reactor: Reactor) -> None:
        """Begin to connect."""
        self._reactor = reactor
        self._greenlet = gevent.spawn(self._run)

    def close(self, last_words: Callable[[C], bool] | None = None) -> bool:
        """End at once.

        Args:
            last_words: Writes what needs no waiting, and says whether that was all.

        Returns:
            What ``last_words`` has said; without it, True.
        """
        greenlet, self._greenlet = self._greenlet, None
        now, self._current = self._current, None
        self._account.connected = False
        self._stop_timer()
        said = last_words is None
        if now is not None:
            if last_words is not None:
                said = last_words(now)
            now.hang_up()
        if greenlet is not None:
            greenlet.kill(block=False)
        return said

    def want(self, subscriptions: Collection[Any]) -> None:
        """Have the broker send these as well, as soon as possible."""
        self._wanted.update(subscriptions)
        self._ask_anew(subscriptions)

    def forgo(self, subscriptions: Collection[Any]) -> None:
        """Have the broker send these no longer."""
        self._wanted.difference_update(subscriptions)
        self._ask_anew(subscriptions)

    def _ask_anew(self, subscriptions: Iterable[Any]) -> None:
        """Take note that what was asked may differ from what is wanted."""
        self._changed.update(subscriptions)
        self._change.set()
        self._ring()

    # ---- the greenlet that hears

    def _run(self) -> None:
        failures = 0
        while self._greenlet is not None:
            since: float | None = None
            connections = self.make()
            try:
                self._connect(connections)
                if self._greenlet is None:
                    return  # closed in the moment in which it was connected
                since = self._reactor.clock.now()
                self._begin(connections)
                self._listen(connections)
            except self.failures as exc:
                self._end(connections, exc)
            except Exception as exc:
                # A boundary: a bug here must not leave the server without its bus.
                log.exception("the connection to %s failed", self.name)
                self._end(connections, exc)
            finally:
                connections.close()
            if since is not None and self._reactor.clock.now() - since > LASTING:
                failures = 0
            self._pause(failures)
            failures += 1

    def _connect(self, connections: C) -> None:
        """Connect, and subscribe to all that is wanted."""
        deadline = self._reactor.clock.call_later(
            INTERVAL, gevent.getcurrent().throw, _Late
        )
        self.connecting = True
        try:
            connections.open()
            self._changed = set()
            connections.subscribe(self._wanted, self._wanted)
            while connections.unconfirmed:
                connections.hear()
        except _Late:
            raise TimeoutError(f"no answer in {INTERVAL:g} s") from None
        finally:
            self.connecting = False
            deadline.cancel()

    def _begin(self, connections: C) -> None:
        self._current = connections
        self.connections += 1
        self._account.connected = True
        clock = self._reactor.clock
        if self._away_since is None:
            log.debug("connected to %s", self.name)
        else:
            seconds, self._away_since = clock.now() - self._away_since, None
            log.warning("connected to %s again, after %.1f s", self.name, seconds)
            nothing_missed = self._keeps or connections.complete
            self._account.announce(self._reactor, None if nothing_missed else seconds)
        self._timer = clock.call_later(INTERVAL, self._look, connections)
        self._change.set()

    def _listen(self, connections: C) -> None:
        """Take messages until a connection ends."""
        first, *others = connections.readers()
        beside = [gevent.spawn(self._hear_beside, connections, hear) for hear in others]
        try:
            self._hear(connections, first)
        finally:
            connections.hang_up()
            gevent.joinall(beside)

    def _hear_beside(self, connections: C, hear: Callable[[], None]) -> None:
        try:
            self._hear(connections, hear)
        except self.failures as exc:
            self._lose(connections, exc)
        except Exception as exc:
            # A boundary, as in _run.
            log.exception("a connection to %s failed", self.name)
            self._lose(connections, exc)

    def _hear(self, connections: C, hear: Callable[[], None]) -> None:
        while True:
            for _ in range(TURN):
                hear()
                if not connections.unconfirmed and not self._change.is_set():
                    self._change.set()
            # What has arrived is read without waiting: others must have their turn.
            gevent.sleep(0)

    def _lose(self, connections: C, error: object) -> None:
        """Use connections no longer; their greenlet will notice."""
        if connections.error is None:
            connections.error = error
        if connections is self._current:
            self._current = None
            self._account.connected = False
            self._stop_timer()
        connections.hang_up()

    def _end(self, connections: C, error: object) -> None:
        self._lose(connections, error)
        if self._greenlet is None:
            return
        self._account.connected = False
        error = connections.error
        if self._away_since is None:
            self._away_since = self._reactor.clock.now()
            log.warning(
                "no connection to %s: %s; messages wait, and it is tried again",
                self.name,
                error,
            )
        else:
            log.debug("no connection to %s: %s", self.name, error)

    def _pause(self, failures: int) -> None:
        longest = min(FIRST_PAUSE * 2.0 ** min(failures, 20), LONGEST_PAUSE)
        with contextlib.suppress(TimeoutError):
            self._reactor.latch().wait(_random.uniform(longest / 2, longest))

    # ---- the hub, every few seconds

    def _look(self, connections: C) -> None:
        """See whether the broker lives; have it say something before the next look."""
        if connections is not self._current:
            return
        if connections.stuck():
            self._lose(connections, f"no answer in {INTERVAL:g} s")
            return
        self.due = True
        self._ring()
        self._timer = self._reactor.clock.call_later(INTERVAL, self._look, connections)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- the greenlet that publishes

    def ready(self) -> None:
        """Wait until it is up, and subscribe to what is newly wanted.

        Blocks:
            Until then.
        """
        while not self.up:
            self._change.clear()
            now = self._current
            if now is not None and self._changed:
                changed, self._changed = self._changed, set()
                try:
                    now.subscribe(self._wanted, changed)
                except self.failures as exc:
                    self._lose(now, exc)
            if not self.up:
                self._change.wait()
