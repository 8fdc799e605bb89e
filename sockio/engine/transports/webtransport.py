"""WebTransport: one bidirectional stream per session, packets behind their lengths.

Spec: Engine.IO protocol v4, "WebTransport".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sockio.engine.outbox import Outbox
from sockio.engine.websockets.websocket import TOO_LARGE
from sockio.errors import ProtocolError, TooLarge
from sockio.protocol.engineio.packet import PacketType
from sockio.protocol.engineio.stream import StreamDecoder
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs

from .transport import PARSE_ERROR, TRANSPORT_CLOSE, Sink

log = logs.get("engine.webtransport")

_MESSAGE = PacketType.MESSAGE


class ByteStream(Protocol):
    """What is asked of a WebTransport session; nothing of it blocks."""

    @property
    def writable(self) -> bool: ...
    @property
    def ready(self) -> bool: ...
    @property
    def pending_size(self) -> int: ...
    def start(self, receiver: WebTransportTransport) -> None: ...
    def write(self, data: bytes) -> None: ...
    def close(self, *, discard: bool = False) -> None: ...


class WebTransportTransport:
    """One WebTransport session as the transport of one session of ours."""

    name = "webtransport"
    upgrades_to: tuple[str, ...] = ()

    __slots__ = ("_decoder", "_outbox", "_over", "_stream", "sink")

    def __init__(self, stream: ByteStream, max_payload: int) -> None:
        """Wrap a session; ``max_payload`` is the longest packet, in bytes."""
        self._stream = stream
        self._decoder = StreamDecoder(max_payload)
        self._outbox = Outbox()
        self._over = False
        self.sink: Sink

    def bind(self, outbox: Outbox, sink: Sink) -> None:
        self._outbox = outbox
        self.sink = sink

    def start(self) -> None:
        """Receive from now on; the sink must be in place."""
        self._stream.start(self)

    @property
    def writable(self) -> bool:
        return self._stream.writable

    @property
    def ready(self) -> bool:
        return self._stream.ready

    @property
    def pending_size(self) -> int:
        return self._stream.pending_size

    @property
    def unfinished(self) -> int:
        return self._decoder.unfinished

    def offer(self, wire: Wire) -> bool:
        if not self._stream.ready:
            return False
        self._stream.write(wire.webtransport)
        return True

    def wake(self) -> None:
        """Nothing to do: a stream that is not ready will say when it is."""

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        """End the session; what was sent arrives first, unless it is discarded."""
        self._over = True
        self._stream.close(discard=discard)
        done()

    # ------------------------------------------------------------------ from below

    def received(self, data: bytes) -> None:
        """Bytes of the stream arrived."""
        for item in self._decoder.feed(data):
            if self._over:
                return
            if isinstance(item, ProtocolError):
                self._over = True
                if isinstance(item, TooLarge):
                    log.info(TOO_LARGE, item.size, item.limit)
                self._stream.close(discard=True)
                self.sink.on_lost(PARSE_ERROR, item.reason)
            elif item.type is _MESSAGE:
                self.sink.on_message(item.data or "")
            else:
                self.sink.on_packet(item)

    def drained(self) -> None:
        """Everything written has left, after a time when it had not."""
        if not self._over:
            self.sink.on_ready()

    def ended(self) -> None:
        """The session was closed by the peer, or is lost with its connection."""
        if not self._over:
            self._over = True
            self.sink.on_lost(TRANSPORT_CLOSE)
