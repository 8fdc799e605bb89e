from __future__ import annotations

import io
import os
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gevent
import gevent.socket
import pytest

from sockio.engine.handover.carried import ByteReceiver
from sockio.engine.http.client_socket import TakenSocket
from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.transports.polling import HungUp, PollingTransport
from sockio.engine.transports.websocket import WebSocketTransport
from sockio.engine.transports.webtransport import WebTransportTransport
from sockio.engine.websockets.native import NativeWebSocket
from sockio.errors import ProtocolError
from sockio.protocol.engineio import v4
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.stream import StreamDecoder
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.websocket.frames import CLOSE, Control, FrameReader, frame
from tests.contract.transports import (
    MAX_PAYLOAD,
    Link,
    TransportContract,
    UpgradeContract,
    opened,
)
from tests.support.fake_transport import FakeTransport
from tests.support.reading import fed

__all__ = ["opened"]


class FakeLink(Link):
    """The fake transport: it passes the same tests, so other tests may trust it."""

    def make_transport(self) -> FakeTransport:
        return FakeTransport()

    def send(self, *packets: str | bytes) -> None:
        for data in packets:
            if self.ended:
                return
            try:
                packet = v4.decode_packet(data)
            except ProtocolError as exc:
                self.transport.lose("parse error", exc.reason)
                return
            if packet.type is PacketType.MESSAGE:
                self.transport.message(packet.data)
            else:
                self.transport.packet(packet.type, packet.data)

    def leave(self) -> None:
        if not self.ended:
            self.transport.lose()

    def look(self) -> None:
        for payload in self.transport.sent:
            self.arrived += map(decoded, payload.split("\x1e"))
        self.transport.sent.clear()

    @property
    def ended(self) -> bool:
        return self.transport.closed is not None

    def stop(self) -> None:
        self.session.close(discard=True)


def decoded(packet: str) -> str | bytes:
    """Return a packet of a payload as other transports carry it."""
    return b64decode(packet[1:]) if packet.startswith("b") else packet


class PollingLink(Link):
    """Polling: the peer is two requests, in greenlets as a WSGI server makes them."""

    farewell = "1"

    def make_transport(self) -> PollingTransport:
        self._poll: gevent.Greenlet | None = None
        self._ended = False
        self._ours, self._theirs = gevent.socket.socketpair()
        return PollingTransport(self.options, self.reactor)

    def _request(self, environ: dict[str, Any]) -> Response | None:
        response = Response()
        try:
            self.transport.handle(Request(environ), response)
        except HungUp:
            return None
        return response

    def send(self, *packets: str | bytes) -> None:
        texts = [
            "b" + b64encode(p).decode() if isinstance(p, bytes) else p for p in packets
        ]
        body = "\x1e".join(texts).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        gevent.spawn(self._request, environ)
        self.clock.settle()

    def look(self) -> None:
        # One poll at a time; the next one is sent when the first is answered.
        for _ in range(2):
            if self._poll is None and not self._ended:
                environ = {"REQUEST_METHOD": "GET", "gunicorn.socket": self._ours}
                self._poll = gevent.spawn(self._request, environ)
            self.clock.settle()
            self._take_answer()

    def _take_answer(self) -> None:
        if self._poll is None or not self._poll.dead:
            return
        response, self._poll = self._poll.get(), None
        if response is None or response.status != 200:
            self._ended = True
            return
        packets = list(map(decoded, response.body.decode().split("\x1e")))
        self._ended = packets[-1] == "1"
        self.arrived += packets

    def leave(self) -> None:
        self.look()
        self._theirs.close()
        self.clock.settle()

    @property
    def ended(self) -> bool:
        self.look()
        return self._ended

    def stop(self) -> None:
        self.session.close(discard=True)
        self.clock.settle()
        self._ours.close()
        self._theirs.close()


