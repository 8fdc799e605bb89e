"""Native: our own frames on the TCP socket, taken over from the WSGI server.

Spec: RFC 6455, sections 5 to 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from sockio.engine.http.client_socket import TakenSocket
from sockio.errors import ProtocolError, TooLarge
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.websocket.closing import close_frame, parse_close
from sockio.protocol.websocket.deflate import Agreed
from sockio.protocol.websocket.frames import (
    CLOSE,
    PING,
    PONG,
    Control,
    FrameReader,
    Item,
    frame,
)
from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.farewell import LINGER, Farewell
from sockio.runtime.reactor import Reactor
from sockio.runtime.stream import Stream
from sockio.runtime.turns import Turns
from sockio.types import StartResponse

from .too_large import tell_too_large
from .websocket import Receiver

log = logs.get("engine.websockets.native")

#: Seconds that a peer has, in an orderly close, to send its close frame and take ours.
CLOSE_TIMEOUT = 30.0

#: Shared by all that have no rest; nothing is ever put in.
_NO_REST: deque[Item] = deque(maxlen=0)


class NativeWebSocket:
    """A WebSocket on a stream; the handshake has been answered."""

    __slots__ = (
        "_closed",
        "_closing",
        "_deflate",
        "_deliver",
        "_kill_timer",
        "_paused",
        "_pong",
        "_reactor",
        "_reader",
        "_receiver",
        "_rest",
        "_stream",
        "_taken",
        "_turns",
        "space",
    )

    def __init__(
        self,
        taken: TakenSocket,
        reactor: Reactor,
        *,
        max_payload: int,
        agreed: Agreed | None = None,
    ) -> None:
        #: None once the request is over.
        self._taken: TakenSocket | None = taken
        self._reactor = reactor
        self._stream = Stream(taken.sock, reactor.batch, tls=taken.tls)
        self._deflate = agreed.deflate() if agreed is not None else None
        self._reader = FrameReader(
            max_payload=max_payload,
            inflate=agreed.inflate() if agreed is not None else None,
        )
        self._receiver: Receiver
        self._closing = False
        #: The receiver wants nothing at present.
        self._paused = False
        #: Reads what has arrived in turns; made when that is needed.
        self._turns: Turns | None = None
        #: What was read already and is to be delivered later.
        self._rest: deque[Item] = _NO_REST
        #: Payload of the ping to answer when the kernel takes bytes again.
        self._pong: bytes | None = None
        self._closed = reactor.latch() if not taken.released else None
        self._kill_timer: Timer | None = None
        #: Where the stream is to receive the rest of a large frame.
        self.space: memoryview | None = None

    @property
    def writable(self) -> bool:
        return self._stream.writable

    @property
    def ready(self) -> bool:
        return not self._stream.blocked

    @property
    def pending_size(self) -> int:
        return self._stream.pending_size

    @property
    def unfinished(self) -> int:
        return self._reader.unfinished

    def start(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._deliver = receiver.on_message
        early = b"" if self._taken is None else self._taken.early
        self._stream.start(self, early)

    def finish(self, start_response: StartResponse) -> Iterable[bytes]:
        if self._closed is not None:
            self._closed.wait()
        taken, self._taken = self._taken, None
        return [] if taken is None else taken.finish(start_response)

    def offer(self, wire: Wire) -> bool:
        stream = self._stream
        if stream.blocked:
            return False
        if self._deflate is not None and wire.compress:
            stream.write(b"".join(map(self._deflate.frame, wire.messages)))
        else:
            stream.write(wire.websocket)
        return True

    def write_raw(self, data: bytes) -> None:
        """Send bytes that are not a frame: the answer to the handshake.

        They leave with the first message, at the latest at the ``start``.
        """
        self._stream.hold(data)

    def pause(self) -> None:
        self._paused = True
        self._stream.pause()
        self._in_turns().pause()

    def resume(self) -> None:
        self._paused = False
        if self._turns is not None:
            self._turns.resume()

    def _in_turns(self) -> Turns:
        if self._turns is None:
            self._turns = Turns(self._reactor, self._step)
        return self._turns

    # ------------------------------------------------------------------ the stream

    def received(self, data: bytes) -> None:
        """Bytes arrived."""
        reader = self._reader
        self._hand_on(reader.feed(data))
        self.space = reader.space
        if reader.behind:
            self._read_on()

    def filled(self, count: int) -> None:
        """Bytes arrived, in ``space``."""
        reader = self._reader
        self._hand_on(reader.filled(count))
        self.space = reader.space
        if reader.behind:
            self._read_on()

    def _hand_on(self, items: Iterable[Item]) -> None:
        for item in items:
            if self._paused:
                if self._rest is _NO_REST:
                    self._rest = deque()
                self._rest.append(item)
            elif type(item) is str or type(item) is bytes:
                self._deliver(item)
            else:
                self._on_control(item)  # type: ignore[arg-type]

    def _read_on(self) -> None:
        """Read what has arrived, in turns.

        Nothing more is received meanwhile, so that the end of the connection is noticed
        only after what was sent before it.
        """
        self._stream.pause()
        self._in_turns().run()

    def _step(self) -> bool:
        """Read a part of what has arrived; tell whether there is more."""
        try:
            rest, self._rest = self._rest, _NO_REST
            self._hand_on(rest or self._reader.more())
        except Exception:
            # A boundary: a bug of ours met while reading ends this connection only.
            log.exception("a read failed; the connection is closed")
            self.ended(None)
            return False
        self.space = self._reader.space
        if self._rest or self._reader.behind:
            return True
        if not self._paused:
            self._stream.resume()
        return False

    def drained(self) -> None:
        if not self._closing:
            if self._pong is not None:
                self._stream.write(frame(self._pong, PONG))
                self._pong = None
            self._receiver.on_drained()

    def ended(self, error: OSError | None) -> None:
        """The connection is gone, or the peer sends no more."""
        log.debug("connection ended: %s", error or "end of stream")
        if self._closing:
            self._part(CLOSE_TIMEOUT).ended(error)
            return
        receiver = self._receiver
        self._stop_delivering()
        self._stream.close()
        self._over()
        receiver.on_closed(None)

    # ------------------------------------------------------------------ control

    def _on_control(self, item: Control | ProtocolError) -> None:
        if isinstance(item, ProtocolError):
            self._fail(item)
        elif item.opcode == PING:
            # Answers to a peer that does not read are not collected: RFC 6455, 5.5.3
            # lets us answer its last ping only.
            if self._stream.blocked:
                self._pong = item.payload
            elif not self._closing:
                self._stream.write(frame(item.payload, PONG))
        elif item.opcode == CLOSE:
            self._on_close(item.payload)

    def _on_close(self, payload: bytes) -> None:
        try:
            code, reason = parse_close(payload)
        except ProtocolError as exc:
            self._fail(exc)
            return
        log.debug("peer closed: %s %r", code, reason)
        if self._closing:
            self._part(CLOSE_TIMEOUT)
            return
        receiver = self._receiver
        self._stop_delivering()
        self._stream.write(frame(payload[:2], CLOSE))
        self._part(CLOSE_TIMEOUT)
        receiver.on_closed(None)

    def _fail(self, error: ProtocolError) -> None:
        """Close because of a violation; what comes behind it means nothing."""
        if isinstance(error, TooLarge):
            repeats = self._reactor.repeats
            tell_too_large(repeats, "websocket", error.size, error.limit)
        else:
            log.debug("peer broke the protocol: %s", error.reason)
        if self._closing:
            self._part(LINGER)
            return
        receiver = self._receiver
        # The frame carries no reason, as in Node; only our side learns it.
        self.dismiss(error.code or 1002)
        receiver.on_closed(error.reason)

    def dismiss(self, code: int, reason: str = "") -> None:
        """Close without waiting for the peer's close frame."""
        self._stop_delivering()
        self._stream.write(close_frame(code, reason))
        self._part(LINGER)

    def close(self, code: int | None = None, reason: str = "") -> None:
        """Send a close frame, then wait a while for the peer's."""
        if self._closing:
            return
        self._stop_delivering()
        self._stream.write(
            frame(b"", CLOSE) if code is None else close_frame(code, reason)
        )
        self._kill_timer = self._reactor.clock.call_later(CLOSE_TIMEOUT, self._cut)

    def _cut(self) -> None:
        self._stream.close()
        self._over()

    def _stop_delivering(self) -> None:
        self._closing = True
        self._deliver = _ignore
        if self._paused:  # read on, up to the peer's close frame
            self._rest = _NO_REST
            self.resume()

    def _part(self, patience: float) -> Farewell:
        """End the connection when what was written has left."""
        self._forget()
        farewell = Farewell(
            self._stream, self._reactor.delays, self._over, patience=patience
        )
        self._stream.resume()  # what follows is read and dropped
        return farewell

    def _over(self) -> None:
        """The connection has ended."""
        self._forget()
        if self._closed is not None:
            self._closed.set(None)

    def _forget(self) -> None:
        """Report nothing more to the receiver, and wait for nothing more."""
        self._receiver = _NOBODY
        self._rest = _NO_REST
        self._paused = False
        if self._turns is not None:
            self._turns.end()
        if self._kill_timer is not None:
            self._kill_timer.cancel()
            self._kill_timer = None


class _Nobody:
    """The receiver of a connection that has ended, in place of the former one."""

    def on_message(self, data: str | bytes) -> None: ...
    def on_drained(self) -> None: ...
    def on_closed(self, error: object) -> None: ...


_NOBODY: Receiver = _Nobody()


def _ignore(data: str | bytes) -> None:
    """What arrives after the close is not delivered."""
