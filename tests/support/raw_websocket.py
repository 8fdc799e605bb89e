"""Raw WebSocket: sends frames as a test wants them, even wrong ones, and reads."""

from __future__ import annotations

import base64
import json
import os
import struct
import time
from collections import deque
from contextlib import suppress
from typing import Any

from sockio.errors import ProtocolError
from sockio.protocol.websocket.frames import (
    CLOSE,
    PING,
    PONG,
    Control,
    FrameReader,
    frame,
)
from tests.support.reading import fed

from .http_wire import TIMEOUT, Answer, ConnectionEnded, HttpConnection

#: More than any test sends.
MAX_PAYLOAD = 64 << 20
#: RFC 6455: no status code was in the close frame; there was no close frame.
NO_CODE, ABNORMAL = 1005, 1006


class Refused(Exception):
    """The server answered the opening handshake with something other than 101."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.text}")
        self.answer = answer


class Closed(Exception):
    """The WebSocket was closed by the server.

    Attributes:
        code: The code in its close frame; ``NO_CODE`` if that had none, ``ABNORMAL`` if
            the connection ended without a close frame.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class BrokenFrames(AssertionError):
    """The server sent what is no frame."""


class RawWebSocket:
    """A client's WebSocket; the constructor makes the opening handshake."""

    def __init__(
        self,
        connection: HttpConnection,
        target: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
        }
        #: The 101, with its headers.
        self.answer = connection.request(
            "GET", target, headers=handshake | (headers or {})
        )
        if self.answer.status != 101:
            connection.close()
            raise Refused(self.answer)
        self.wire = connection.wire
        #: Pings and pongs that came, oldest first.
        self.controls: list[Control] = []
        self._reader = FrameReader(max_payload=MAX_PAYLOAD, masked=False)
        self._messages: deque[str | bytes] = deque()
        self._closed: Closed | None = None
        early = bytes(self.wire.buffer)
        self.wire.buffer.clear()
        self._take(fed(self._reader, early) if early else [])

    # ------------------------------------------------------------------ sending

    def send(self, message: str | bytes) -> None:
        """Send a message in one masked frame."""
        self.wire.send(frame(message, mask=os.urandom(4)))

    def send_fragments(self, *parts: str | bytes) -> None:
        """Send one message in several frames."""
        last = len(parts) - 1
        for number, part in enumerate(parts):
            self.send_frame(part, None if number == 0 else 0, fin=number == last)

    def send_frame(
        self,
        payload: str | bytes,
        opcode: int | None = None,
        *,
        rsv1: bool = False,
        fin: bool = True,
        masked: bool = True,
    ) -> None:
        """Send one frame of any kind, unmasked if wanted."""
        mask = os.urandom(4) if masked else None
        self.wire.send(frame(payload, opcode, rsv1=rsv1, mask=mask, fin=fin))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes that need not be a frame at all."""
        self.wire.send(data)

    def ping(self, payload: bytes = b"") -> None:
        """Send a WebSocket ping, which is not an Engine.IO one."""
        self.send_frame(payload, PING)

    # ------------------------------------------------------------------ receiving

    def receive(self, timeout: float = TIMEOUT) -> str | bytes:
        """Return the next message, whatever it is.

        Raises:
            Closed: There are no more messages.

        Blocks:
            Until it comes; TimeoutError after ``timeout``.
        """
        deadline = time.monotonic() + timeout
        while not self._messages:
            if self._closed is not None:
                raise self._closed
            self._fill(deadline)
        return self._messages.popleft()

    def receive_message(self, timeout: float = TIMEOUT) -> str | bytes:
        """Return the next message that is not an Engine.IO ping; answer the pings.

        Blocks:
            Until it comes; TimeoutError after ``timeout``.
        """
        deadline = time.monotonic() + timeout
        while (message := self.receive(deadline - time.monotonic())) == "2":
            self.send("3")
        return message

    def receive_event(self, timeout: float = TIMEOUT) -> Any:
        """Return [name, ...args] of the next event in the main namespace.

        Blocks:
            Until it comes; TimeoutError after ``timeout``.
        """
        message = self.receive_message(timeout)
        if not isinstance(message, str) or not message.startswith("42["):
            raise AssertionError(f"this is no event: {message!r}")
        return json.loads(message[2:])

    def wait_closed(self, timeout: float = TIMEOUT) -> Closed:
        """Return how the server closed; skip the messages that came before.

        Blocks:
            Until it did; TimeoutError after ``timeout``.
        """
        deadline = time.monotonic() + timeout
        while self._closed is None:
            self._fill(deadline)
        return self._closed

    @property
    def waiting(self) -> list[str | bytes]:
        """The messages that have come and were not taken."""
        return list(self._messages)

    def _fill(self, deadline: float) -> None:
        try:
            self.wire.fill(deadline)
        except ConnectionEnded:
            self._closed = Closed(ABNORMAL)
            self.wire.close()
            return
        data = bytes(self.wire.buffer)
        self.wire.buffer.clear()
        self._take(fed(self._reader, data))

    def _take(self, items: list[str | bytes | Control | ProtocolError]) -> None:
        for item in items:
            if isinstance(item, ProtocolError):
                raise BrokenFrames(f"the server broke RFC 6455: {item}") from item
            if not isinstance(item, Control):
                self._messages.append(item)
            elif item.opcode == CLOSE:
                self._close_frame_came(item.payload)
            else:
                self.controls.append(item)
                if item.opcode == PING:
                    self.send_frame(item.payload, PONG)

    def _close_frame_came(self, payload: bytes) -> None:
        if self._closed is None:
            code = int.from_bytes(payload[:2], "big") if payload else NO_CODE
            self._closed = Closed(code, payload[2:].decode())
            with suppress(OSError):  # the server need not wait for our half
                self.send_frame(payload, CLOSE)
            self.wire.close()

    # ------------------------------------------------------------------ the end

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in the orderly way, without waiting for the server's half."""
        if self._closed is None:
            self._closed = Closed(code, reason)
            with suppress(OSError):  # the connection may have ended already
                self.send_frame(struct.pack("!H", code) + reason.encode(), CLOSE)
        self.wire.close()

    def cut(self) -> None:
        """End the TCP connection without a close frame."""
        self._closed = Closed(ABNORMAL)
        self.wire.close()