class WebSocketLink(Link):
    """A WebSocket of our own on one end of a connection."""

    def make_transport(self) -> WebSocketTransport:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._theirs = gevent.socket.socket(fileno=theirs.detach())
        self._reader = FrameReader(max_payload=8 * MAX_PAYLOAD, masked=False)
        self._ended = False
        taken = TakenSocket(ours, b"", released=True)
        return WebSocketTransport(
            NativeWebSocket(taken, self.reactor, max_payload=MAX_PAYLOAD)
        )

    def start(self) -> None:
        self.transport.start()

    def send(self, *packets: str | bytes) -> None:
        data = b"".join(frame(packet, mask=os.urandom(4)) for packet in packets)
        sender = gevent.spawn(self._send, data)
        self.clock.settle()
        assert sender.dead

    def _send(self, data: bytes) -> None:
        self._theirs.settimeout(2)
        with suppress(ConnectionError):  # the other end may have hung up
            self._theirs.sendall(data)

    def leave(self) -> None:
        self._theirs.close()

    def look(self) -> None:
        self._theirs.settimeout(0)
        while True:
            try:
                data = self._theirs.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._ended = True
                return
            self._take(fed(self._reader, data))
            self.clock.settle()

    def _take(self, items: list[Any]) -> None:
        for item in items:
            assert not isinstance(item, ProtocolError), item
            if not isinstance(item, Control):
                self.arrived.append(item)
            elif item.opcode == CLOSE:
                self._ended = True
                self._send(frame(item.payload, CLOSE, mask=b"abcd"))

    @property
    def ended(self) -> bool:
        return self._ended

    def stop(self) -> None:
        self.session.close(discard=True)
        self._theirs.close()


class FakeStream:
    """A WebTransport session that takes everything and remembers it."""

    def __init__(self) -> None:
        self.ready = True
        self.pending_size = 0
        self.written = bytearray()
        self.closed = False
        self.finished = False
        self._turn = 0
        self.paused = False
        self.receiver: ByteReceiver

    @property
    def writable(self) -> bool:
        return self._turn == 0

    def start(self, receiver: ByteReceiver) -> None:
        self.receiver = receiver

    def write(self, data: bytes) -> None:
        self._turn = 1
        self.written += data

    def next_turn(self) -> None:
        self._turn = 0

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def finish(self) -> None:
        self.finished = True

    def close(self, *, discard: bool = False) -> None:
        self.closed = True


class WebTransportLink(Link):
    """WebTransport on a stream that is only memory."""

    def make_transport(self) -> WebTransportTransport:
        self._stream = FakeStream()
        self._decoder = StreamDecoder(8 * MAX_PAYLOAD)
        return WebTransportTransport(self._stream, MAX_PAYLOAD, self.reactor)

    def start(self) -> None:
        self.transport.start()

    def send(self, *packets: str | bytes) -> None:
        data = b"".join(
            Wire((packet,)).webtransport
            if isinstance(packet, bytes)
            else encoded(packet.encode())
            for packet in packets
        )
        if not self._stream.closed:
            self.transport.received(data)

    def leave(self) -> None:
        if not self._stream.closed:
            self.transport.ended()

    def look(self) -> None:
        self._stream.next_turn()
        data = bytes(self._stream.written)
        self._stream.written.clear()
        for item in fed(self._decoder, data):
            assert isinstance(item, Packet), item
            if self._stream.finished and item.type is PacketType.PING:
                # The transport asks whether everything sent before has been read.
                self.send("3")
                gevent.idle()
            else:
                self.arrived.append(v4.encode_packet(item, binary=True))

    @property
    def ended(self) -> bool:
        return self._stream.closed

    def stop(self) -> None:
        self.session.close(discard=True)


def encoded(text: bytes) -> bytes:
    """Return text as one packet of the stream, whatever it says."""
    size = len(text)
    if size < 126:
        return bytes((size,)) + text
    if size < 1 << 16:
        return b"\x7e" + size.to_bytes(2, "big") + text
    return b"\x7f" + size.to_bytes(8, "big") + text


LINKS = [FakeLink, WebSocketLink, WebTransportLink]


class TestTransports(TransportContract):
    @pytest.fixture(params=[*LINKS, PollingLink])
    def link(self, request: pytest.FixtureRequest) -> Iterator[Link]:
        link = request.param()
        yield link
        link.close()


class TestUpgrades(UpgradeContract):
    @pytest.fixture(params=LINKS)
    def link(self, request: pytest.FixtureRequest) -> Iterator[Link]:
        link = request.param()
        yield link
        link.close()


class TestPausing:
    """While paused, what a byte stream brings waits, and so does its end."""

    @pytest.fixture(params=[WebSocketLink, WebTransportLink])
    def opened(self, request: pytest.FixtureRequest) -> Iterator[Link]:
        link = request.param()
        link.open()
        link.start()
        link.receive()
        yield link
        link.close()

    def test_a_paused_transport_hands_nothing_on_until_it_resumes(
        self, opened: Link
    ) -> None:
        opened.transport.pause()
        numbers = [str(n) for n in range(100)]

        for number in numbers:
            opened.send(f"4{number}")
        opened.leave()
        assert opened.messages == []
        assert opened.closes == []
        opened.transport.resume()

        while len(opened.messages) < len(numbers):
            gevent.idle()
        assert opened.messages == numbers
        assert opened.closes == [("transport close", None)]
