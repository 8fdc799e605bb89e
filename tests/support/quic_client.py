"""QUIC client: aioquic's own client stack, driven by gevent, for WebTransport tests."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
import gevent.queue
import gevent.socket
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import (
    DataReceived,
    H3Event,
    HeadersReceived,
    WebTransportStreamDataReceived,
)
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from sockio.errors import ProtocolError
from sockio.protocol.engineio.packet import Packet
from sockio.protocol.engineio.stream import StreamDecoder, frame

from .http_wire import TIMEOUT
from .reading import fed

_LARGE = 1 << 30


class QuicClient:
    """One QUIC connection to a server on this machine, and the sessions in it.

    Args:
        address: The server's address.
        drop: Called with each datagram to send; if it returns true, that is lost.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        drop: Callable[[bytes], bool] = lambda data: False,
        **configuration: Any,
    ) -> None:
        self.quic = QuicConnection(
            configuration=QuicConfiguration(
                alpn_protocols=H3_ALPN,
                verify_mode=ssl.CERT_NONE,
                server_name="localhost",
                max_datagram_frame_size=65536,
                **configuration,
            )
        )
        self.h3 = H3Connection(self.quic, enable_webtransport=True)
        #: The event that ended the connection.
        self.terminated: events.ConnectionTerminated | None = None
        #: How many datagrams have arrived.
        self.received = 0
        #: Streams that the server does not want to read.
        self.stopped: set[int] = set()
        self._sessions: dict[int, RawSession] = {}
        self._address = address
        self._drop = drop
        self._changed = gevent.event.Event()
        family = gevent.socket.AF_INET6 if ":" in address[0] else gevent.socket.AF_INET
        self.socket: Any = gevent.socket.socket(family, gevent.socket.SOCK_DGRAM)
        self.socket.connect(address)
        self.quic.connect(address, now=time.monotonic())
        self._reader = gevent.spawn(self._read)
        self.transmit()

    def close(self) -> None:
        """End the connection, as a browser does when the page is closed."""
        if self.terminated is None:
            self.quic.close()
            self.transmit()
        self.abandon()

    def abandon(self) -> None:
        """End without telling the server."""
        self._reader.kill()
        self.socket.close()

    def pause(self) -> Callable[[], None]:
        """Read and acknowledge nothing; return a function that ends the pause."""
        self._reader.kill()

        def resume() -> None:
            self._reader = gevent.spawn(self._read)

        return resume

    def lose(self) -> None:
        """Receive the next datagram and drop it; only while reading is paused.

        Blocks:
            Until it comes; fails after ``TIMEOUT``.
        """
        self.socket.settimeout(TIMEOUT)
        self.socket.recv(65536)

    def open_session(
        self,
        path: str = "/socket.io/?EIO=4&transport=webtransport",
        *,
        timeout: float = TIMEOUT,
        **headers: str,
    ) -> RawSession:
        """Ask for a session; see ``RawSession.status``.

        Blocks:
            Until it is answered; fails after ``timeout``.
        """
        with gevent.Timeout(timeout, AssertionError("no answer")):
            session = self.ask(path, **headers)
            self.wait(lambda: session.status is not None)
        return session

    def ask(
        self,
        path: str = "/socket.io/?EIO=4&transport=webtransport",
        protocol: str = "webtransport",
        method: str = "CONNECT",
        **headers: str,
    ) -> RawSession:
        """Ask for a session, and do not wait for the answer."""
        self.wait(lambda: self.h3.received_settings is not None)
        stream_id = self.quic.get_next_available_stream_id()
        lines = [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":authority", b"localhost:%d" % self._address[1]),
            (b":path", path.encode()),
        ]
        if method == "CONNECT":
            lines.append((b":protocol", protocol.encode()))
        lines += [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in headers.items()
        ]
        self.h3.send_headers(stream_id, lines, end_stream=method != "CONNECT")
        self.transmit()
        self._sessions[stream_id] = session = RawSession(self, stream_id)
        return session

    def wait(self, fact: Callable[[], object], timeout: float = TIMEOUT) -> None:
        """Wait until ``fact`` is true.

        Blocks:
            Until then; fails after ``timeout``, or if the connection ends first.
        """
        with gevent.Timeout(timeout, AssertionError("it did not come true")):
            while not fact():
                self._changed.clear()
                self._changed.wait()

    def transmit(self) -> None:
        """Send what is to be sent."""
        for data, _ in self.quic.datagrams_to_send(now=time.monotonic()):
            if not self._drop(data):
                self.socket.send(data)

    # ------------------------------------------------------------------ the greenlet

    def _read(self) -> None:
        while self.terminated is None:
            timer_at = self.quic.get_timer()
            pause = None if timer_at is None else max(0.0, timer_at - time.monotonic())
            self.socket.settimeout(pause)
            try:
                data = self.socket.recv(65536)
            except (TimeoutError, BlockingIOError):
                self.quic.handle_timer(max(time.monotonic(), timer_at or 0.0))
            except ConnectionRefusedError:
                continue  # nobody listens; the timers will end the connection
            else:
                self.received += 1
                self.quic.receive_datagram(data, self._address, time.monotonic())
            while (event := self.quic.next_event()) is not None:
                self._handle(event)
            self.transmit()
            self._changed.set()

    def _handle(self, event: events.QuicEvent) -> None:
        if isinstance(event, events.ConnectionTerminated):
            self.terminated = event
            for session in self._sessions.values():
                session.closed = True
        elif isinstance(event, events.StopSendingReceived):
            self.stopped.add(event.stream_id)
        elif isinstance(event, events.StreamReset):
            for session in self._sessions.values():
                if event.stream_id == session.stream_id:
                    session.reset = True
        for item in self.h3.handle_event(event):
            self._on_h3(item)

    def _on_h3(self, item: H3Event) -> None:
        if isinstance(item, HeadersReceived):
            session = self._sessions[item.stream_id]
            session.headers = {k.decode(): v.decode() for k, v in item.headers}
            session.closed = item.stream_ended
        elif isinstance(item, DataReceived):
            session = self._sessions[item.stream_id]
            session.capsules += item.data
            session.closed = session.closed or item.stream_ended
        elif isinstance(item, WebTransportStreamDataReceived):
            raise AssertionError(f"the server opened a stream: {item}")


