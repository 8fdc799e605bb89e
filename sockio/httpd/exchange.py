"""Exchange: one HTTP request, the WSGI application that answers it, and its answer.

Spec: PEP 3333; RFC 9112 "Message Body Length", "Persistence".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from reprlib import repr as shortened
from typing import Any, Protocol

from sockio.runtime import logs
from sockio.runtime.peer_text import traceback_text
from sockio.runtime.workers import FAILURES
from sockio.types import Environ, WSGIApp

from .request_body import BadBody, RequestBody
from .request_head import Refused
from .response_head import ResponseHead

__all__ = ["Exchange", "PeerGone"]

log = logs.get("engine.http")

#: Answers up to this size are sent together with their headers, in one piece.
_ONE_PIECE = 65536


class PeerGone(ConnectionError):
    """The client takes nothing more."""


class Host(Protocol):
    """What an exchange needs of its connection."""

    #: Whether another owner has the connection now.
    taken: bool

    @property
    def closing(self) -> bool:
        """Whether this is to be the last answer."""

    @property
    def withheld(self) -> bool:
        """Whether the client waits for permission to send the body of its request."""

    def date(self) -> str:
        """Return the header line with the current time."""

    def begin(self, exchange: Exchange) -> None:
        """Note that the application is about to be called.

        Raises:
            Refused: It is not to be called.
        """

    def send(self, data: bytes) -> None:
        """Send all of it, or raise PeerGone. Blocks."""

    def finish(self, exchange: Exchange) -> None:
        """End the exchange; another request may follow if ``exchange.keep`` is set."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_app",
        "_chunked",
        "_errors",
        "_head",
        "_head_sent",
        "_host",
        "_left",
        "_mute",
        "_old",
        "_over",
        "body",
        "environ",
        "keep",
        "memo",
        "refusal",
        "sent",
    )

    def __init__(
        self, host: Host, app: WSGIApp, environ: Environ, body: RequestBody, keep: bool
    ) -> None:
        self._host = host
        self._app = app
        # The application may change environ, so we read now what we need.
        #: As the application gets it.
        self.environ = environ
        #: For the owner of the connection: what it has noted at the beginning.
        self.memo: Any = None
        self._errors = environ["wsgi.errors"]
        #: A client of HTTP 1.0 reads no chunks.
        self._old = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
        #: Whether the answer has no body, whatever the application returns.
        self._mute = environ["REQUEST_METHOD"] == "HEAD"
        #: What the application has given to ``start_response``.
        self._head: ResponseHead | None = None
        self._head_sent = False
        #: Whether nothing more can be sent.
        self._over = False
        self._chunked = False
        #: Bytes that the headers promise and that have not been sent.
        self._left: int | None = None
        #: The body of the request.
        self.body = body
        #: Whether another request may follow on the connection.
        self.keep = keep
        #: Why the request was refused; None: it was not.
        self.refusal: Refused | BadBody | None = None
        #: Bytes of the answer's body that were sent.
        self.sent = 0

    @property
    def head(self) -> ResponseHead | None:
        """Status and headers of the answer, if there is one."""
        return self._head

    @property
    def begun(self) -> bool:
        """Whether the head of the answer was written."""
        return self._head_sent

    def run(self) -> None:
        """Let the application answer.

        Blocks:
            Until it has, and the kernel has all of it.
        """
        try:
            self._host.begin(self)
            self._answer()
        except PeerGone as exc:
            self.keep = False
            log.debug("a client went away: %s", exc)
        except (BadBody, Refused) as exc:
            self.refusal = exc
            self._fail(exc.status)
        except FAILURES as exc:
            # A boundary: an application is user code, and ends nothing but itself.
            self._report(exc)
            self._fail("500 Internal Server Error")
        except BaseException:
            self.keep = False
            raise
        finally:
            self._over = True
            self._host.finish(self)

    def _answer(self) -> None:
        result = self._app(self.environ, self.start_response)
        try:
            if self._host.taken:
                self.keep = False
            elif type(result) is list and not self._head_sent:
                self._send_whole(_joined(result))
            else:
                self._send_parts(result)
        finally:
            self._close(result)

    def _close(self, result: Any) -> None:
        close: Callable[[], object] | None = getattr(result, "close", None)
        if close is not None:
            try:
                close()
            except FAILURES as exc:
                # A boundary, as in ``run``; the answer has been sent already.
                self._report(exc)

    def _report(self, error: BaseException) -> None:
        """Write the traceback of ``error`` to the file that the operator chose."""
        try:
            self._errors.write(f"{traceback_text(error, error.__traceback__)}\n")
        except Exception:
            # A boundary: that file is the operator's, and may be full, or closed.
            log.exception("wsgi.errors cannot be written to")

    def _fail(self, status: str) -> None:
        self.keep = False
        if self._head_sent or self._host.taken:
            return
        self._head = ResponseHead(status, [])
        try:
            self._send_whole(b"")
        except PeerGone as exc:
            log.debug("a client went away: %s", exc)

    # ------------------------------------------------------------------ the answer

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Set the status and the headers; nothing is sent yet.

        Raises:
            TypeError, ValueError: They cannot be sent.
        """
        if exc_info is not None:
            try:
                if self._head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._head is not None:
            raise AssertionError("start_response was called twice without exc_info")
        self._head = ResponseHead(status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part of the body; before the first part, the headers.

        Blocks:
            Until the kernel has it.
        """
        if self._over:
            raise AssertionError("write was called after the end of the request")
        if not isinstance(data, bytes):
            raise TypeError(f"a part of the body is {shortened(data)}: give bytes")
        head = b"" if self._head_sent else self._write_head(None)
        if self._mute:
            data = b""
        elif self._left is not None:
            if len(data) > self._left:
                raise ValueError(
                    "the body is longer than its Content-Length: a part of "
                    f"{len(data)} bytes where {self._left} are left"
                )
            self._left -= len(data)
        if head:
            self._head_sent = True
            self._host.send(head)
        if data:
            self.sent += len(data)
            self._host.send(
                b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
            )

    def _send_parts(self, parts: Iterable[bytes]) -> None:
        if parts is None or isinstance(parts, (str, bytes)):
            raise TypeError(
                f"the application returned {shortened(parts)}: return a list of bytes, "
                "or an iterator that gives bytes"
            )
        for part in parts:
            if part or not isinstance(part, bytes):
                self.write(part)
        head = b"" if self._head_sent else self._write_head(0)
        if self._left and not self._mute:
            raise ValueError(
                f"the body is shorter than its Content-Length: {self._left} bytes are "
                "missing"
            )
        if head:
            self._head_sent = True
            self._host.send(head)
        elif self._chunked:
            self._host.send(b"0\r\n\r\n")

    def _send_whole(self, body: bytes) -> None:
        head = self._write_head(len(body))
        if self._mute:
            body = b""
        elif len(body) != self._left:
            raise ValueError(
                f"the body has {len(body)} bytes, but Content-Length is {self._left}: "
                "leave the header out"
            )
        self._head_sent = True
        self.sent = len(body)
        if len(body) > _ONE_PIECE:
            self._host.send(head)
            self._host.send(body)
        else:
            self._host.send(head + body)

    def _write_head(self, length: int | None) -> bytes:
        """Write the head of the answer; ``length`` is the whole body's, if known."""
        head = self._head
        if head is None:
            raise AssertionError("the application did not call start_response")
        if head.code < 200:
            raise AssertionError(f"{head.status!r} is not a final answer to a request")
        host = self._host
        if head.closes or host.closing or self.body.hopeless or host.withheld:
            # Without permission, a client may send its next request, or still the body.
            self.keep = False
        lines = [f"HTTP/1.1 {head.status}", *head.lines]
        self._frame(lines, head, length)
        if not self.keep:
            lines.append("Connection: close")
        elif self._old:
            lines.append("Connection: keep-alive")
        if not head.dated:
            lines.append(host.date())
        lines.append("\r\n")
        return "\r\n".join(lines).encode("latin-1")

    def _frame(self, lines: list[str], head: ResponseHead, length: int | None) -> None:
        """Decide how the client will know where the body ends."""
        if head.bodiless:
            self._mute = True
        elif head.length is not None:
            self._left = head.length
        elif self._mute:
            if length:
                lines.append(f"Content-Length: {length}")
        elif length is not None:
            self._left = length
            lines.append(f"Content-Length: {length}")
        elif self._old:
            self.keep = False
        else:
            self._chunked = True
            lines.append("Transfer-Encoding: chunked")


def _joined(parts: list[bytes]) -> bytes:
    for part in parts:
        if not isinstance(part, bytes):
            raise TypeError(
                f"the application returned a list with {shortened(part)}: give bytes, "
                "such as text.encode()"
            )
    return parts[0] if len(parts) == 1 else b"".join(parts)
