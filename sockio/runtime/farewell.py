"""Farewell: the orderly end of a connection on which we have nothing more to send.

First everything that was written is sent. Then we tell the peer that nothing follows,
and drop what it still sends. Closing a socket with unread bytes would reset the
connection, and the peer could lose what it has not read yet, our last words included.
The farewell is over when the peer ends too, takes too long, or sends too much.

Spec: RFC 6455, section 7.1.1.
"""

from __future__ import annotations

from collections.abc import Callable

from .clock import Timer
from .delays import Calls
from .stream import Stream
from .syscalls import READ_SIZE

__all__ = ["LEAST_COUNTED", "LINGER", "MOST_DROPPED", "Farewell"]

#: Seconds that a peer has to end too, after we told it of our end.
LINGER = 2.0
#: Most bytes that are dropped.
MOST_DROPPED = 64 << 20
#: Bytes that each read counts for at least: small reads cost as much as these.
LEAST_COUNTED = 4096

#: Memory for what is dropped; nobody reads it.
_NOWHERE = memoryview(bytearray(READ_SIZE))


class Farewell:
    """The last receiver of a stream; in the end it closes the stream."""

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
        """Begin; from now on nothing may be written.

        Args:
            stream: A stream that has been started.
            delays: For the deadlines.
            done: Called once, when the stream is closed.
            patience: Seconds that the peer has to take what was written.
        """
        # Below TLS, bytes cannot be received into given memory.
        self.space = None if stream.tls else _NOWHERE
        self._stream = stream
        self._delays = delays
        self._done = done
        self._left = MOST_DROPPED
        #: Whether the peer has ended.
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
        """The peer sends nothing more; it may still read."""
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