class RawSession:
    """A WebTransport session, and in it one stream of Engine.IO packets."""

    def __init__(self, client: QuicClient, session_id: int) -> None:
        self.client = client
        self.session_id = session_id
        self.stream_id: int | None = None
        #: The headers of the answer to the CONNECT; empty until it comes.
        self.headers: dict[str, str] = {}
        #: Whether the server has ended the session.
        self.closed = False
        #: Whether the server has reset the stream.
        self.reset = False
        #: Whether the server has ended its half of the stream.
        self.finished = False
        self.capsules = b""
        self._decoder = StreamDecoder(_LARGE)
        self._packets: gevent.queue.Queue[Any] = gevent.queue.Queue()

    @property
    def status(self) -> int | None:
        """The status of the answer to the CONNECT; None: it has not come."""
        return int(self.headers[":status"]) if self.headers else None

    @property
    def arrived(self) -> bool:
        """Whether there is a packet that was not returned yet."""
        return not self._packets.empty()

    def open_stream(self) -> RawSession:
        """Open the bidirectional stream; nothing is sent in it."""
        client = self.client
        self.stream_id = client.h3.create_webtransport_stream(self.session_id)
        # aioquic takes what comes back on this stream for HTTP/3 frames.
        stream_id, handle = self.stream_id, client.h3.handle_event

        def handle_event(event: events.QuicEvent) -> list[H3Event]:
            if isinstance(event, events.StreamDataReceived) and (
                event.stream_id == stream_id
            ):
                self._on_bytes(event.data, event.end_stream)
                return []
            return handle(event)

        client.h3.handle_event = handle_event  # type: ignore[method-assign]
        client.transmit()
        return self

    def send_bytes(self, data: bytes, *, last: bool = False) -> None:
        """Send bytes in the stream."""
        assert self.stream_id is not None
        self.client.quic.send_stream_data(self.stream_id, data, last)
        self.client.transmit()

    def send(self, *packets: str | bytes) -> None:
        """Send encoded packets, together."""
        self.send_bytes(b"".join(map(frame, packets)))

    def receive(self, timeout: float = TIMEOUT) -> Packet:
        """Return the oldest packet not returned yet.

        Blocks:
            Until there is one; fails after ``timeout``.
        """
        try:
            packet: Packet = self._packets.get(timeout=timeout)
        except gevent.queue.Empty:
            raise AssertionError(f"no packet in {timeout} s") from None
        return packet

    def handshake(self) -> Packet:
        """Open the stream and a new Engine.IO session; return the open packet."""
        self.open_stream().send("0")
        return self.receive()

    def wait_closed(self, timeout: float = TIMEOUT) -> None:
        """Wait for the server to end the session."""
        self.client.wait(lambda: self.closed, timeout)

    def close(self) -> None:
        """End the session."""
        self.client.h3.send_data(self.session_id, b"", end_stream=True)
        self.client.transmit()

    def _on_bytes(self, data: bytes, last: bool) -> None:
        for item in fed(self._decoder, data):
            assert not isinstance(item, ProtocolError), item
            self._packets.put(item)
        self.finished = self.finished or last
