"""Stream: a taken-over TCP socket; the hub reads it, writes go straight to the kernel.

No greenlet belongs to a stream. A read watcher of the hub receives, with one bounded
read in each pass (a few with TLS), so that no client starves the others. A write
watcher exists only while the kernel does not take what was written.
"""

from __future__ import annotations

from typing import Any, Protocol

from . import logs
from .batch import Batch
from .hangup import hang_up, say_no_more
from .syscalls import BENEATH_TLS, DIRECT, OVER_SOCKET, READ_SIZE
from .watchers import AGAIN, READ, Writable, drop

log = logs.get("runtime.stream")

#: Buffers handed to the kernel in one call, below the smallest IOV_MAX.
_GATHER = 64


class Receiver(Protocol):
    """What a stream needs of the object that reads its bytes; called in the hub."""

    #: Inside a large message, the memory to receive its next bytes into; else None.
    @property
    def space(self) -> memoryview | None: ...
    def received(self, data: bytes) -> None: ...
    def filled(self, count: int) -> None: ...
    def drained(self) -> None:
        """Everything written has gone to the kernel; before, the stream was blocked."""

    def ended(self, error: OSError | None) -> None:
        """The peer ended the connection; nothing more will be received."""


class Stream:
    """One connected socket, plain or TLS, that this object owns from now on."""

    __slots__ = (
        "_batch",
        "_broken",
        "_calls",
        "_fd",
        "_fd_open",
        "_loop",
        "_paused",
        "_pending",
        "_reader",
        "_receiver",
        "_sent_in",
        "_sock",
        "_writer",
        "blocked",
        "pending_size",
        "tls",
    )

    def __init__(self, sock: Any, batch: Batch, *, tls: bool = False) -> None:
        self._sock = sock
        self._fd: int = sock.fileno()
        self._batch = batch
        self._loop = batch.workers.loop
        #: Whether what is received is decrypted.
        self.tls = tls
        self._calls = OVER_SOCKET if tls else DIRECT
        self._receiver: Receiver | None = None
        self._reader: Any = None
        #: Exists while the kernel does not take what was written.
        self._writer: Writable | None = None
        self._pending: list[bytes | memoryview] = []
        self._sent_in = -1
        self._broken = False
        self._paused = False
        self._fd_open = True
        #: Bytes that were written and that the kernel has not taken yet.
        self.pending_size = 0
        #: Whether the kernel takes no more at present; until ``Receiver.drained``.
        self.blocked = False

    def start(self, receiver: Receiver, early: bytes = b"") -> None:
        """Start reading; ``early`` is what somebody else has already received."""
        self.flush()
        self._receiver = receiver
        self._reader = self._loop.io(self._sock.fileno(), READ)
        if early:
            # _on_early starts the watcher, which could otherwise fire before it.
            self._loop.run_callback(self._on_early, early)
        else:
            self._watch()

    def turn_to(self, receiver: Receiver) -> None:
        """Notify another receiver from now on."""
        self._receiver = receiver

    def pause(self) -> None:
        """Receive nothing more, not even the end, until ``resume``."""
        if not self._paused:
            self._paused = True
            if self._reader is not None:
                self._reader.stop()

    def resume(self) -> None:
        """Receive again."""
        if self._paused:
            self._paused = False
            if self._fd_open and self._receiver is not None:
                self._watch()

    @property
    def writable(self) -> bool:
        """Whether nothing was written in this pass of the loop and nothing waits."""
        return not self._pending and self._sent_in != self._batch.turn()

    @property
    def closed(self) -> bool:
        """Whether the socket has been closed on our side."""
        return not self._fd_open

    # ------------------------------------------------------------------ writing

    def write(self, data: bytes) -> None:
        """Send ``data`` behind what was written before; never blocks, never raises."""
        if self._broken:
            return
        batch = self._batch
        pending = self._pending
        if pending or batch.corked:
            if not pending:
                self._sent_in = batch.turn()
                batch.dirty.append(self)
            pending.append(data)
            self.pending_size += len(data)
            if not self.blocked and (not batch.corked or self.pending_size > READ_SIZE):
                self._send_pending()
            return
        self._sent_in = batch.turn()
        self._send(data)

    def _send(self, data: bytes) -> None:
        """Send ``data``; nothing must wait before it."""
        try:
            sent = self._calls.send(self._sock, self._fd, data)
        except AGAIN:
            sent = 0
        except OSError as exc:
            self._break(exc)
            return
        if sent != len(data):
            self._pending.append(memoryview(data)[sent:])
            self.pending_size += len(data) - sent
            self._wait_for_kernel()

    def hold(self, data: bytes) -> None:
        """Keep ``data`` to send it with the next write, or at the ``start``."""
        self._pending.append(data)
        self.pending_size += len(data)

    def flush(self) -> None:
        """Send what was collected; the batch calls this."""
        if self._pending and not self.blocked:
            self._send_pending()

    def _send_pending(self) -> None:
        pending = self._pending
        first = pending[0]
        if len(pending) == 1 and type(first) is bytes:  # the usual case
            pending.clear()
            self.pending_size = 0
            self._send(first)
            return
        while pending and not self._broken:
            try:
                sent = self._send_first(pending)
            except AGAIN:
                break
            except OSError as exc:
                self._break(exc)
                return
            self.pending_size -= sent
            taken = 0
            for data in pending:
                if sent < len(data):
                    break
                sent -= len(data)
                taken += 1
            del pending[:taken]
            if sent:
                pending[0] = memoryview(pending[0])[sent:]
            if sent or not taken:  # TLS says 0 where others raise
                break
        if pending:
            self._wait_for_kernel()

    def _send_first(self, pending: list[bytes | memoryview]) -> int:
        if len(pending) == 1:
            return self._sock.send(pending[0])  # type: ignore[no-any-return]
        if self.tls:
            return self._sock.send(b"".join(pending[:_GATHER]))  # type: ignore[no-any-return]
        return self._sock.sendmsg(pending[:_GATHER])  # type: ignore[no-any-return]

    def _wait_for_kernel(self) -> None:
        if not self.blocked and self._fd_open:
            self.blocked = True
            fd = self._sock.fileno()
            self._writer = Writable(self._loop, fd, self._on_writable)

    def _on_writable(self) -> None:
        waiting = self.pending_size
        self._send_pending()
        if not self.blocked:
            return
        if not self._pending:
            self._stop_writer()
            if self._receiver is not None:
                self._receiver.drained()
        elif self.pending_size == waiting and self._writer is not None:
            self._writer.ask_later()

    def _stop_writer(self) -> None:
        self.blocked = False
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _break(self, error: OSError) -> None:
        # The read watcher will see the same end, after all that the peer sent before.
        log.debug("write failed: %s", error)
        self._broken = True
        self._pending.clear()
        self.pending_size = 0
        self._stop_writer()

    # ------------------------------------------------------------------ reading

    def _on_readable(self) -> None:
        if self._paused:
            return
        self._batch.begin()
        try:
            if self.tls:
                self._receive_tls()
            else:
                self._receive()
        except Exception:
            # A boundary: a bug of ours in reading ends this connection only.
            log.exception("a read failed; the connection is closed")
            self._end(None)
        self._batch.end()

    def _receive(self) -> bool:
        """Receive once; False if there was nothing, or if nothing more will come."""
        receiver = self._receiver
        if receiver is None or not self._fd_open:
            return False
        space = receiver.space
        try:
            if space is None:
                data = self._calls.receive(self._sock, self._fd)
                count = len(data)
            else:
                count = self._sock.recv_into(space)
        except AGAIN:
            return False
        except OSError as exc:
            self._end(exc)
            return False
        if not count:
            self._end(None)
            return False
        self._batch.received(count)
        if space is None:
            receiver.received(data)
        else:
            receiver.filled(count)
        return True

    def _receive_tls(self) -> None:
        # Decrypted bytes may wait without the descriptor being readable.
        for _ in range(4):
            if self._paused or not self._receive():
                return
        self._loop.run_callback(self._on_readable)

    def _watch(self) -> None:
        if self._reader is not None and not self._paused:
            self._reader.start(self._on_readable)
            if self.tls:
                self._loop.run_callback(self._on_readable)

    def _on_early(self, early: bytes) -> None:
        if self._receiver is None or not self._fd_open:
            return
        self._batch.begin()
        try:
            self._receiver.received(early)
        except Exception:
            # A boundary, as in _on_readable.
            log.exception("a read failed; the connection is closed")
            self._end(None)
        self._batch.end()
        self._watch()

    def _end(self, error: OSError | None) -> None:
        self._stop_reader()
        receiver = self._receiver
        if receiver is not None:
            receiver.ended(error)

    def _stop_reader(self) -> None:
        if self._reader is not None:
            drop(self._reader)
            self._reader = None

    # ------------------------------------------------------------------ closing

    def say_no_more(self) -> None:
        """Tell the peer that nothing follows; still receive, to drop what comes.

        After our goodbye TLS refuses to read on, so what comes is not decrypted.
        """
        self._broken = True
        say_no_more(self._sock)
        if self.tls:
            self.tls = False
            self._calls = BENEATH_TLS

    def close(self) -> None:
        """End the connection at once; what was not sent is lost."""
        if self._fd_open:
            hang_up(self._let_go())

    def _let_go(self) -> Any:
        """Release the socket and return it."""
        self._fd_open = False
        self._broken = True
        self._receiver = None
        self._pending.clear()
        self.pending_size = 0
        self._stop_reader()
        self._stop_writer()
        return self._sock
