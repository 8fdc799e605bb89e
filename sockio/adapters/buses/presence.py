"""Presence: which other servers there are, as their heartbeats tell.

It is for brokers that keep no count of who listens. Each server says when it comes, and
says something at least every few seconds; all answer a newcomer. A server that says
nothing for too long counts as gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sockio.adapters.cluster.messages import MessageType

if TYPE_CHECKING:
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

__all__ = ["GREETING", "INTERVAL", "TIMEOUT", "Presence"]

#: Seconds between two heartbeats, and until a silent server counts as gone, as in Node.
INTERVAL, TIMEOUT = 5.0, 10.0
#: Seconds that the others have to answer a newcomer, before it counts them.
GREETING = 0.5
#: Who publishes under this id is no server.
EMITTER = "emitter"


class _Known:
    """What is known in one namespace."""

    def __init__(self, now: float) -> None:
        #: When we have said something last.
        self.said = now
        #: By server, when it was heard last.
        self.others: dict[str, float] = {}
        #: Those that were there before an outage, and have not been heard after it.
        self.missing: set[str] = set()
        #: Whether the others have been greeted, and have had the time to answer.
        self.greeted = False
        self.countable = False
        #: Questions for their number meanwhile.
        self.questions: list[Callable[[], None]] = []


class Presence:
    """The other servers, by namespace; everything happens in the server's thread."""

    def __init__(
        self,
        say: Callable[[str, MessageType], None],
        gone: Callable[[str, str], None],
        interval: float = INTERVAL,
        timeout: float = TIMEOUT,
    ) -> None:
        """Know nobody.

        Args:
            say: Publishes a heartbeat of a type in a namespace.
            gone: Told of a namespace and a server that has fallen silent there; its
                adapter will wait for that server no longer.
            interval: Seconds between two heartbeats.
            timeout: Seconds after which a silent server counts as gone.
        """
        self._say = say
        self._gone = gone
        self._interval = interval
        self._timeout = timeout
        self._reactor: Reactor
        self._timers: set[Timer] = set()
        #: By namespace.
        self._known: dict[str, _Known] = {}
        #: Whether the broker is away: then nobody can be heard, and nobody is gone.
        self._deaf = True

    def open(self, reactor: Reactor) -> None:
        """Begin."""
        self._reactor = reactor
        self._call_later(self._interval / 2, self._look)

    def close(self) -> None:
        """End."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._known.clear()

    def join(self, nsp: str) -> None:
        """Take part in a namespace."""
        self._known[nsp] = _Known(self._now)

    def leave(self, nsp: str) -> None:
        """Take part in it no longer."""
        self._known.pop(nsp, None)

    def greet(self, nsp: str) -> None:
        """Say that we are here, over a connection that is new."""
        known = self._known[nsp]
        self._say(nsp, MessageType.INITIAL_HEARTBEAT)
        known.said = self._now
        if not known.greeted:
            known.greeted = True
            self._call_later(GREETING, self._answer, known)

    def said(self, nsp: str) -> None:
        """Something was published: no heartbeat is needed for a while."""
        if nsp in self._known:
            self._known[nsp].said = self._now

    def heard(self, nsp: str, uid: str, kind: MessageType | None) -> None:
        """Another server has said something; a newcomer is answered.

        Args:
            nsp: The namespace.
            uid: The server; empty if it does not tell.
            kind: Type of the message; None: one that is not known.
        """
        known = self._known.get(nsp)
        if known is None:
            return
        known.missing.discard(uid)
        if kind is MessageType.ADAPTER_CLOSE:
            self._forget(known, uid)
        elif uid and uid != EMITTER:
            known.others[uid] = self._now
        if kind is MessageType.INITIAL_HEARTBEAT:
            self._say(nsp, MessageType.HEARTBEAT)
            known.said = self._now

    def away(self) -> None:
        """The broker is away: from now on nobody can be heard."""
        self._deaf = True

    def back(self) -> None:
        """The broker is back; what the others say may come a little later."""
        if self._deaf:
            self._deaf = False
            now = self._now
            for known in self._known.values():
                known.missing = set(known.others)
                known.others = dict.fromkeys(known.others, now)

    @property
    def complete(self) -> bool:
        """Whether all that were there before the last outage have been heard again."""
        return not any(known.missing for known in self._known.values())

    def others(self, nsp: str) -> frozenset[str]:
        """Return the other servers that are known now."""
        return frozenset(self._known[nsp].others)

    def count(
        self, nsp: str, told: Callable[[int], None], asked: frozenset[str] = frozenset()
    ) -> None:
        """Tell the number of other servers, as soon as newcomers have been answered.

        Args:
            nsp: The namespace.
            told: Takes the number; it is not called if we have left.
            asked: Those that were known when a question was put. Whoever asks has been
                told of those that are gone since then, and counts them.
        """
        known = self._known.get(nsp)
        if known is None:
            return
        if known.countable:
            told(len(asked | known.others.keys()))
        else:
            known.questions.append(lambda: self.count(nsp, told, asked))

    @property
    def _now(self) -> float:
        return self._reactor.clock.now()

    def _call_later(
        self, seconds: float, fn: Callable[..., None], *args: object
    ) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            fn(*args)

        timer = self._reactor.clock.call_later(seconds, fire)
        self._timers.add(timer)

    def _answer(self, known: _Known) -> None:
        """All that are there have answered by now."""
        known.countable = True
        questions, known.questions = known.questions, []
        for ask in questions:
            ask()

    def _forget(self, known: _Known, uid: str) -> None:
        # It is counted until our adapter knows that it is gone.
        self._reactor.to_hub(known.others.pop, uid, None)

    def _look(self) -> None:
        """Say that we are here, and see who is not."""
        # Twice as often as needed: a heartbeat is due some time between two looks.
        self._call_later(self._interval / 2, self._look)
        if self._deaf:
            return
        now = self._now
        for nsp, known in list(self._known.items()):
            if known.greeted and known.said <= now - self._interval / 2:
                self._say(nsp, MessageType.HEARTBEAT)
                known.said = now
            for uid, at in known.others.items():
                if at < now - self._timeout:
                    self._gone(nsp, uid)
                    self._forget(known, uid)
