"""Carried: the byte stream of a WebTransport session, read by another process.

The UDP port belongs to one process, and the session that a client upgrades may be
another one's. Then the first process carries the bytes of the stream to the second one
and back, through a pair of sockets. What the owner of the session writes is in chunks
with their length in front; an empty one says that nothing follows, while the end of the
connection ends the WebTransport session. What the client sends is carried as it is.
"""

from __future__ import annotations

import struct
from typing import Any, Protocol

from sockio.runtime.batch import Batch
from sockio.runtime.stream import Stream

__all__ = ["ByteReceiver", "CarriedStream", "Carrier", "Chunks", "Session"]

_LENGTH = struct.Struct(">I")
#: The owner writes nothing more, and waits for what the client still sends.
_FINISH = _LENGTH.pack(0)


class ByteReceiver(Protocol):
    """What reads a stream of bytes; called in the hub or a connection's greenlet."""

    def received(self, data: bytes) -> None: ...
    def drained(self) -> None: ...
    def ended(self) -> None: ...


class Session(Protocol):
    """A WebTransport session, as the process with the port has it."""

    @property
    def ready(self) -> bool: ...
    def start(self, receiver: Any) -> None: ...
    def write(self, data: bytes) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def finish(self) -> None: ...
    def close(self, *, discard: bool = False) -> None: ...


class Carrier:
    """In the process with the port: carries both ways until either side ends."""

    def __init__(self, session: Session, sock: Any, batch: Batch) -> None:
        """Carry from now on.

        Args:
            session: The client's; nobody else uses it any more.
            sock: Leads to the owner; plain, and does not block.
            batch: Of the reactor.
        """
        self._session = session
        self._stream = Stream(sock, batch)
        #: The client has gone; what it has sent is still to be carried.
        self._over = False
        self._stream.start(_FromOwner(self))
        session.start(self)
        session.resume()

    # ------------------------------------------------------------------ the client's

    def received(self, data: bytes) -> None:
        """Carry what the client has sent."""
        self._stream.write(data)
        if self._stream.blocked:
            self._session.pause()

    def drained(self) -> None:
        """The client takes more again."""
        self._stream.resume()

    def ended(self) -> None:
        """The client has gone, or its connection is lost."""
        self._over = True
        if not self._stream.pending_size:
            self._stream.close()

    # ------------------------------------------------------------------ the owner's

    def bring(self, data: bytes) -> None:
        """Send the client what the owner has written; empty: nothing follows."""
        if data:
            self._session.write(data)
        else:
            self._session.finish()

    def be_fair(self) -> None:
        """Read nothing more from the owner while the client does not take it."""
        if not self._session.ready:
            self._stream.pause()

    def go_on(self) -> None:
        """The owner has taken everything."""
        if self._over:
            self._stream.close()
        else:
            self._session.resume()

    def leave(self) -> None:
        """The owner has ended the session, or died."""
        self._stream.close()
        self._session.close(discard=True)


class _FromOwner:
    """Reads what the owner of a session sends to the process with the port."""

    #: Nothing is received into memory of ours.
    space = None

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._chunks = Chunks()

    def received(self, data: bytes) -> None:
        for chunk in self._chunks.feed(data):
            self._carrier.bring(chunk)
        self._carrier.be_fair()

    def filled(self, count: int) -> None:
        """Not called, since there is no ``space``."""

    def drained(self) -> None:
        self._carrier.go_on()

    def ended(self, error: OSError | None) -> None:
        self._carrier.leave()


class Chunks:
    """What the owner writes, as it wrote it, however it is divided on the way."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the chunks that ``data`` completes; of a long one what has come."""
        buffer = self._buffer
        buffer += data
        found = []
        at = 0
        while at + _LENGTH.size <= len(buffer):
            (size,) = _LENGTH.unpack_from(buffer, at)
            start = at + _LENGTH.size
            chunk = bytes(buffer[start : start + size])
            found.append(chunk)
            at = start + len(chunk)
            if len(chunk) < size:
                # The rest of it becomes a chunk of its own.
                del buffer[:at]
                buffer += _LENGTH.pack(size - len(chunk))
                return found if chunk else found[:-1]
        del buffer[:at]
        return found


class CarriedStream:
    """In the owner of the session: the byte stream that another process carries."""

    #: Nothing is received into memory of ours.
    space = None

    def __init__(self, sock: Any, early: bytes, batch: Batch) -> None:
        """Read and write a stream.

        Args:
            sock: Leads to the process with the port; plain, and does not block.
            early: What that process has read already.
            batch: Of the reactor.
        """
        self._stream = Stream(sock, batch)
        self._early = early
        self._receiver: ByteReceiver | None = None

    def start(self, receiver: ByteReceiver) -> None:
        """Give ``receiver`` what has come and what will."""
        self._receiver = receiver
        early, self._early = self._early, b""
        self._stream.start(self, early)

    @property
    def writable(self) -> bool:
        """Whether nothing was written in this pass of the loop and nothing waits."""
        return self._stream.writable

    @property
    def ready(self) -> bool:
        """Whether what is written now need not wait."""
        return not self._stream.blocked and not self._stream.closed

    @property
    def pending_size(self) -> int:
        """Bytes that were written and have not left."""
        return self._stream.pending_size

    def write(self, data: bytes) -> None:
        """Send ``data`` behind what was written before; never blocks, never raises."""
        if data:
            self._stream.write(_LENGTH.pack(len(data)) + data)

    def pause(self) -> None:
        """Receive nothing more until ``resume``."""
        self._stream.pause()

    def resume(self) -> None:
        """Receive again."""
        self._stream.resume()

    def finish(self) -> None:
        """Write nothing more; the receiver closes, or the other process does."""
        self._stream.write(_FINISH)

    def close(self, *, discard: bool = False) -> None:
        """End the session; what was not sent is lost, with or without ``discard``."""
        self._receiver = None
        self._stream.close()

    # ------------------------------------------------------------------ from below

    def received(self, data: bytes) -> None:
        """Bytes of the client arrived."""
        if self._receiver is not None:
            self._receiver.received(data)

    def filled(self, count: int) -> None:
        """Not called, since there is no ``space``."""

    def drained(self) -> None:
        """Everything written has left, including what had to wait."""
        if self._receiver is not None:
            self._receiver.drained()

    def ended(self, error: OSError | None) -> None:
        """The client, or the process that carries its bytes, has gone."""
        receiver, self._receiver = self._receiver, None
        self._stream.close()
        if receiver is not None:
            receiver.ended()
