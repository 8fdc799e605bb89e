"""Link: a connection to a sibling that carries packets and descriptors.

The hub reads it. What the kernel does not take waits in a queue with a bound and a
deadline: a sibling that hangs costs its link, and holds up nobody.
"""

from __future__ import annotations

import array
import errno
import os
import socket
from _socket import CMSG_SPACE, MSG_CTRUNC, SCM_RIGHTS, SOL_SOCKET
from _socket import socket as PlainSocket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.reactor import Reactor
from sockio.runtime.watchers import AGAIN, READ, Writable, drop

__all__ = ["PACKET", "PATIENCE", "Link"]

log = logs.get("siblings")

#: Most bytes in one packet; the kernel takes three such packets before it asks to wait.
PACKET = 65536
#: Seconds in which a sibling has to take something while packets wait for it.
PATIENCE = 2.0
#: Most packets read in one pass of the loop, unless they have so many bytes.
_TURN, _TURN_BYTES = 32, PACKET
#: Room for two descriptors more than a packet may have, to notice a mistake.
_ROOM = CMSG_SPACE(4 * array.array("i").itemsize)
_CLOEXEC: int = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
#: The kernel cannot take it now: its queue, or the user's descriptors in flight.
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS)


class Link:
    """One connection; the object owns its socket."""

    def __init__(
        self,
        sock: PlainSocket,
        reactor: Reactor,
        *,
        most: int,
        on_packet: Callable[[bytes, Sequence[int]], None],
        on_end: Callable[[str], None],
        patience: float = PATIENCE,
    ) -> None:
        """Carry packets over ``sock``, which does not block, until either side ends.

        Args:
            reactor: Of the server, whose hub reads.
            most: How many bytes may wait for the kernel.
            patience: Seconds in which the sibling has to take something while packets
                wait for it.
            on_packet: Called in the hub with each packet and its descriptors, which
                are then the callee's to close.
            on_end: Called once, with the reason, when nothing more can be carried;
                not after ``close``.
        """
        self.sock = sock
        self.on_packet = on_packet
        self.on_end = on_end
        self._reactor = reactor
        self._most = most
        self._patience = patience
        #: Packets that the kernel has not taken, each with its descriptors.
        self._waiting: deque[tuple[bytes, Sequence[int]]] = deque()
        #: Bytes of these.
        self.waiting = 0
        self._writable: Writable | None = None
        self._deadline: Timer | None = None
        self.closed = False
        self._watcher: Any = reactor.workers.loop.io(sock.fileno(), READ)
        self._watcher.start(self._on_readable)

    # ------------------------------------------------------------------ sending

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> bool:
        """Send a packet behind all earlier ones; never blocks.

        Args:
            data: At least one byte, at most ``PACKET`` bytes and a header.
            descriptors: Stay open until the sibling has confirmed the packet, in a way
                that the caller decides.

        Returns:
            False if the link has ended, or if too much waits already.
        """
        if self.closed:
            return False
        if self._waiting:
            if self.waiting + len(data) > self._most:
                # The loop may not have run since the kernel could take more.
                self.push()
            if self.closed or self.waiting + len(data) > self._most:
                return False
        elif self._send(data, descriptors):
            return True
        elif self.closed:
            return False
        self._waiting.append((data, descriptors))
        self.waiting += len(data)
        if self._writable is None:
            loop, fd = self._reactor.workers.loop, self.sock.fileno()
            self._writable = Writable(loop, fd, self._on_writable)
            self._be_patient()
        return True

    def _send(self, data: bytes, descriptors: Sequence[int]) -> bool:
        """Give a packet to the kernel; False if it does not take it, now or ever."""
        try:
            if descriptors:
                rights = (SOL_SOCKET, SCM_RIGHTS, array.array("i", descriptors))
                self.sock.sendmsg([data], [rights])
            else:
                self.sock.send(data)
        except OSError as exc:
            if exc.errno not in _FULL:
                self._end(f"it has gone: {os.strerror(exc.errno or 0)}")
            return False
        return True

    def push(self) -> bool:
        """Give the kernel as much as it takes now; False if it takes nothing."""
        waiting, before = self._waiting, len(self._waiting)
        while waiting and self._send(*waiting[0]):
            self.waiting -= len(waiting.popleft()[0])
        if self._writable is None:  # nothing was waiting, or it has ended
            return False
        if not waiting:
            self._stop_writing()
        elif len(waiting) != before:
            self._be_patient()
        return len(waiting) != before

    def _on_writable(self) -> None:
        if not self.push() and self._writable is not None:
            self._writable.ask_later()

    def _be_patient(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        delays = self._reactor.delays
        self._deadline = delays.call_later(self._patience, self._on_deadline)

    def _on_deadline(self) -> None:
        # If it was this process that hung, the sibling has read meanwhile.
        if not self.push():
            self._end(f"it has taken nothing for {self._patience:g} seconds")

    def _stop_writing(self) -> None:
        if self._writable is not None:
            self._writable.close()
            self._writable = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # ------------------------------------------------------------------ receiving

    def _on_readable(self) -> None:
        size = 0
        for _ in range(_TURN):
            got = self._receive()
            size += got
            if not got or size >= _TURN_BYTES:
                return

    def read_all(self) -> None:
        """Read what has arrived, and the end if it has come; only in the hub."""
        while self._receive():
            pass

    def _receive(self) -> int:
        """Read a packet; return its size, or 0 if there is none."""
        if self.closed:
            return 0
        try:
            data, rights, flags, _ = self.sock.recvmsg(PACKET + 4096, _ROOM, _CLOEXEC)
        except AGAIN:
            return 0
        except OSError as exc:
            self._end(f"it has gone: {os.strerror(exc.errno or 0)}")
            return 0
        descriptors: Sequence[int] = ()
        if rights:
            descriptors = [fd for _, _, held in rights for fd in array.array("i", held)]
        if flags & MSG_CTRUNC:
            # The process has no descriptor left. What the sibling keeps until we
            # confirm a packet, it answers itself when the link ends.
            for fd in descriptors:
                os.close(fd)
            self._end("a descriptor did not arrive: is the limit of open files met?")
            return 0
        if not data:
            self._end("it has closed")
            return 0
        try:
            self.on_packet(data, descriptors)
        except Exception:
            # A boundary: a bug of ours in reading ends this link only.
            log.exception("a packet of a sibling failed")
            self._end("a packet of it failed")
        return len(data)

    # ------------------------------------------------------------------ the end

    def _end(self, why: str) -> None:
        if not self.closed:
            self.close()
            self.on_end(why)

    @property
    def unsent(self) -> list[bytes]:
        """The packets that the kernel has not taken, also when the link has ended."""
        return [data for data, _ in self._waiting]

    def close(self) -> None:
        """End the link; what waits is dropped."""
        if not self.closed:
            with suppress(OSError):
                # A forked child of the application may hold the descriptor, too.
                self.sock.shutdown(SHUT_RDWR)
            self.forget()

    def forget(self) -> None:
        """Close the descriptor, but not the connection: in a child, it is the parent's.

        Its hub must not watch the descriptor either.
        """
        if not self.closed:
            self.closed = True
            self._stop_writing()
            self.waiting = 0
            drop(self._watcher)
            self.sock.close()
