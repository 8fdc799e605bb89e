"""Posts: what a polling client sends, one POST at a time.

The packets of a POST are handed on in turns: where there are many, or handlers are
slow, that takes several passes of the loop. The POST is answered when its last packet
has been handed on and the handlers have caught up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from socket import SHUT_RDWR, socket
from typing import Protocol

from sockio.engine.http.client_socket import find
from sockio.engine.http.request import BodyTooLarge, Request
from sockio.engine.http.request_fields import about
from sockio.engine.http.response import Response
from sockio.engine.options import EngineOptions
from sockio.engine.reasons import PARSE_ERROR
from sockio.errors import ProtocolError
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import BAD_POLLING, MESSAGE_TOO_LARGE, Cause
from sockio.runtime.turns import Turns

from .transport import Sink

log = logs.get("engine.polling")

#: Packets that are handed on in one step.
STEP = 32

_MESSAGE, _CLOSE = PacketType.MESSAGE, PacketType.CLOSE
_NONE: Iterator[Packet] = iter(())


class HungUp(Exception):
    """The client of a request has gone: there is nobody to answer."""


class TooLate(Exception):
    """A request came when the client's time for a sign of life was over."""


class Poster(Protocol):
    """What posts ask of their transport."""

    sink: Sink
    #: Whether a POST may bring bytes rather than text.
    takes_bytes: bool
    #: The session has ended.
    ended: bool

    def decode(self, payload: str | bytes) -> Iterator[Packet]:
        """Yield the packets in the body of a POST; raise at the first bad one."""

    def fail(self, description: str) -> None:
        """The client misuses the transport, or its connection broke."""

    def lose(self, reason: str, description: object = None) -> None:
        """End without having been asked to."""

    def on_close_packet(self) -> None:
        """The client said that this is the end."""

    def on_posted(self) -> None:
        """A POST is over."""


