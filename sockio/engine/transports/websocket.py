"""WebSocket: one frame per packet, on whatever WebSocket the server could give us.

Spec: Engine.IO protocol v4, "WebSocket".
"""

from __future__ import annotations

from collections.abc import Callable

from sockio.engine.outbox import Outbox
from sockio.engine.websockets.websocket import WebSocket
from sockio.errors import ProtocolError
from sockio.protocol.engineio import v4
from sockio.runtime import logs

from .transport import PARSE_ERROR, TRANSPORT_CLOSE, TRANSPORT_ERROR, Sink

log = logs.get("engine.websocket")


class WebSocketTransport:
    """One WebSocket as the transport of one session."""

    name = "websocket"
    upgrades_to: tuple[str, ...] = ()

    __slots__ = ("_outbox", "_websocket", "offer", "sink")

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._outbox = Outbox()
        self.sink: Sink
        #: Write a wire; the WebSocket's own method, for it is called most of all.
        self.offer = websocket.offer

    def bind(self, outbox: Outbox, sink: Sink) -> None:
        self._outbox = outbox
        self.sink = sink

    def start(self) -> None:
        """Receive from now on; the sink must be in place."""
        self._websocket.start(self)

    @property
    def writable(self) -> bool:
        return self._websocket.writable

    @property
    def ready(self) -> bool:
        return self._websocket.ready

    @property
    def pending_size(self) -> int:
        return self._websocket.pending_size

    def wake(self) -> None:
        """Nothing to do: a WebSocket that is not ready will say when it is."""

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        """Send a close frame; the reason is reported without waiting for the peer."""
        self._websocket.close()
        done()

    # ------------------------------------------------------------------ from below

    def on_message(self, data: str | bytes) -> None:
        """One WebSocket message arrived."""
        if type(data) is bytes:
            self.sink.on_message(data)
        elif data[:1] == "4":
            self.sink.on_message(data[1:])
        else:
            try:
                packet = v4.decode_packet(data)
            except ProtocolError as exc:
                self._websocket.close()
                self.sink.on_lost(PARSE_ERROR, exc.reason)
            else:
                self.sink.on_packet(packet)

    def on_drained(self) -> None:
        """The kernel took everything, after a time when it had not."""
        self.sink.on_ready()

    def on_closed(self, error: object) -> None:
        """The WebSocket ended; ``error`` where the peer broke its protocol."""
        if error is None:
            self.sink.on_lost(TRANSPORT_CLOSE)
        else:
            self.sink.on_lost(TRANSPORT_ERROR, error)
