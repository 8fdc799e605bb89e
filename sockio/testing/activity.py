"""Activity: which code of the application runs for the clients of a test.

It lets the clients wait until that code has ended, and gives them the errors that it
raised. It watches a server only while there are clients.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary, proxy

import gevent
from gevent.event import Event

from sockio.engine.intake import Intake
from sockio.errors import ConnectError, Disconnected, Forbidden
from sockio.runtime.observers import Observer
from sockio.runtime.surroundings import Call
from sockio.runtime.workers import FAILURES
from sockio.socket.server.server import Server

from .clock import FakeClock, let_run

__all__ = ["Activity", "activity_of"]

#: Kinds of calls that nobody waits for: they may take as long as they like.
_BESIDE = frozenset(("task", "every", "http"))
#: Real seconds after which an activity looks again, whether or not something happened.
_PAUSE = 0.01


class Activity(Observer):
    """The calls of one server's application that run, and the errors of those past."""

    def __init__(self, io: Server[Any]) -> None:
        #: The server, which is not kept alive: see ``_activities``.
        self._io = proxy(io)
        self._loop = gevent.get_hub().loop
        #: The calls that have not ended, and the greenlets that they run in.
        self._running: dict[object, tuple[Call, object]] = {}
        #: What the application's code raised, and no client has raised again.
        self._errors: list[BaseException] = []
        #: How the engine has refused the last request.
        self._refusal: dict[str, Any] | None = None
        self._changed = Event()
        #: How many clients want to know.
        self._clients = 0
        self._end: Callable[[], None] = _nothing

    def join(self) -> None:
        """Watch for one more client."""
        self._clients += 1
        if self._clients == 1:
            reactor = self._io.reactor
            self._end = reactor.around.enclose(self._within)
            reactor.observers.add(self)

    def leave(self) -> None:
        """Watch for one client less."""
        self._clients -= 1
        if not self._clients:
            end, self._end = self._end, _nothing  # it refers back to this object
            end()
            self._io.reactor.observers.remove(self)

    # ------------------------------------------------------------------ what happens

    @contextmanager
    def _within(self, call: Call) -> Iterator[None]:
        """Surround one call of the application's code."""
        with self.running(call):
            try:
                yield
            except FAILURES as exc:
                if not _expected(call, exc):
                    self.note(exc)
                raise
            if call.kind == "error":  # an error handler, which has handled it
                self._forget(call.args[-1])

    @contextmanager
    def running(self, call: Call) -> Iterator[None]:
        """Count a call as running."""
        token = object()
        if call.kind not in _BESIDE:
            self._running[token] = call, gevent.getcurrent()
        try:
            yield
        finally:
            self._running.pop(token, None)
            self._changed.set()

    def note(self, error: BaseException) -> None:
        """Raise ``error`` in the next client that waits, instead of what led to it."""
        self._forget(error)
        self._forget(error.__context__)
        self._errors.append(error)

    def _forget(self, error: BaseException | None) -> None:
        self._errors = [one for one in self._errors if one is not error]

    def event_rejected(self, socket: Any, event: str, error: BaseException) -> None:
        """A guard has rejected an event, or it has wrong arguments."""
        self.note(error)

    def request_refused(self, request: Any, code: int, message: str) -> None:
        """The engine has refused a request."""
        self._refusal = {"code": code, "message": message}

    def take_refusal(self) -> dict[str, Any] | None:
        """Return how the last request was refused, once; None: it was not."""
        refusal, self._refusal = self._refusal, None
        return refusal

    def changed(self) -> None:
        """Something has happened that a client may be waiting for."""
        self._changed.set()

    # ------------------------------------------------------------------ waiting

    def take_errors(self) -> list[BaseException]:
        """Remove and return the errors that came since the last time."""
        errors, self._errors = self._errors, []
        return errors

    def wait_until(
        self, fact: Callable[[], object], seconds: float, check: Callable[[], object]
    ) -> bool:
        """Let the server run until ``fact()`` is true; False: it never was.

        Args:
            fact: What is waited for.
            seconds: Real seconds after which it is given up.
            check: Called each time before ``fact``; what it raises ends the wait.

        Blocks:
            Until then.
        """
        deadline = time.monotonic() + seconds
        while True:
            self._changed.clear()
            self._let_run()
            check()
            if fact():
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._changed.wait(min(left, _PAUSE))

    @contextmanager
    def settling(self, seconds: float, check: Callable[[], object]) -> Iterator[None]:
        """Wait, behind the block, until the code that runs has ended.

        The wait ends too if that code waits for a client, or, with a ``FakeClock``, for
        the time to be advanced.

        Args:
            seconds: Real seconds after which it is given up.
            check: Called again and again; what it raises ends the wait.

        Raises:
            TimeoutError: It has not ended in time.

        Blocks:
            Until one of these is the case.
        """
        waits = {id(intake): intake.waits for intake in self._intakes()}
        watchers = self._loop.activecnt
        yield

        def settled() -> bool:
            if not self._at_work():
                return True
            if any(i.waits > waits.get(id(i), 0) for i in self._intakes()):
                return True
            # Nothing real is waited for: neither a socket, nor a thread, nor a timer.
            return self._clock is not None and self._loop.activecnt <= watchers

        if not self.wait_until(settled, seconds, check):
            calls = ", ".join(sorted({_name(call) for call in self._at_work()}))
            raise TimeoutError(
                f"{calls} has not ended after {seconds:g} s; give the client a longer "
                "timeout, emit with wait=False, or give the server a FakeClock"
            )

    @property
    def _clock(self) -> FakeClock | None:
        clock = self._io.reactor.clock
        return clock if isinstance(clock, FakeClock) else None

    def _let_run(self) -> None:
        if self._clock is not None:
            self._clock.settle()
        else:
            let_run()

    def _intakes(self) -> list[Intake]:
        return [session.intake for session in self._io.engine.clients.values()]

    def _at_work(self) -> list[Call]:
        """Return the calls that run, except the caller's, and those that wait."""
        mine = gevent.getcurrent()
        return [
            call
            for call, greenlet in self._running.values()
            if greenlet is not mine and not _waits(call)
        ]


def _waits(call: Call) -> bool:
    """Whether a greenlet waits for something from the client of a call."""
    return call.socket is not None and call.socket.conn.intake.waits > 0


def _expected(call: Call, error: BaseException) -> bool:
    """Whether an error is what such a call raises to refuse a client.

    Those of guards come by ``event_rejected``.
    """
    if isinstance(error, Disconnected) or call.kind == "guard":
        return True
    refusals = {"middleware": ConnectError, "http": Forbidden}
    kind = refusals.get(call.kind)
    return kind is not None and isinstance(error, kind)


def _name(call: Call) -> str:
    what = "the listener of" if call.kind in ("event", "connection") else "the call for"
    return f"{what} {call.event or call.kind!r}"


def _nothing() -> None:
    """Nothing is watched, so nothing ends."""


#: Those of the servers that have had clients.
_activities: WeakKeyDictionary[Server[Any], Activity] = WeakKeyDictionary()


def activity_of(io: Server[Any]) -> Activity:
    """Return the activity of a server, which all its clients share."""
    if io not in _activities:
        _activities[io] = Activity(io)
    return _activities[io]