class Posts:
    """The POSTs of one session.

    Each call is given the transport: a reference to it from here would make a cycle,
    which only Python's garbage collector could free.
    """

    __slots__ = (
        "_answer",
        "_cut",
        "_on_read",
        "_options",
        "_packets",
        "_paused",
        "_reactor",
        "_socket",
        "_stepping",
        "_turns",
        "under_way",
        "unfinished",
    )

    def __init__(self, options: EngineOptions, reactor: Reactor) -> None:
        self._options = options
        self._reactor = reactor
        #: A POST is arriving, or its packets are being handed on.
        self.under_way = False
        #: Bytes received of the POST whose body is arriving.
        self.unfinished = 0
        #: The connection of that POST.
        self._socket: socket | None = None
        #: Of the POST whose packets are being handed on: the packets that are left, and
        #: what to call at its end: with True if all were taken.
        self._packets = _NONE
        self._answer: Callable[[bool], object] | None = None
        #: Takes the further steps, where one is not enough.
        self._turns: Turns | None = None
        self._stepping = False
        #: The session has ended: nothing more is handed on.
        self._cut = False
        #: The session wants nothing at present.
        self._paused = False
        #: What to call when everything has been handed on.
        self._on_read: Callable[[], None] | None = None

    def handle(self, poster: Poster, request: Request, response: Response) -> None:
        """Take one POST, and answer it.

        Blocks:
            While its body arrives, and until its packets are handed on.

        Raises:
            HungUp: The client went away meanwhile; the response is not to be sent.
        """
        if self.under_way:
            self._refused(request, "another one is under way", BAD_POLLING)
            response.end(400, b"")
            poster.fail("data request overlap from client")
            return
        binary = request.header("content-type", "") == "application/octet-stream"
        if binary and not poster.takes_bytes:
            self._refused(request, "it brings bytes", BAD_POLLING)
            response.end(400, b"")
            poster.fail("invalid content")
            return
        try:
            body = self._receive(poster, request)
        except BodyTooLarge as exc:
            why = f"max_http_buffer_size: {exc.reason}"
            self._refused(request, why, MESSAGE_TOO_LARGE)
            response.end(413, b"")
            poster.fail("payload too large")
            return
        except OSError as exc:
            log.debug("a POST was aborted: %s", exc)
            if poster.ended:
                raise HungUp from exc
            response.end(400, b"")
            poster.fail("data request connection closed prematurely")
            return
        if poster.ended:
            response.end(400, b"")
            return
        taken: Latch[bool] = self._reactor.latch()
        payload = body if binary else body.decode("utf-8", "replace")
        self.deliver(poster, payload, taken.set)
        if taken.wait():
            response.headers["Content-Type"] = "text/html"
            response.end(200, b"ok")
        else:
            response.end(400, b"")

    def _refused(self, request: Request, why: str, cause: Cause) -> None:
        level = cause.level_now(log, self._reactor.repeats)
        if log.isEnabledFor(level):
            extra = cause.fields(**about(request))
            log.log(level, "a POST was refused: %s; %s", why, cause, extra=extra)

    def _receive(self, poster: Poster, request: Request) -> bytes:
        self.under_way = True
        self._socket = find(request.environ)
        try:
            return request.body(self._options.max_http_buffer_size, self._on_part)
        finally:
            self.under_way = False
            self.unfinished = 0
            self._socket = None
            poster.on_posted()

    def _on_part(self, size: int) -> None:
        self.unfinished += size

    def deliver(
        self, poster: Poster, payload: str | bytes, answer: Callable[[bool], object]
    ) -> None:
        """Hand the packets of a POST on, then call ``answer``; never blocks."""
        self.under_way = True
        self._packets = poster.decode(payload)
        self._answer = answer
        # Most POSTs need one step only, and so no turns.
        if self._paused or self._step(poster):
            self._turns = Turns(self._reactor, partial(self._step, poster))
            if self._paused:
                self._turns.pause()
            self._turns.run()

    def _step(self, poster: Poster) -> bool:
        """Hand some packets on; tell whether there are more."""
        self._stepping = True
        try:
            more = self._hand_on(poster)
        except ProtocolError as exc:
            poster.lose(PARSE_ERROR, exc.reason)
            self._end(poster, False)
            return False
        finally:
            self._stepping = False
        if not more:
            self._end(poster, True)
        return more

    def _hand_on(self, poster: Poster) -> bool:
        left = STEP
        for packet in self._packets:
            # If a packet of this POST ended the session, the POST still counts as
            # taken.
            if self._cut:
                return False
            kind, data, _ = packet
            if kind is _MESSAGE:
                poster.sink.on_message("" if data is None else data)
            elif kind is _CLOSE:
                poster.on_close_packet()
                return False
            else:
                poster.sink.on_packet(packet)
            left -= 1
            if self._paused or not left:
                return not self._cut
        return False

    def _end(self, poster: Poster, complete: bool) -> None:
        """Answer the POST whose packets were being handed on."""
        answer, self._answer = self._answer, None
        if self._turns is not None:
            self._turns.end()
            self._turns = None
        self._packets = _NONE
        self._cut = False
        if answer is not None:
            answer(complete)
        self.under_way = False
        if self._on_read is not None:
            on_read, self._on_read = self._on_read, None
            on_read()
        poster.on_posted()

    def pause(self) -> None:
        """Hand nothing more on until ``resume``; the POST under way waits, too."""
        self._paused = True
        if self._turns is not None:
            self._turns.pause()

    def resume(self) -> None:
        """Continue the POST under way."""
        self._paused = False
        if self._turns is not None:
            self._turns.resume()

    def when_read(self, fn: Callable[[], None]) -> None:
        """Call ``fn`` when the packets of the POST under way have been handed on."""
        if self._answer is None:
            fn()
        else:
            self._on_read = fn

    def abort(self, poster: Poster) -> None:
        """Cut off a POST that is arriving; drop the rest of one that has arrived."""
        if self._answer is not None:
            self._cut = True
            if not self._stepping:
                self._end(poster, False)
        if self._socket is not None:
            with suppress(OSError):
                # Beneath gevent's socket and TLS; this wakes the greenlet that reads.
                kernels = getattr(self._socket, "_sock", self._socket)
                kernels.shutdown(SHUT_RDWR)
