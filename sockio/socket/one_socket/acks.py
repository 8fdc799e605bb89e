"""PendingAcks: the acknowledgements a socket waits for, by packet id.

Every wait ends exactly once: with the client's answer, when the time runs out, or when
the socket goes away. Answers arrive in the hub and wake waiters immediately. Callbacks
are user code: they run one at a time in a worker, in the order in which the answers
arrive. They do not run in the mailbox of the socket, since a handler may wait for what
a callback sets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any, TypeAlias

from sockio.errors import AckError, AckTimeout, Disconnected
from sockio.runtime.clock import Clock, Timer
from sockio.runtime.deferred import done
from sockio.runtime.latch import Latch
from sockio.types import Json

#: Runs a job in a worker soon, without waiting for it.
Start: TypeAlias = Callable[[Callable[[], None]], object]
#: Calls, for the event of this name, a callback of the application with its arguments.
CallBack: TypeAlias = Callable[
    ["str | None", Callable[..., object], tuple[Any, ...]], object
]
_Answered: TypeAlias = Callable[[list[Json]], None]
_Failed: TypeAlias = Callable[[AckError], None]


class PendingAcks:
    """The acknowledgements that one socket waits for."""

    __slots__ = (
        "_call",
        "_clock",
        "_closed",
        "_entries",
        "_missing",
        "_queue",
        "_start",
    )

    def __init__(
        self,
        clock: Clock,
        start: Start,
        call: CallBack | None = None,
        missing: Callable[[str | None], object] | None = None,
    ) -> None:
        """Make one that waits for nothing.

        Args:
            clock: Tells the time.
            start: Runs a job in a worker.
            call: Calls a callback; None: directly.
            missing: Called with the event's name when an answer does not come in time.
        """
        self._clock = clock
        self._start = start
        self._call = call if call is not None else _call
        self._missing = missing if missing is not None else _nothing
        self._entries: dict[int, _Entry] = {}
        # Callbacks that have not started; None while no worker runs them.
        self._queue: deque[Callable[[], object]] | None = None
        self._closed: str | None = None

    def __len__(self) -> int:
        """Return how many are awaited."""
        return len(self._entries)

    # ---- waiting

    def wait(
        self, ack_id: int, timeout: float | None = None, event: str | None = None
    ) -> list[Json]:
        """Wait for the answer and return its arguments.

        Args:
            ack_id: The id of a packet sent just before; no blocking call in between.
            timeout: Seconds; None waits as long as the socket lives.
            event: The name of the event, for AckTimeout.

        Raises:
            AckTimeout: The time ran out; a later answer is ignored.
            Disconnected: The socket went away.

        Blocks:
            Until the answer comes or one of these happens.
        """
        latch: Latch[list[Json]] = Latch(self._clock)
        self._add(ack_id, _Entry(latch.set, latch.fail))
        try:
            return latch.wait(timeout)
        except TimeoutError as exc:
            self._missing(event)
            raise AckTimeout(event=event, seconds=timeout) from exc
        finally:
            self._entries.pop(ack_id, None)

    def add_callback(
        self,
        ack_id: int,
        callback: Callable[..., object],
        timeout: float | None = None,
        event: str | None = None,
    ) -> None:
        """Call ``callback(*args)``, in a worker, when the answer comes.

        With a ``timeout`` in seconds it is called exactly once, with ``(None, *args)``,
        or with an AckTimeout or Disconnected if there is no answer. Without a
        ``timeout``, it is not called if the socket goes away before the answer.
        """
        run = partial(self._run, event, callback)
        if timeout is None:
            self._add(ack_id, _Entry(lambda args: run(*args), None))
            return
        entry = _Entry(lambda args: run(None, *args), run)
        if self._add(ack_id, entry):
            entry.timer = self._clock.call_later(
                timeout, self._expire, ack_id, entry, event, timeout
            )

    def expect(
        self, ack_id: int, answered: _Answered, lost: Callable[[], None]
    ) -> None:
        """Call ``answered(args)`` or, if the socket goes away before, ``lost()``.

        For broadcasts. Both may be called in the hub, so they must not block.
        """
        self._add(ack_id, _Entry(answered, lambda _: lost()))

    def _add(self, ack_id: int, entry: _Entry) -> bool:
        """Note ``entry``; if the socket has gone, fail it now and return False."""
        if self._closed is None:
            self._entries[ack_id] = entry
            return True
        if entry.failed is not None:
            entry.failed(Disconnected(self._closed))
        return False

    # ---- what ends it

    def resolve(self, ack_id: int, args: list[Json]) -> bool:
        """Deliver the client's answer; False if nobody waits for it (any more)."""
        entry = self._entries.pop(ack_id, None)
        if entry is None:
            return False
        entry.stop()
        entry.answered(args)
        return True

    def cancel(self, ack_id: int) -> bool:
        """Forget one without notifying who waits for it; False if there is none."""
        entry = self._entries.pop(ack_id, None)
        if entry is None:
            return False
        entry.stop()
        return True

    def close(self, reason: str) -> None:
        """End all present and later waits with Disconnected.

        Callbacks whose answer has come still run: a client may answer and disconnect
        right after.
        """
        if self._closed is not None:
            return
        self._closed = reason
        entries, self._entries = self._entries, {}
        for entry in entries.values():
            entry.stop()
            if entry.failed is not None:
                entry.failed(Disconnected(reason))

    def _expire(
        self, ack_id: int, entry: _Entry, event: str | None, timeout: float
    ) -> None:
        # The id may be in use again: the timer ends nothing but its own entry.
        if self._entries.get(ack_id) is entry:
            del self._entries[ack_id]
            self._missing(event)
            if entry.failed is not None:
                entry.failed(AckTimeout(event=event, seconds=timeout))

    # ---- callbacks

    def _run(
        self, event: str | None, callback: Callable[..., object], *args: Any
    ) -> None:
        """Run ``callback`` in the worker, after those that came before it."""
        if self._queue is None:
            self._queue = deque([lambda: self._call(event, callback, args)])
            self._start(self._run_next)
        else:
            self._queue.append(lambda: self._call(event, callback, args))

    def _run_next(self) -> None:
        queue = self._queue
        assert queue is not None
        try:
            Context().run(queue.popleft())
        finally:
            # Also after a callback that was killed, or raised, which the worker logs.
            if queue:
                self._start(self._run_next)
            else:
                self._queue = None


def _call(
    event: str | None, callback: Callable[..., object], args: tuple[Any, ...]
) -> None:
    done(callback, callback(*args))


def _nothing(_: object) -> None:
    """Do nothing: nobody wants to know."""


class _Entry:
    """One awaited answer: what to call when it comes, and when it does not."""

    __slots__ = ("answered", "failed", "timer")

    def __init__(self, answered: _Answered, failed: _Failed | None) -> None:
        self.answered = answered
        self.failed = failed
        self.timer: Timer | None = None

    def stop(self) -> None:
        """Cancel the timer."""
        if self.timer is not None:
            self.timer.cancel()
