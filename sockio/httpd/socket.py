"""HttpSocket: a client's socket, as our HTTP server reads and writes it.

The hub reads. A worker writes and waits; the hub writes without waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from socket import MSG_PEEK, SHUT_RDWR, SO_LINGER, SOL_SOCKET
from typing import Any

from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.hangup import hang_up, say_no_more
from sockio.runtime.latch import Latch
from sockio.runtime.syscalls import BENEATH_TLS
from sockio.runtime.watchers import AGAIN, READ, Writable

from .deadlines import Deadline
from .exchange import PeerGone
from .owner import Place

__all__ = ["LINGERING", "PROGRESS", "HttpSocket", "has_arrived"]

log = logs.get("engine.http")

#: Seconds that a client gets to read the last answer and hang up.
LINGERING = 2.0

#: Bytes of a body that count as progress.
PROGRESS = 1024
#: If nobody waits for bytes for so many seconds, the time for the next begins anew.
_PAUSE = 1.0

_READ_SIZE = 65536
#: Makes the kernel drop what it has not sent, and reset the connection.
_NO_LINGER = b"\1\0\0\0\0\0\0\0"


class HttpSocket:
    """A connected socket that does not block, plain or TLS."""

    __slots__ = (
        "_counted",
        "_deadline",
        "_done",
        "_ended",
        "_lingering",
        "_place",
        "_progress",
        "_reader",
        "_reading",
        "_sending",
        "_sock",
        "_unsent",
        "_writer",
        "tls",
    )

    def __init__(self, sock: Any, place: Place, *, tls: bool) -> None:
        self._sock = sock
        self._place = place
        self.tls = tls
        #: Whether the peer sends nothing more, or we do not want more.
        self._ended = False
        self._reader: Any = place.loop.io(sock.fileno(), READ)
        self._reading = False
        #: What the kernel has not taken of the hub's data, and the call to make then.
        self._unsent: memoryview | None = None
        self._done: Callable[[], None] | None = None
        self._writer: Writable | None = None
        #: Whether a worker waits for the kernel to take more.
        self._sending = False
        #: Closes the socket, after the last answer.
        self._lingering: Timer | None = None
        #: The deadline that the client is under.
        self._deadline: Deadline | None = None
        #: Bytes of a body that have come or gone since its time began.
        self._progress = 0
        #: When the last ones did.
        self._counted = 0.0

    @property
    def sock(self) -> Any:
        """The socket."""
        return self._sock

    # ------------------------------------------------------------------ deadlines

    def _wait_under(self, deadline: Deadline | None) -> None:
        """Put the client under ``deadline``, and no other."""
        if self._deadline is not deadline and self._deadline is not None:
            self._deadline.end(self)
        self._deadline = deadline
        if deadline is not None:
            deadline.begin(self)

    def _wait_for_progress(self) -> None:
        """Put the client under the deadline for a body, unless it is already.

        The time that the application takes in between does not count.
        """
        deadline = self._place.deadlines.body
        idle = self._place.clock.now() - self._counted
        if self._deadline is not deadline or idle > _PAUSE:
            self._progress = 0
            self._wait_under(deadline)

    def _count(self, size: int) -> None:
        """Count ``size`` bytes of a body that have come or gone."""
        self._counted = self._place.clock.now()
        self._progress += size
        if self._progress >= PROGRESS:
            self._wait_under(None)

    def expire(self) -> None:
        """Act on a client that has missed its deadline; called in the hub."""
        self._deadline = None
        if self._unsent is not None or self._sending:
            self._cut()

    def _cut(self) -> None:
        """End the connection, drop what the client has not taken, wake the sender."""
        log.debug("a client takes nothing; its connection is cut")
        self._ended = True
        with suppress(OSError):
            self._sock.setsockopt(SOL_SOCKET, SO_LINGER, _NO_LINGER)
            if self._sending:
                # This is below TLS; the worker that sends will close the socket.
                getattr(self._sock, "_sock", self._sock).shutdown(SHUT_RDWR)
        if not self._sending:
            self.close()

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        raise NotImplementedError

    def has_arrived(self) -> bool:
        """Say whether the peer has sent something that is still to be read."""
        return has_arrived(self._sock)

    # ------------------------------------------------------------------ reading

    def _on_readable(self) -> None:
        """Receive what has arrived; called in the hub."""
        raise NotImplementedError

    def _receive_some(self) -> bytes | None:
        """Return what has arrived; no bytes at the end, None if nothing has yet."""
        try:
            return self._sock.recv(_READ_SIZE)  # type: ignore[no-any-return]
        except AGAIN:
            return None
        except OSError as exc:
            log.debug("a client went away: %s", exc)
            return b""

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._reader.stop()

    def _resume(self) -> None:
        if not self._reading and not self._ended:
            self._reading = True
            self._reader.start(self._on_readable)
            if self.tls:
                self._place.loop.run_callback(self._read_decrypted)

    def _read_decrypted(self) -> None:
        """Read bytes that wait although the descriptor is not readable."""
        if self._reading and self._sock.pending():
            self._on_readable()

    # ------------------------------------------------------------------ writing

    def send(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises:
            PeerGone: The client takes nothing more.

        Blocks:
            Until the kernel has it.
        """
        sent = self._send_some(data)
        if sent != len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_some(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)  # type: ignore[no-any-return]
        except AGAIN:
            return 0
        except OSError as exc:
            raise PeerGone(*exc.args) from exc

    def _send_rest(self, data: memoryview) -> None:
        free: Latch[None]
        writable = self._watch_kernel(lambda: free.set(None))
        self._sending = True
        try:
            while data:
                self._wait_for_progress()
                free = Latch(self._place.clock)
                free.wait()
                sent = self._send_some(data)
                self._count(sent)
                data = data[sent:]
        finally:
            self._sending = False
            writable.close()

    def _watch_kernel(self, on_writable: Callable[[], object]) -> Writable:
        return Writable(self._place.loop, self._sock.fileno(), on_writable)

    def _send_in_hub(self, data: bytes, done: Callable[[], None]) -> None:
        """Send all of ``data``, then call ``done``; never blocks.

        Raises:
            PeerGone: The client takes nothing more.
        """
        sent = self._send_some(data)
        if sent == len(data):
            done()
            return
        self._unsent, self._done = memoryview(data)[sent:], done
        self._writer = self._watch_kernel(self._on_writable)
        self._wait_for_progress()

    def _on_writable(self) -> None:
        assert self._unsent is not None
        assert self._done is not None
        try:
            sent = self._send_some(self._unsent)
        except PeerGone as exc:
            log.debug("a client went away: %s", exc)
            self.close()
            return
        self._unsent = self._unsent[sent:]
        self._count(sent)
        if self._unsent:
            self._wait_for_progress()
        else:
            done = self._done
            self._stop_writer()
            done()

    def _stop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = self._unsent = self._done = None

    # ------------------------------------------------------------------ the end

    @property
    def closed(self) -> bool:
        """Whether it is closed, or has another owner."""
        return self._reader is None

    def part(self) -> None:
        """Close when the client has closed, or soon: we have nothing more to send.

        What the client sends meanwhile is dropped. Closing a socket that was not read
        to its end would destroy the answer on its way (RFC 9112, 9.6).
        """
        if self._ended or self._reader is None:
            self.close()
            return
        self._stop_writer()
        say_no_more(self._sock)
        self._wait_under(None)
        self._lingering = self._place.clock.call_later(LINGERING, self.close)
        self._resume()

    def _pass_over(self) -> None:
        """Drop what comes after the last answer; TLS refuses it, so read below TLS."""
        try:
            data = BENEATH_TLS.receive(self._sock, self._sock.fileno())
        except AGAIN:
            return
        except OSError as exc:
            log.debug("a client went away: %s", exc)
            data = b""
        if not data:
            self.close()

    def _stop(self) -> None:
        """Release the socket."""
        self._ended = True
        self._pause()
        self._stop_writer()
        self._wait_under(None)
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def close(self) -> None:
        """End the connection at once."""
        if self._reader is not None:
            self._stop()
            hang_up(self._sock)


def has_arrived(sock: Any) -> bool:
    """Say whether something waits to be read, below TLS, if only the end."""
    try:
        getattr(sock, "_sock", sock).recv(1, MSG_PEEK)
    except AGAIN:
        return False
    except OSError:
        pass  # the end, too
    return True
