"""HTTP wire: a TCP connection on which a test sends and reads HTTP, byte for byte."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any, NamedTuple

import gevent.socket

#: Seconds to wait for something that must come; a bound, never a delay.
TIMEOUT = 20.0


class ConnectionEnded(ConnectionError):
    """The server ended the connection where more was expected."""


class Answer(NamedTuple):
    """One HTTP response.

    Attributes:
        headers: By lower-case name; repeated ones are joined by ", ".
    """

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def packets(self) -> list[str]:
        """The packets of a protocol 4 payload."""
        return self.text.split("\x1e")


class Wire:
    """A TCP connection, and the received bytes that were not taken yet."""

    def __init__(self, address: tuple[str, int] | str | gevent.socket.socket) -> None:
        self.socket: Any
        if isinstance(address, gevent.socket.socket):
            self.socket = address  # somebody has accepted it
        elif isinstance(address, str):
            self.socket = gevent.socket.socket(socket.AF_UNIX)
            self.socket.connect(address)
        else:
            self.socket = gevent.socket.create_connection(address, timeout=TIMEOUT)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        self.socket.settimeout(TIMEOUT)
        self.socket.sendall(data)

    def fill(self, deadline: float) -> None:
        """Receive something into the buffer.

        Raises:
            ConnectionEnded: The server closed or reset the connection.
            TimeoutError: Nothing came.
        """
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(65536)
        except ConnectionError as exc:
            raise ConnectionEnded(str(exc)) from exc
        if not data:
            raise ConnectionEnded("the server closed the connection")
        self.buffer += data

    def take_until(self, end: bytes, deadline: float) -> bytes:
        """Take everything before ``end``, and drop ``end``."""
        while (index := self.buffer.find(end)) < 0:
            self.fill(deadline)
        data = bytes(self.buffer[:index])
        del self.buffer[: index + len(end)]
        return data

    def take(self, count: int, deadline: float) -> bytes:
        """Take exactly ``count`` bytes."""
        while len(self.buffer) < count:
            self.fill(deadline)
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def take_rest(self, deadline: float) -> bytes:
        """Take everything until the server closes the connection."""
        try:
            while True:
                self.fill(deadline)
        except ConnectionEnded:
            data = bytes(self.buffer)
            self.buffer.clear()
            return data

    def close(self) -> None:
        """Close the connection in the ordinary way."""
        self.socket.close()

    def reset(self) -> None:
        """Close it so that the server sees a reset, as after a crash."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()


class HttpConnection:
    """A keep-alive connection; sending and receiving are two steps."""

    def __init__(self, address: tuple[str, int] | str, host: str) -> None:
        self.wire = Wire(address)
        self._host = host
        self._method = ""

    def send(
        self,
        method: str,
        target: str,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send a request; ``receive`` returns the answer."""
        fields = {"Host": self._host, **(headers or {})}
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            fields.setdefault("Content-Type", "text/plain;charset=UTF-8")
            fields.setdefault("Content-Length", str(len(body)))
        lines = [f"{method} {target} HTTP/1.1", *map(": ".join, fields.items()), "", ""]
        self._method = method
        self.wire.send("\r\n".join(lines).encode("latin-1") + (body or b""))

    def receive(self, timeout: float = TIMEOUT) -> Answer:
        """Return the answer to the request sent last.

        Blocks:
            Until it is complete; TimeoutError after ``timeout``.
        """
        deadline = time.monotonic() + timeout
        head = self.wire.take_until(b"\r\n\r\n", deadline).decode("latin-1")
        start, *lines = head.split("\r\n")
        _, status, reason = (start + " ").split(" ", 2)
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        code = int(status)
        empty = code in {101, 204, 304} or self._method == "HEAD"
        body = b"" if empty else self._receive_body(headers, deadline)
        return Answer(code, reason.strip(), headers, body)

    def _receive_body(self, headers: dict[str, str], deadline: float) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            return self._receive_chunks(deadline)
        if "content-length" in headers:
            return self.wire.take(int(headers["content-length"]), deadline)
        return self.wire.take_rest(deadline)

    def _receive_chunks(self, deadline: float) -> bytes:
        chunks = []
        while size := int(self.wire.take_until(b"\r\n", deadline).split(b";")[0], 16):
            chunks.append(self.wire.take(size, deadline))
            self.wire.take_until(b"\r\n", deadline)
        self.wire.take_until(b"\r\n", deadline)
        return b"".join(chunks)

    def request(
        self,
        method: str,
        target: str,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Answer:
        """Send a request and return its answer.

        Blocks:
            Until it is complete; TimeoutError after ``timeout``.
        """
        self.send(method, target, body, headers)
        return self.receive(timeout)

    def close(self) -> None:
        """Close the connection, and give up a request that waits."""
        self.wire.close()
