"""DirectPolling: the requests of polling clients, served in the hub without WSGI.

This is for our own HTTP server, for open sessions, and for requests in which no code of
the application takes part. All other requests go through WSGI, which answers them
alike; so do requests that differ from what clients usually send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from logging import DEBUG
from typing import NamedTuple, Protocol

from sockio.httpd.request_head import Headers
from sockio.httpd.shortcut import Replying
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs
from sockio.runtime.reactor import Reactor

from .http.request import Request
from .http.response import Response
from .middlewares import Middlewares
from .options import EngineOptions
from .session import EngineSession
from .transports.polling import PollingTransport, TooLate

log = logs.get("engine.server")

_HTML = b"Content-Type: text/html"


class Sessions(Protocol):
    """What the shortcut needs of its server."""

    options: EngineOptions
    reactor: Reactor

    middlewares: Middlewares

    @property
    def sessions(self) -> Mapping[str, EngineSession]: ...
    def listener_count(self, event: str) -> int: ...


class Answers(NamedTuple):
    """How to answer a client's requests; this follows from its headers."""

    #: The header lines that all answers to it have.
    lines: bytes
    #: The encodings that the client can read.
    accepted: str | None


class DirectPolling:
    """The shortcut of one Engine.IO server."""

    def __init__(self, server: Sessions) -> None:
        self._server = server
        prefix = re.escape(server.options.prefix.encode())
        # Either the query that most clients send, or one with nothing to decode.
        self._usual = re.compile(
            rb"(GET|POST) %b\?"
            rb"(?:EIO=4&transport=polling(?:&t=[\w.~-]*)?&sid=([\w.~-]+)|([\w.~&=-]*))"
            rb" HTTP/1\.1" % prefix
        ).fullmatch

    def serve(
        self, line: bytes, headers: Headers, body: bytes, connection: Replying
    ) -> bool:
        """Answer a request now or later; False: it has to go through WSGI."""
        usual = self._usual(line)
        server = self._server
        if usual is None or not server.middlewares.own:
            return False
        method, sid, query = usual.groups()
        if sid is None and b"sid=" not in query:
            return False
        answers: Answers | bool | None = headers.memo
        if answers is None:
            answers = headers.memo = self._judge(headers) or False
        if not isinstance(answers, Answers):
            return False
        transport = self._transport(_sid_in(query.decode()) if sid is None else sid)
        if transport is None or server.listener_count("headers"):
            return False
        if method == b"GET":
            return self._poll(transport, answers, connection)
        if len(body) > server.options.max_http_buffer_size or not transport.receptive:
            return False
        self._post(transport, body, answers, connection)
        return True

    def _judge(self, headers: Headers) -> Answers | None:
        fields = headers.fields
        if log.isEnabledFor(DEBUG):  # the way through WSGI logs each request
            return None
        if (
            not headers.keep_alive("HTTP/1.1")
            or "HTTP_UPGRADE" in fields
            or "HTTP_EXPECT" in fields
            or "HTTP_HOST" not in fields
            or not fields.get("HTTP_ORIGIN", "a").isprintable()
            or fields.get("CONTENT_TYPE") == "application/octet-stream"
        ):
            return None
        response = Response()
        path = self._server.options.prefix
        request = Request({"REQUEST_METHOD": "GET", "PATH_INFO": path, **fields})
        self._server.middlewares.run(request, response)
        response.prepare(request)
        lines = tuple(response.header_lines())
        return _answers(lines, fields.get("HTTP_ACCEPT_ENCODING"))

    def _transport(self, sid: bytes) -> PollingTransport | None:
        """Return the transport of a session, if it polls and lives in this thread."""
        session = self._server.sessions.get(sid.decode())
        if session is None or self._server.reactor.workers.elsewhere:
            return None
        transport = session.transport
        return transport if type(transport) is PollingTransport else None

    def _poll(
        self, transport: PollingTransport, answers: Answers, connection: Replying
    ) -> bool:
        poll = DirectPoll(transport, answers, connection, self._server.reactor.soon)
        if not transport.park(poll):
            connection.reply(_response(b"400 Bad Request", answers, b"", connection))
        elif poll.ready:
            poll.answer()
        else:
            poll.waits = True
            connection.watch(transport.on_hangup, transport)
        return True

    def _post(
        self,
        transport: PollingTransport,
        body: bytes,
        answers: Answers,
        connection: Replying,
    ) -> None:
        def answer(complete: bool) -> None:
            if complete:
                data = _response(b"200 OK", answers, b"ok", connection, _HTML)
            else:
                data = _response(b"400 Bad Request", answers, b"", connection)
            connection.reply(data)

        batch = self._server.reactor.batch
        batch.begin()
        transport.deliver(body.decode("utf-8", "replace"), answer)
        batch.end()


