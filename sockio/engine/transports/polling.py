"""Polling: a parked GET carries packets out, a POST carries packets in.

Spec: Engine.IO protocol v4, "HTTP long-polling".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from sockio.engine.http.client_socket import watch
from sockio.engine.http.compression import compress
from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.options import EngineOptions
from sockio.engine.outbox import Outbox
from sockio.engine.reasons import TRANSPORT_CLOSE, TRANSPORT_ERROR
from sockio.protocol.engineio import v4
from sockio.protocol.engineio.packet import Packet
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.websocket.payload import encode_text
from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import BAD_POLLING

from .posts import HungUp, Posts, TooLate
from .transport import (
    CLOSE,
    CLOSE_TIMEOUT,
    NOOP,
    RETIRED,
    Sink,
)
from .unread import Unread

log = logs.get("engine.polling")


__all__ = ["HungUp", "Poll", "PollingTransport", "TooLate"]


class Poll(Protocol):
    """A GET that waits: a latch, or what stands for one."""

    @property
    def ready(self) -> bool:
        """Whether it was set or failed."""

    def set(self, value: list[Wire] | None) -> None: ...
    def fail(self, error: BaseException) -> None: ...


class PollingTransport:
    """The HTTP requests of one session."""

    name = "polling"
    upgrades_to: tuple[str, ...] = ("websocket", "webtransport")
    pending_size = 0
    #: The parked GET takes everything from the outbox; nothing is sent directly.
    ready = False
    #: Whether a POST may bring bytes rather than text.
    takes_bytes = False

    def __init__(self, options: EngineOptions, reactor: Reactor) -> None:
        self._options = options
        self._reactor = reactor
        self._outbox = Outbox()
        self.sink: Sink
        #: The GET that waits for packets, until it has been answered.
        self._parked: Poll | None = None
        #: The parked GET came when the client was about to be given up for its silence.
        self._late = False
        #: The latest answer, as long as it is being sent.
        self.unread = Unread()
        #: The parked GET was woken to take the outbox, and has not run yet.
        self._promised = False
        #: The wires for its answer, if the session ends before it runs.
        self._last: list[Wire] | None = None
        self._posts = Posts(options, reactor)
        #: Why the client has gone, until that is reported.
        self._left: str | None = None
        #: The session has ended, and the client will be told, or has been.
        self.ended = False
        #: What to call when the peer has been told that this is the end.
        self._closing: Callable[[], None] | None = None
        self._close_timer: Timer | None = None

    def bind(self, outbox: Outbox, sink: Sink) -> None:
        self._outbox = outbox
        self.sink = sink

    @property
    def writable(self) -> bool:
        """Whether a GET waits that has been given nothing yet."""
        poll = self._parked
        return poll is not None and not poll.ready and not self._late

    def offer(self, wire: Wire) -> bool:
        """Nothing is sent directly: the parked GET takes everything from the outbox."""
        return False

    def wake(self) -> None:
        """Let the parked GET take what is in the outbox, when its greenlet runs."""
        if self.writable:
            self._promised = True
            self._answer(None)

    def release(self) -> bool:
        """Answer the parked GET with a noop, so that its client goes on.

        False: none waits, or it has its answer.
        """
        waits = self.writable
        if waits:
            self._answer([NOOP])
        return waits

    def _answer(self, wires: list[Wire] | None) -> None:
        if self._parked is not None:
            self._parked.set(wires)

    def pause(self) -> None:
        """Hand nothing more on until ``resume``; the POST under way waits, too."""
        self._posts.pause()

    def resume(self) -> None:
        """Continue the POST under way."""
        self._posts.resume()

    def when_read(self, fn: Callable[[], None]) -> None:
        """Call ``fn`` when the packets of the POST under way have been handed on."""
        self._posts.when_read(fn)

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        """Answer the parked GET with a close packet, or else the next GET."""
        self._posts.abort(self)
        if self._parked is not None:
            if discard and self._late and self.sink is not RETIRED:
                self._parked.fail(TooLate())
            self._end_poll()
            done()
        elif discard or self.ended:
            self._closing = None  # this ``done`` also serves whoever asked earlier
            self._close_completed()
            done()
        elif self._closing is None:
            self._closing = done
            self._close_timer = self._reactor.clock.call_later(
                CLOSE_TIMEOUT, self._close_completed
            )

    def _end_poll(self) -> None:
        """Give the parked GET its last answer."""
        self.ended = True
        if self._promised:  # the session may empty the outbox before the GET runs
            self._last = [*self._outbox.take(), CLOSE]
        else:
            self._answer([CLOSE])

    def _close_completed(self) -> None:
        self.ended = True
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        if self._closing is not None:
            done, self._closing = self._closing, None
            done()

    # ------------------------------------------------------------------ requests

    def handle(self, request: Request, response: Response) -> None:
        """Answer one request of this session.

        Blocks:
            A GET until there are packets for the client or the session ends; a POST
            while its body arrives, and until its packets are handed on.

        Raises:
            HungUp: The client went away meanwhile; the response is not to be sent.
        """
        if request.method == "GET":
            self._on_poll(request, response)
        elif request.method == "POST":
            self._posts.handle(self, request, response)
        else:
            self._refused(request.method, "is no request of a client")
            response.end(500, b"")

    def _refused(self, method: str, why: str) -> None:
        cause = BAD_POLLING
        level = cause.level_now(log, self._reactor.repeats)
        extra = cause.fields(transport=self.name)
        log.log(
            level, "a request was refused: %r %s; %s", method, why, cause, extra=extra
        )

    def _on_poll(self, request: Request, response: Response) -> None:
        poll: Latch[list[Wire] | None] = self._reactor.latch()
        if not self.park(poll):
            response.end(400, b"")
            return
        try:
            if not poll.ready:
                self._wait(request, poll)
            wires = poll.wait()
        except TooLate:
            response.end(400, b"")
            return
        finally:
            self.unpark()
        body, kind, encoding = self.pack(
            self.settle(wires), request.header("accept-encoding")
        )
        response.headers["Content-Type"] = kind
        if encoding is not None:
            response.headers["Content-Encoding"] = encoding
        response.end(200, body)

    def _wait(self, request: Request, poll: Latch[list[Wire] | None]) -> None:
        watcher = watch(request.environ, self.on_hangup, self)
        try:
            poll.wait()
        finally:
            if watcher is not None:
                watcher.close()

    def park(self, poll: Poll) -> bool:
        """Let a GET wait until it is set to the wires of its answer; False: answer 400.

        None stands for what is in the outbox when the GET is answered. To answer it,
        call ``unpark``, then ``settle`` and ``pack``. It may fail instead: with
        ``HungUp``, or with ``TooLate``, which means 400.
        """
        if self._parked is not None:
            self._refused("GET", "while another one waits")
            self.fail("overlap from client")
            return False
        if self.ended or self._left is not None:
            return False
        self._parked = poll
        self.unread.arrived()
        self._late = True
        self.sink.unless_silent(self._admit)
        return True

    def _admit(self) -> None:
        """Let the parked GET take what waits for it."""
        self._late = False
        self.sink.on_ready()
        if self._closing is not None:
            self._answer([NOOP])

    def unpark(self) -> None:
        """The parked GET waits no more."""
        self._parked = None
        self._late = False
        self._promised = False

    def settle(self, wires: list[Wire] | None) -> list[Wire]:
        """Return the wires of the answer to a GET that was set to ``wires``."""
        closing = self._closing is not None
        if self._last is not None:
            wires = self._last
        elif wires is None:
            wires = self._outbox.take()
            self.sink.on_flushed(wires)
        if closing:
            wires.append(CLOSE)
            self._close_completed()
        return wires

    def pack(
        self, wires: list[Wire], accepted: str | None
    ) -> tuple[bytes, str, str | None]:
        """Return a body, its type, and its encoding where compressing was worth it.

        Args:
            accepted: The encodings that the client can read.
        """
        payload = self._encode(wires)
        if isinstance(payload, str):
            body, kind = encode_text(payload), "text/plain; charset=UTF-8"
        else:
            body, kind = payload, "application/octet-stream"
        compression = self._options.http_compression
        if (
            compression is not None
            and len(body) >= compression.threshold
            and any(wire.compress for wire in wires)
        ):
            packed = compress(body, accepted, compression.threshold)
            if packed is not None:
                return packed[0], kind, packed[1]
        return body, kind, None

    def on_hangup(self) -> None:
        """The client of the parked GET has gone."""
        if self._parked is not None and not self._parked.ready:
            self._parked.fail(HungUp())
            self._left = "poll connection closed prematurely"
            # What the client posted before comes first.
            self._reactor.in_lull(self._leave)

    def _leave(self) -> None:
        """Report that the client has gone, behind what it posted before."""
        if self._left is not None and not self._posts.under_way:
            self.fail(self._left)

    def on_posted(self) -> None:
        """A POST is over."""
        if self._left is not None:
            self._reactor.soon(self._leave)

    @property
    def unfinished(self) -> int:
        """Bytes received of a POST that is not complete yet."""
        return self._posts.unfinished

    @property
    def receptive(self) -> bool:
        """Whether a POST may be taken: none is under way, and the session goes on."""
        return not self._posts.under_way and not self.ended

    def deliver(self, payload: str | bytes, answer: Callable[[bool], object]) -> None:
        """Hand the packets of a POST on, then call ``answer``; never blocks.

        ``answer`` is called with False if one of the packets is malformed, or if the
        session ends before all were handed on.
        """
        self._posts.deliver(self, payload, answer)

    # ------------------------------------------------------------------ the protocol

    def _encode(self, wires: list[Wire]) -> str | bytes:
        """Return the body of an answer."""
        return "\x1e".join([wire.payload for wire in wires])

    def decode(self, payload: str | bytes) -> Iterator[Packet]:
        """Yield the packets in the body of a POST; raise at the first bad one."""
        return v4.decode_payload(payload)

    # ------------------------------------------------------------------ the end

    def on_close_packet(self) -> None:
        """The client said that this is the end; its poll gets a noop."""
        if self.writable:
            self._client_closed()
        else:
            # The loop serves what is ready newest first, so a poll that the client sent
            # just before may be seen just after.
            self._reactor.clock.call_later(0, self._reactor.soon, self._client_closed)

    def _client_closed(self) -> None:
        self.release()
        self.lose(TRANSPORT_CLOSE)

    def fail(self, description: str) -> None:
        """The client misuses the transport, or its connection broke."""
        self.lose(TRANSPORT_ERROR, description)

    def lose(self, reason: str, description: object = None) -> None:
        """End without having been asked to."""
        if not self.ended:
            self._posts.abort(self)
            self._end_poll()
            self._close_completed()
            self.sink.on_lost(reason, description)
