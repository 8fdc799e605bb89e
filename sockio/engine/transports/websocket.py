"""WebSocket: one frame per packet, on whatever WebSocket the server could give us.

Spec: Engine.IO protocol v4, "WebSocket"; v3, "Transports".
"""

from __future__ import annotations

from collections.abc import Callable

from sockio.engine.outbox import Outbox
from sockio.engine.reasons import PARSE_ERROR, TRANSPORT_CLOSE, TRANSPORT_ERROR
from sockio.engine.websockets.websocket import WebSocket
from sockio.errors import ProtocolError
from sockio.protocol.engineio import v4
from sockio.protocol.engineio.dialect import Dialect
from sockio.protocol.engineio.packet import PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs
from sockio.runtime.clock import Clock, Timer

from .transport import Sink

log = logs.get("engine.websocket")


class WebSocketTransport:
    """One WebSocket as the transport of one session."""

    name = "websocket"
    upgrades_to: tuple[str, ...] = ()

    __slots__ = ("_websocket", "offer", "sink")

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.sink: Sink
        #: Writes a wire; the WebSocket's own method, since every send calls it.
        self.offer = websocket.offer

    def bind(self, outbox: Outbox, sink: Sink) -> None:
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

    @property
    def unfinished(self) -> int:
        return self._websocket.unfinished

    def wake(self) -> None:
        """Nothing to do: a WebSocket that is not ready will say when it is."""

    def pause(self) -> None:
        """Hand nothing more on, and read nothing more, until ``resume``."""
        self._websocket.pause()

    def resume(self) -> None:
        """Hand on what has come, and read again."""
        self._websocket.resume()

    def when_read(self, fn: Callable[[], None]) -> None:
        """Nobody moves from a WebSocket to something else."""
        fn()

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        """Send a close frame; the reason is reported without waiting for the peer."""
        self._websocket.close()
        done()

    # ------------------------------------------------------------------ from below

    def on_message(self, data: str | bytes) -> None:
        """One WebSocket message arrived."""
        if type(data) is not str:
            self.sink.on_message(data)
            return
        text = data
        if text.startswith("4"):
            self.sink.on_message(text[1:])
        else:
            try:
                packet = v4.decode_packet(text)
            except ProtocolError as exc:
                self._websocket.close()
                self.sink.on_lost(PARSE_ERROR, exc.reason)
            else:
                self.sink.on_packet(packet)

    def on_drained(self) -> None:
        """The kernel took everything, including what had to wait."""
        self.sink.on_ready()

    def on_closed(self, error: object) -> None:
        """The WebSocket ended; ``error`` where the peer broke its protocol."""
        if error is None:
            self.sink.on_lost(TRANSPORT_CLOSE)
        else:
            self.sink.on_lost(TRANSPORT_ERROR, error)


class TranslatedWebSocketTransport(WebSocketTransport):
    """A WebSocket whose client speaks another dialect than the usual one."""

    __slots__ = ("_dialect", "_pause")

    def __init__(self, websocket: WebSocket, dialect: Dialect) -> None:
        super().__init__(websocket)
        self._dialect = dialect
        self._pause: Timer | None = None
        self.offer = self._offer

    def hold_back(self, clock: Clock, seconds: float) -> None:
        """Send nothing for ``seconds``."""
        self._pause = clock.call_later(seconds, self._let_out)

    @property
    def writable(self) -> bool:
        return self._pause is None and super().writable

    @property
    def ready(self) -> bool:
        return self._pause is None and super().ready

    def _offer(self, wire: Wire) -> bool:
        return self._pause is None and self._websocket.offer(wire.spoken(self._dialect))

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        """Send a close frame; the reason is reported without waiting for the peer."""
        self._end()
        super().close(done, discard=discard)

    # ------------------------------------------------------------------ from below

    def on_message(self, data: str | bytes) -> None:
        """One WebSocket message arrived."""
        try:
            packet = self._dialect.decode(data)
        except ProtocolError as exc:
            self._end()
            self._websocket.close()
            self.sink.on_lost(PARSE_ERROR, exc.reason)
            return
        if packet.type is PacketType.MESSAGE:
            self.sink.on_message("" if packet.data is None else packet.data)
        else:
            self.sink.on_packet(packet)

    def on_closed(self, error: object) -> None:
        """The WebSocket ended; ``error`` where the peer broke its protocol."""
        self._end()
        super().on_closed(error)

    def _let_out(self) -> None:
        self._pause = None
        self.sink.on_ready()

    def _end(self) -> None:
        """Take nothing more; ``offer``, a method of ours, would make a cycle."""
        self.offer = _take_nothing
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None


def _take_nothing(wire: Wire) -> bool:
    """Stand in for a WebSocket that has ended."""
    return False
