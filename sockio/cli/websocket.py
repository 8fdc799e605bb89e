"""WebSocket: the client's end, over a connected socket of gevent."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent

from sockio.errors import ProtocolError
from sockio.protocol.websocket.frames import (
    CLOSE,
    PING,
    PONG,
    Control,
    FrameReader,
    frame,
)

__all__ = ["WebSocket"]

#: Bytes that are received at a time, and of the longest message.
_SIZE, _LONGEST = 65536, 64 << 20

#: RFC 6455: no code was in the close frame.
_NO_CODE = 1005


class WebSocket:
    """A WebSocket whose opening handshake has been made."""

    def __init__(self, sock: Any, timeout: float, early: bytes = b"") -> None:
        """Read and write frames.

        Args:
            sock: The connected socket; whoever has it closes it.
            timeout: Seconds that a message may take, if nothing else is said.
            early: What has been read already.
        """
        self._sock = sock
        self._timeout = timeout
        self._reader = FrameReader(max_payload=_LONGEST, masked=False)
        self._messages: deque[str | bytes] = deque()
        #: Why no more messages come; None: they may.
        self._end: OSError | ProtocolError | None = None
        #: What is called when a ping of ours is answered, by its payload.
        self._pings: dict[bytes, Callable[[], object]] = {}
        self._pinged = 0
        if early:
            self._take(early)

    def send(self, message: str | bytes) -> None:
        """Send a message.

        Raises:
            OSError: The connection has ended.

        Blocks:
            Until it is written.
        """
        self._send(frame(message, mask=os.urandom(4)))

    def receive(self, timeout: float | None = None) -> str | bytes:
        """Return the next message.

        Raises:
            OSError: The WebSocket has ended, or nothing came in time.
            ProtocolError: The server does not keep to the protocol.

        Blocks:
            Until it is there.
        """
        seconds = self._timeout if timeout is None else timeout
        error = TimeoutError(f"nothing came for {seconds:g} s")
        with gevent.Timeout(seconds, error):
            while not self._messages:
                if self._end is not None:
                    raise self._end
                self._fill()
        return self._messages.popleft()

    def ping(self, answered: Callable[[], object]) -> None:
        """Send a ping.

        Args:
            answered: Called when its pong comes, while ``receive`` reads.

        Raises:
            OSError: The connection has ended.

        Blocks:
            Until it is written.
        """
        self._pinged += 1
        payload = b"%d" % self._pinged
        self._pings[payload] = answered
        self._send(_control(payload, PING))

    def close(self) -> None:
        """Tell the server that nothing follows."""
        with suppress(OSError):
            self._send(_control(b"\x03\xe8", CLOSE))

    def _send(self, data: bytes) -> None:
        error = TimeoutError("the server does not read")
        with gevent.Timeout(self._timeout, error):
            self._sock.sendall(data)

    def _fill(self) -> None:
        received = self._sock.recv(_SIZE)
        if received:
            self._take(received)
        else:
            self._end = ConnectionError("the server has closed the connection")

    def _take(self, data: bytes) -> None:
        items = self._reader.feed(data)
        while True:
            for item in items:
                if isinstance(item, ProtocolError):
                    self._end = item
                elif isinstance(item, Control):
                    self._obey(item)
                else:
                    self._messages.append(item)
            if not self._reader.behind:
                return
            items = self._reader.more()

    def _obey(self, control: Control) -> None:
        if control.opcode == PING:
            self._send(_control(control.payload, PONG))
        elif control.opcode == PONG:
            answered = self._pings.pop(control.payload, None)
            if answered is not None:
                answered()
        elif control.opcode == CLOSE:
            self.close()
            code = int.from_bytes(control.payload[:2], "big") or _NO_CODE
            self._end = ConnectionError(f"the server has closed with code {code}")


def _control(payload: bytes, opcode: int) -> bytes:
    return frame(payload, opcode, mask=os.urandom(4))
