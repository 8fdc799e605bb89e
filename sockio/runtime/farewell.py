"""Farewell: the end of a connection on which all has been said.

What was written leaves. Then the peer is told that nothing follows, and what it still
sends is dropped: to close a socket with unread bytes is to reset the connection, which
may take from the peer what it has not read yet, our last words among them. All is over
when the peer ends too, when it took too long, or when it sent too much.

Spec: RFC 6455, section 7.1.1.
"""

from __future__ import annotations

from collections.abc import Callable

from .clock import Timer
from .delays import Calls
from .stream import Stream
from .syscalls import READ_SIZE

__all__ = ["LEAST_COUNTED", "LINGER", "MOST_DROPPED", "Farewell"]

#: Seconds that a peer has for its own end, once it was told of ours.
LINGER = 2.0
#: Bytes that are dropped, at most.
MOST_DROPPED = 64 << 20
#: Each read counts for so many bytes at least: small ones cost as much.
LEAST_COUNTED = 4096

#: What is dropped is received here; nobody reads it.
_NOWHERE = memoryview(bytearray(READ_SIZE))


class Farewell:
    """The last receiver of a stream, which it closes."""

    __slots__ = (
        "_delays",
        "_done",
        "_heard_all",
        "_left",
        "_stream",
        "_timer",
        "space",
    )

    def __init__(
        self,
        stream: Stream,
        delays: Calls,
        done: Callable[[], object],
        *,
        patience: float = LINGER,
    ) -> None:
        """Begin; nothing may be written any more.

        Args:
            stream: Has been started.
            delays: For the deadlines.
            done: Called once, when the stream is closed.
            patience: Seconds in which the peer must have taken what was written.
        """
        # Beneath TLS there is no receiving into something.
        self.space = None if stream.tls else _NOWHERE
        self._stream = stream
        self._delays = delays
        self._done = done
        self._left = MOST_DROPPED
        #: The peer has ended.
        self._heard_all = False
        self._timer: Timer | None = None
        stream.turn_to(self)
        stream.flush()
        if not stream.pending_size:
            self.drained()
        elif not stream.closed:
            self._wait(patience)

    def received(self, data: bytes) -> None:
        """Bytes arrived."""
        self._drop(len(data))

    def filled(self, count: int) -> None:
        """Bytes arrived, in ``space``."""
        self._drop(count)

    def _drop(self, count: int) -> None:
        self._left -= max(count, LEAST_COUNTED)
        if self._left < 0:
            self._end()

    def drained(self) -> None:
        """All that was written has gone to the kernel."""
        if self._heard_all:
            self._end()
        else:
            self._stream.say_no_more()
            self._wait(LINGER)

    def ended(self, error: OSError | None) -> None:
        """The peer sends no more; it may be reading still."""
        self._heard_all = True
        if error is not None or not self._stream.pending_size:
            self._end()

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._delays.call_later(seconds, self._end)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._stream.close()
        self._done()
