"""Answers: the clients' answers to one broadcast, collected from all servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.errors import AckTimeout
from sockio.runtime import logs
from sockio.runtime.failures import shown, who
from sockio.runtime.reactor import Reactor
from sockio.runtime.workers import FAILURES

log = logs.get("socket")

_FAILED = "the callback for the answers of several failed: %s"


class Answers:
    """The answers to one broadcast, until they are complete or the time runs out."""

    def __init__(
        self,
        done: Callable[[AckTimeout | None, list[Any]], None],
        event: str | None = None,
        seconds: float | None = None,
    ) -> None:
        self._event = event
        self._seconds = seconds
        #: How many servers will report; None: that is not known yet.
        self._servers: int | None = None
        self._reported = 0
        self._done = done
        self._asked = 0
        self._lost = 0
        self._responses: list[Any] = []
        self._over = False
        self._cleanups: tuple[Callable[[], object], ...] = ()

    def started(self, *cleanups: Callable[[], object]) -> None:
        """Call ``cleanups`` when all is over; immediately, if it is over already."""
        if self._over:
            for cleanup in cleanups:
                cleanup()
        else:
            self._cleanups = cleanups

    def expect(self, servers: int) -> None:
        """Note how many servers will report; known once they have been asked."""
        self._servers = servers
        self._check()

    def count(self, clients: int) -> None:
        """One server has asked ``clients`` clients."""
        self._reported += 1
        self._asked += clients
        self._check()

    def answered(self, args: list[Any]) -> None:
        """One client has answered; only its first argument counts."""
        self._responses.append(args[0] if args else None)
        self._check()

    def lost(self) -> None:
        """One client went away without an answer: it is not waited for any more."""
        self._lost += 1
        self._check()

    def time_out(self) -> None:
        """The time has run out."""
        # Servers that have not told how many they ask do not count: it is one at least.
        missing = max(self._asked - self._lost - len(self._responses), 1)
        error = AckTimeout(self._responses, missing, self._event, self._seconds)
        self._end(error)

    def _check(self) -> None:
        if self._servers is None or self._reported < self._servers:
            return
        if len(self._responses) + self._lost >= self._asked:
            self._end(None)

    def _end(self, error: AckTimeout | None) -> None:
        if not self._over:
            self._over = True
            for cleanup in self._cleanups:
                cleanup()
            self._done(error, self._responses)


class Callback:
    """Calls a user's function with the answers, in a worker."""

    def __init__(self, fn: Callable[..., object], reactor: Reactor) -> None:
        self._fn = reactor.around.later(fn)
        self._reactor = reactor

    def __call__(self, error: AckTimeout | None, responses: list[Any]) -> None:
        self._reactor.workers.spawn(self._call, error, responses)

    def _call(self, error: AckTimeout | None, responses: list[Any]) -> None:
        try:
            self._reactor.around.call("ack", self._fn, (error, responses))
        except FAILURES as exc:
            # A boundary: a callback is user code; its failure ends only itself.
            log.error(_FAILED, who(self._fn, exc), exc_info=shown(exc))
