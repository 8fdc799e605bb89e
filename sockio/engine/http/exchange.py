"""Exchange: one HTTP request, the WSGI application that answers it, and its answer.

Spec: PEP 3333; RFC 9112 "Message Body Length", "Persistence".
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol

from sockio.runtime import logs
from sockio.runtime.workers import FAILURES
from sockio.types import Environ, WSGIApp

from .request_body import BadBody, RequestBody

__all__ = ["Exchange", "PeerGone"]

log = logs.get("engine.http")

#: Answers up to this size are sent together with their headers, in one piece.
_ONE_PIECE = 65536
#: Answers without a body; those below 200 have none either.
_BODILESS = (204, 304)


class PeerGone(ConnectionError):
    """The client takes nothing more."""


class Host(Protocol):
    """What an exchange asks of the connection it happens on."""

    #: Another owner has the connection now.
    taken: bool

    @property
    def closing(self) -> bool:
        """Whether this is to be the last answer."""

    @property
    def withheld(self) -> bool:
        """Whether the client waits for leave to send the body of its request."""

    def date(self) -> str:
        """The header line with the present time."""

    def send(self, data: bytes) -> None:
        """Send all of it, or raise PeerGone. Blocks."""

    def finish(self, exchange: Exchange) -> None:
        """The exchange is over; ``exchange.keep``: another request may follow."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_app",
        "_chunked",
        "_environ",
        "_head_sent",
        "_headers",
        "_host",
        "_left",
        "_mute",
        "_old",
        "_status",
        "body",
        "keep",
        "sent",
    )

    def __init__(
        self, host: Host, app: WSGIApp, environ: Environ, body: RequestBody, keep: bool
    ) -> None:
        self._host = host
        self._app = app
        self._environ = environ
        #: A client of HTTP 1.0 reads no chunks.
        self._old = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
        self._status: str | None = None
        self._headers: list[tuple[str, str]] = []
        self._head_sent = False
        self._chunked = False
        #: The answer has no body, whatever the application returns.
        self._mute = False
        #: Bytes that the headers promise and that have not been sent.
        self._left: int | None = None
        #: The body of the request.
        self.body = body
        #: Whether the connection may go on afterwards.
        self.keep = keep
        #: Bytes of the answer's body.
        self.sent = 0

    @property
    def code(self) -> str:
        """The status of the answer, for a log; ``000`` where there is none."""
        return "000" if self._status is None else self._status.split(" ", 1)[0]

    @property
    def begun(self) -> bool:
        """Whether the head of the answer was written."""
        return self._head_sent

    @property
    def request_line(self) -> str:
        """The first line of the request, for a log."""
        environ = self._environ
        return "{REQUEST_METHOD} {RAW_URI} {SERVER_PROTOCOL}".format_map(environ)

    def run(self) -> None:
        """Let the application answer.

        Blocks:
            Until it has, and the kernel has all of it.
        """
        try:
            self._answer()
        except PeerGone as exc:
            self.keep = False
            log.debug("a client went away: %s", exc)
        except BadBody as exc:
            log.debug("bad request: %s", exc)
            self._fail(exc.status)
        except FAILURES:
            # A boundary: an application is user code, and ends nothing but itself.
            traceback.print_exc(file=self._environ["wsgi.errors"])
            self._fail("500 Internal Server Error")
        except BaseException:
            self.keep = False
            raise
        finally:
            self._host.finish(self)

    def _answer(self) -> None:
        result = self._app(self._environ, self.start_response)
        try:
            if self._host.taken:
                self.keep = False
            elif type(result) is list and not self._head_sent:
                self._send_whole(result[0] if len(result) == 1 else b"".join(result))
            else:
                self._send_parts(result)
        finally:
            close: Callable[[], object] | None = getattr(result, "close", None)
            if close is not None:
                close()

    def _fail(self, status: str) -> None:
        self.keep = False
        if self._head_sent or self._host.taken:
            return
        self._status, self._headers = status, []
        try:
            self._send_whole(b"")
        except PeerGone as exc:
            log.debug("a client went away: %s", exc)

    # ------------------------------------------------------------------ the answer

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Set what precedes the body; nothing is sent yet."""
        if exc_info is not None:
            try:
                if self._head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status is not None:
            raise AssertionError("start_response was called twice without exc_info")
        self._status = status
        self._headers = headers
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part of the body, the headers before the first.

        Blocks:
            Until the kernel has it.
        """
        if not self._head_sent:
            self._host.send(self._head(None))
        if self._mute:
            return
        if self._left is not None:
            if len(data) > self._left:
                self.keep = False
                data = data[: self._left]
            self._left -= len(data)
        if not data:
            return
        self.sent += len(data)
        self._host.send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def _send_parts(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            if part:
                self.write(part)
        if not self._head_sent:
            self._host.send(self._head(0))
        elif self._chunked:
            self._host.send(b"0\r\n\r\n")
        if self._left:
            self.keep = False

    def _send_whole(self, body: bytes) -> None:
        head = self._head(len(body))
        if self._mute:
            body = b""
        elif len(body) != self._left:
            self.keep = False
            body = body[: self._left]
        self.sent = len(body)
        if len(body) > _ONE_PIECE:
            self._host.send(head)
            self._host.send(body)
        else:
            self._host.send(head + body)

    def _head(self, length: int | None) -> bytes:
        """Write the head of the answer; ``length`` is the whole body's, if known."""
        if self._status is None:
            raise AssertionError("the application did not call start_response")
        lines = [f"HTTP/1.1 {self._status}"]
        host = self._host
        if host.closing or self.body.hopeless or host.withheld:
            # Who gets no leave may send a request next, or the body all the same.
            self.keep = False
        announced = framed = named = dated = False
        for name, value in self._headers:
            lines.append(f"{name}: {value}")
            known = _KNOWN.get(name) or _KNOWN.get(name.lower())
            if known is None:
                continue
            if known == "length":
                announced, length = True, int(value)
            elif known == "connection":
                named = True
                if value.lower() == "close":
                    self.keep = False
            elif known == "date":
                dated = True
            else:
                framed, self.keep = True, False
        if not framed:
            self._frame(lines, length, announced)
        if not named:
            self._say_whether_to_go_on(lines)
        if not dated:
            lines.append(self._host.date())
        text = "\r\n".join(lines)
        breaks = len(lines) - 1
        if text.count("\n") != breaks or text.count("\r") != breaks:
            raise AssertionError("the application's headers contain a line break")
        data = f"{text}\r\n\r\n".encode("latin-1")
        self._head_sent = True
        return data

    def _frame(self, lines: list[str], length: int | None, announced: bool) -> None:
        """Decide how the client will know where the body ends."""
        code = _code(self._status or "")
        if code < 200 or code in _BODILESS:
            self._mute = True
            return
        if self._environ["REQUEST_METHOD"] == "HEAD":
            self._mute = True
            if length and not announced:
                lines.append(f"Content-Length: {length}")
            return
        self._left = length
        if length is not None:
            if not announced:
                lines.append(f"Content-Length: {length}")
        elif self._old:
            self.keep = False
        else:
            self._chunked = True
            lines.append("Transfer-Encoding: chunked")

    def _say_whether_to_go_on(self, lines: list[str]) -> None:
        if not self.keep:
            if self._status != "101 Switching Protocols":
                lines.append("Connection: close")
        elif self._old:
            lines.append("Connection: keep-alive")


#: The headers of an application that matter to us.
_KNOWN = {
    "content-length": "length",
    "Content-Length": "length",
    "connection": "connection",
    "date": "date",
    "transfer-encoding": "coding",
}


@lru_cache(maxsize=128)
def _code(status: str) -> int:
    return int(status[:3])
