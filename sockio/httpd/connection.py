"""HttpConnection: one client's connection to our HTTP server.

The hub reads it: a connection that waits for its next request costs a watcher and no
greenlet, and the same watcher notices that a client hangs up while its request is being
answered. A worker runs the application.
Spec: RFC 9112 "Connection Management".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sockio.runtime import logs
from sockio.runtime.latch import Latch

from .environ import describe
from .exchange import Exchange, PeerGone
from .owner import Owner
from .request_body import BadBody, RequestBody
from .request_head import Headers, HeadReader, Refused
from .request_target import RequestLine
from .shortcut import Waiter
from .socket import HttpSocket

__all__ = ["CONNECTION", "HttpConnection"]

log = logs.get("engine.http")

#: The name of the connection in environ.
CONNECTION = "sockio.connection"

#: Bytes received ahead of what the application reads, before reading pauses.
_MOST_AHEAD = 65536
#: The same while somebody watches for a hang-up; sending more counts as a hang-up.
_MOST_BEHIND = 1 << 20
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REFUSAL = "HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: 0\r\n{}\r\n\r\n"
#: RFC 9112, 2.2: what may precede a request.
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")


class _Short:
    """Stands for an exchange without WSGI."""


SHORT = _Short()


class HttpConnection(HttpSocket):
    """One client; a request at a time."""

    __slots__ = (
        "_arrival",
        "_buffer",
        "_exchange",
        "_expects",
        "_last",
        "_late",
        "_on_hangup",
        "_since",
        "_waiter",
        "address",
        "heads",
        "logged",
        "owner",
        "taken",
    )

    def __init__(
        self,
        sock: Any,
        address: Any,
        owner: Owner,
        *,
        early: bytes = b"",
        tls: bool = False,
        logged: bool = True,
    ) -> None:
        """Read requests from ``sock``, which does not block, until either side ends.

        ``early`` is what somebody else has already received from it.
        """
        super().__init__(sock, owner, tls=tls)
        #: The client's address, as its socket gave it.
        self.address = address
        #: Whether requests that end have lines in the access log.
        self.logged = logged
        self.owner = owner
        #: Received bytes that are not part of a request that is being answered.
        self._buffer = early
        self._exchange: Exchange | _Short | None = None
        #: Has the head of the request that is being answered.
        self.heads = HeadReader(owner.options)
        #: Whether the client waits for permission to send its body.
        self._expects = False
        #: Set when something arrives, while the application waits for that.
        self._arrival: Latch[None] | None = None
        self._on_hangup: Callable[[], object] | None = None
        #: Who waits for news with the request, may be told to give way, and since when.
        self._waiter: Waiter | None = None
        self._since = 0.0
        #: Whether it ends with the next answer, since others need its descriptor.
        self._last = False
        #: Whether the body of its request did not come in time.
        self._late = False
        #: Whether another owner has the connection.
        self.taken = False
        self._resume()
        self._wait_under(owner.deadlines.first)
        if early:
            owner.loop.run_callback(self._begin)

    # ------------------------------------------------------------------ in the hub

    def _on_readable(self) -> None:
        if self._lingering is not None:
            self._pass_over()
            return
        data = self._receive_some()
        if data is None:
            return
        try:
            if not data:
                self._on_end()
                return
            self._buffer = self._buffer + data if self._buffer else data
            if self._exchange is None:
                self._begin()
            elif self._arrival is not None:
                self._arrival.set(None)
            elif len(self._buffer) > _MOST_AHEAD:
                self._on_much_ahead()
        except Exception:
            # A boundary: a bug of ours in reading ends this connection only.
            log.exception("a read failed; the connection is closed")
            self.close()
        if self.tls:
            self._place.loop.run_callback(self._read_decrypted)

    def _on_end(self) -> None:
        self._ended = True
        self._pause()
        if self._exchange is None:
            self._begin()
        if self._arrival is not None:
            self._arrival.set(None)
        self._hung_up()

    def _on_much_ahead(self) -> None:
        """Stop reading, unless that would hide a hang-up."""
        if self._on_hangup is None:
            self._pause()
        elif len(self._buffer) > _MOST_BEHIND:
            log.debug("%s sends too much while its request waits", self.address)
            self._pause()
            self._hung_up()

    def _hung_up(self) -> None:
        if self._on_hangup is not None:
            on_hangup, self._on_hangup = self._on_hangup, None
            on_hangup()

    def expire(self) -> None:
        """Act on a client that has missed its deadline; called in the hub."""
        if self._exchange is not None:
            super().expire()
            if self._arrival is not None:
                self._late = self._ended = True
                self._pause()
                self._arrival.set(None)
        elif self._buffer:
            self._refuse(Refused("its head took too long", "408 Request Timeout"))
        else:
            # Send nothing: it would be taken for the answer to a request on its way.
            self.close()

    def _begin(self) -> None:
        """Begin with the next request, if all of its head is there."""
        if self._exchange is not None or self.closed or self._lingering is not None:
            return
        buffer = self._buffer
        if buffer.startswith(b"\r\n"):
            buffer = self._buffer = _EMPTY_LINES.sub(b"", buffer, count=1)
        heads = self.heads
        try:
            headers = heads.read(buffer)
            if headers is None:
                self._wait_for_head(buffer)
            elif not self._cut_short(heads.line, headers, heads.size):
                self._answer(heads.request_line(buffer), headers, heads.size)
        except Refused as exc:
            self._refuse(exc)

    def _cut_short(self, line: bytes, headers: Headers, start: int) -> bool:
        """Serve a complete request without WSGI, if the shortcut can."""
        shortcut = self.owner.shortcut
        length = headers.length
        buffer = self._buffer
        if shortcut is None or length is None or len(buffer) < start + length:
            return False
        self._buffer = buffer[start + length :]
        self._exchange = SHORT
        if shortcut.serve(line, headers, buffer[start : start + length], self):
            return True
        self._exchange, self._buffer = None, buffer
        return False

    def _wait_for_head(self, buffer: bytes) -> None:
        if self._ended and buffer:
            raise Refused("the request is cut off")
        deadlines = self.owner.deadlines
        idle = not buffer and self._deadline is deadlines.keep_alive
        if self._ended or (idle and self.owner.closing):
            self.close()
        elif not idle and self._deadline is not deadlines.first:
            self._wait_under(deadlines.first)

    def _answer(self, line: RequestLine, headers: Headers, start: int) -> None:
        owner, fields, length = self.owner, headers.fields, headers.length
        environ = describe(owner.environ(), line, fields, self.address)
        body = RequestBody(self, length, owner.options)
        environ["wsgi.input"] = body
        environ[CONNECTION] = self
        self._expects = length != 0 and "HTTP_EXPECT" in environ
        self._buffer = self._buffer[start:]
        keep = headers.keep_alive(line.version)
        self._exchange = Exchange(self, owner.application, environ, body, keep)
        owner.run(self._exchange)

    def _refuse(self, why: Refused) -> None:
        self.owner.refused(self.address, why)
        with suppress(OSError):
            self._sock.send(_REFUSAL.format(why.status, self.date()).encode())
        self.part()

    def end_soon(self) -> None:
        """Close if there is nothing to answer, nor will be in a moment."""
        if self._lingering is not None:
            self.close()
        elif self._reading and not (self.closed or self.busy):
            self._on_readable()
        self._begin()

    # ------------------------------------------------------------------ in a worker

    @property
    def closing(self) -> bool:
        return self._last or self.owner.closing

    def date(self) -> str:
        return self.owner.date()

    def receive(self) -> bytes:
        """Return the next bytes; no bytes at the end of the connection.

        Raises:
            BadBody: They did not arrive in time.

        Blocks:
            Until there are some.
        """
        if not self._buffer and not self._ended:
            if self._expects:
                self._expects = False
                if isinstance(self._exchange, Exchange) and not self._exchange.begun:
                    self.send(_CONTINUE)
            self._resume()
            self._wait_for_progress()
            self._arrival = Latch(self._place.clock)
            try:
                self._arrival.wait()
            finally:
                self._arrival = None
        self._expects = False
        if self._late:
            raise BadBody("the body of a request took too long", "408 Request Timeout")
        data, self._buffer = self._buffer, b""
        self._count(len(data))
        return data

    def breathe(self) -> None:
        """Let others run.

        Blocks:
            Until the next pass of the loop.
        """
        turn: Latch[None] = Latch(self._place.clock)
        self._place.clock.call_later(0, turn.set, None)
        turn.wait()

    @property
    def withheld(self) -> bool:
        """Whether the client waits for permission to send the body of its request."""
        return self._expects and not self._buffer

    def give_back(self, data: bytes) -> None:
        """Take back bytes that do not belong to the body."""
        self._buffer = data + self._buffer

    def begin(self, exchange: Exchange) -> None:
        self.owner.begun(exchange)

    def finish(self, exchange: Exchange) -> None:
        """End the exchange: wait for the next request, or close.

        Blocks:
            Until what is left of its body has arrived.
        """
        self._on_hangup = self._waiter = None
        self.owner.ended(self.address, exchange, logged=self.logged)
        keep = False
        try:
            if exchange.keep and not self.taken:
                keep = exchange.body.discard()
        finally:
            self._exchange = None
            if keep:
                self._go_on()
            elif not self.taken:
                self._end()

    def _go_on(self) -> None:
        if self._buffer or self._ended or self.owner.closing:
            self.owner.loop.run_callback(self._begin)
        if not self._reading:
            self._resume()
        deadline = self.owner.deadlines.keep_alive
        if self._deadline is deadline:
            deadline.begin(self)
        else:
            self._wait_under(deadline)

    # ------------------------------------------------------------------ without WSGI

    def reply(self, data: bytes) -> None:
        """Send the answer to a request that the shortcut took; never blocks."""
        if self._exchange is not SHORT:
            return
        self._waiter = None
        try:
            self._send_in_hub(data, self._replied)
        except PeerGone as exc:
            log.debug("a client went away: %s", exc)
            self.close()

    def _replied(self) -> None:
        self._exchange = self._on_hangup = None
        if self._last or self.owner.closing:
            self._end()
        else:
            self._go_on()

    @property
    def sending(self) -> bool:
        """Whether the client has not taken all of an answer given to ``reply``."""
        return self._unsent is not None

    def cut(self, data: bytes) -> None:
        """End the connection if ``data``, given to ``reply``, is still being sent."""
        if self._unsent is not None and self._unsent.obj is data:
            self._cut()

    def _end(self) -> None:
        """End the connection after its last answer."""
        if self.owner.closing:
            self.close()
        else:
            self.part()

    # ------------------------------------------------------------------ for others

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._exchange is not None

    @property
    def runs(self) -> bool:
        """Whether the application is answering a request, in a worker."""
        return isinstance(self._exchange, Exchange)

    def watch(
        self, on_hangup: Callable[[], object] | None, waiter: Waiter | None = None
    ) -> None:
        """Call ``on_hangup`` once, in the hub, if the client goes before its answer.

        Args:
            on_hangup: None: call nothing any more.
            waiter: Who can answer early, if others need the descriptor.
        """
        self._on_hangup = on_hangup
        self._waiter = waiter
        if on_hangup is None:
            return
        self._since = self.owner.clock.now()
        if self._ended:
            self.owner.loop.run_callback(self._on_end)
        self._resume()

    @property
    def waits_since(self) -> float | None:
        """When its client began to wait for news alone; None: it does not."""
        return None if self._waiter is None or self._buffer else self._since

    def give_way(self) -> None:
        """Have the request that waits answered now, and end with its answer."""
        if self._waiter is not None:
            self._last = True
            self._waiter.release()

    def take_over(self) -> bytes:
        """Leave the socket to the caller; return what was received and not read."""
        self.taken = True
        self._stop()
        exchange = self._exchange
        early = exchange.body.rest() if isinstance(exchange, Exchange) else b""
        return early + self._buffer

    def _stop(self) -> None:
        if not self.closed:
            super()._stop()
            self._exchange = self._exchange if self.taken else None
            self.owner.forget(self)