class DirectPoll:
    """A GET that waits without a greenlet; others have a latch instead."""

    __slots__ = (
        "_answers",
        "_connection",
        "_soon",
        "_transport",
        "_wires",
        "ready",
        "waits",
    )

    def __init__(
        self,
        transport: PollingTransport,
        answers: Answers,
        connection: Replying,
        soon: Callable[..., None],
    ) -> None:
        self._transport = transport
        self._answers = answers
        self._connection = connection
        self._soon = soon
        self._wires: list[Wire] | None = None
        #: Whether it was set or failed.
        self.ready = False
        #: Whether it could not be answered at once.
        self.waits = False

    def set(self, value: list[Wire] | None) -> None:
        """Have the GET answered in the next pass of the loop."""
        if not self.ready:
            self.ready = True
            self._wires = value
            if self.waits:
                self._soon(self.answer)

    def fail(self, error: BaseException) -> None:
        """The client has gone, or came too late."""
        if not self.ready:
            self.ready = True
            self._soon(self._refuse if type(error) is TooLate else self._abandon)

    def answer(self) -> None:
        """Send the packets that are due now."""
        transport, answers = self._transport, self._answers
        transport.unpark()
        body, kind, encoding = transport.pack(
            transport.settle(self._wires), answers.accepted
        )
        line = b"Content-Type: " + kind.encode()
        if encoding is not None:
            line += b"\r\nContent-Encoding: " + encoding.encode()
        connection = self._connection
        data = _response(b"200 OK", answers, body, connection, line)
        connection.reply(data)
        if connection.sending:
            transport.unread.sending(partial(connection.cut, data))

    def _refuse(self) -> None:
        self._transport.unpark()
        connection, answers = self._connection, self._answers
        connection.reply(_response(b"400 Bad Request", answers, b"", connection))

    def _abandon(self) -> None:
        self._transport.unpark()
        self._connection.close()


def _sid_in(query: str) -> bytes:
    """Return the sid in a query for this transport and protocol; empty: none."""
    fields = dict([field.partition("=")[::2] for field in query.split("&")])
    if fields.get("transport") != "polling" or fields.get("EIO") != "4":
        return b""
    return fields.get("sid", "").encode()


@lru_cache(maxsize=256)
def _answers(lines: tuple[tuple[str, str], ...], accepted: str | None) -> Answers:
    """Return one object for all clients whose headers lead to the same answers."""
    text = "".join([f"{name}: {value}\r\n" for name, value in lines])
    return Answers(text.encode("latin-1"), accepted)


def _response(
    status: bytes,
    answers: Answers,
    body: bytes,
    connection: Replying,
    line: bytes | None = None,
) -> bytes:
    """Build an answer; ``line`` is one more header."""
    end = b"\r\nConnection: close\r\n\r\n" if connection.closing else b"\r\n\r\n"
    return b"HTTP/1.1 %b\r\n%b%bContent-Length: %d\r\n%b%b%b" % (
        status,
        answers.lines,
        b"" if line is None else line + b"\r\n",
        len(body),
        connection.date().encode(),
        end,
        body,
    )
