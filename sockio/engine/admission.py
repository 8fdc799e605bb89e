"""Admission: how a WebTransport session comes in.

Its CONNECT is a request like any other: middlewares see it, and may refuse it. Then its
first packet says what it is for: an ``open`` packet without data asks for a new
session, one with the id of a session asks to upgrade that session. A client that sends
anything else, or nothing within ``upgrade_timeout``, is refused. If another process of
this host has the session, it gets the stream, from the first packet on.
Spec: Engine.IO protocol v4, "WebTransport".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.failures import shown
from sockio.runtime.log_fields import About
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import CLOSING, WEBTRANSPORT_REFUSED, Cause
from sockio.runtime.repeats import Repeats
from sockio.types import Environ, StartResponse

from .handover.carried import CarriedStream
from .handover.elsewhere import Elsewhere
from .http.request import Request
from .http.request_fields import about
from .http.response import Response
from .options import EngineOptions
from .outbox import Outbox
from .session import EngineSession
from .transports.transport import Transport
from .transports.webtransport import ByteStream, WebTransportTransport
from .verify import FORBIDDEN, Refusal, verify_allowed, verify_webtransport

log = logs.get("engine.webtransport")

#: The key under which the environ of a CONNECT carries its session.
WEBTRANSPORT = "sockio.webtransport"
#: Packets that a client may send before its session is open.
MAX_HELD = 16


class Incoming(ByteStream, Protocol):
    """A WebTransport session whose CONNECT has not been answered."""

    @property
    def environ(self) -> Environ: ...
    def answer(self, status: int, headers: Sequence[tuple[str, str]] = ()) -> None: ...


class Host(Protocol):
    """What an entrance asks of its server."""

    options: EngineOptions
    reactor: Reactor
    retry_after: float | None
    elsewhere: Elsewhere

    @property
    def sessions(self) -> Mapping[str, EngineSession]: ...
    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]: ...
    def name_session(
        self, request: Request, response: Response
    ) -> tuple[str, Refusal | None]: ...
    def open_session(
        self, sid: str, request: Request, transport: Transport
    ) -> EngineSession: ...
    def report_refusal(self, request: Request, refusal: Refusal) -> None: ...


class Entrance:
    """Where the WebTransport sessions of one server come in."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def repeats(self) -> Repeats:
        """Counts the lines that clients cause."""
        return self._host.reactor.repeats

    def receive(self, session: Incoming) -> None:
        """Answer the CONNECT of a session, in a worker, since middlewares may block."""
        self._host.reactor.workers.spawn(self._answer, session)

    def serve(self, request: Request, response: Response) -> Refusal | None:
        """Accept a CONNECT that the middlewares let through, or return why not."""
        options = self._host.options
        session: Incoming = request.environ[WEBTRANSPORT]
        refusal = verify_webtransport(request, options)
        if refusal is None:
            transport = WebTransportTransport(
                session, options.max_http_buffer_size, self._host.reactor
            )
            admission = Admission(transport, request, self)
            admission.wait(self._host.reactor, options.upgrade_timeout)
            response.end(200)
        return refusal

    def admit_upgrade(self, sid: str, transport: Transport) -> bool:
        """Let a session try a transport; False: no such session, or too late."""
        session = self._host.sessions.get(sid)
        if session is None or session.protocol != 4:
            return False
        return session.try_upgrade(transport) is not None

    def receive_carried(self, stream: CarriedStream) -> None:
        """Let a client move to a stream that another process carries."""
        options = self._host.options
        transport = WebTransportTransport(
            stream, options.max_http_buffer_size, self._host.reactor
        )
        admission = Admission(transport, None, self)
        admission.wait(self._host.reactor, options.upgrade_timeout)

    def is_elsewhere(self, sid: str) -> bool:
        """Whether another process of this host may have a session."""
        streams = self._host.elsewhere.streams
        return streams is not None and streams.is_foreign(sid)

    def carry(self, sid: str, transport: WebTransportTransport, first: Packet) -> None:
        """Have another process read a stream, from ``first`` on, once it is paused."""
        self._host.reactor.soon(self._carry, sid, transport, first)

    def _carry(self, sid: str, transport: WebTransportTransport, first: Packet) -> None:
        given = transport.give_away(first)
        streams = self._host.elsewhere.streams
        if given is not None and streams is not None:
            streams.carry(sid, *given)

    def admit_session(self, admission: Admission, request: Request) -> None:
        """Open a session, in a worker, since user code is asked first."""
        self._host.reactor.workers.spawn(self._admit, admission, request)

    def _answer(self, session: Incoming) -> None:
        answers: list[tuple[int, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], *exc_info: Any
        ) -> None:
            answers.append((int(status.split()[0]), headers))

        session.environ[WEBTRANSPORT] = session
        try:
            body = self._host(session.environ, start_response)
            for _ in body:  # some applications call start_response only here
                pass
            if hasattr(body, "close"):
                body.close()
        except Exception:
            # A boundary: WSGI middlewares are user code, and the client gets an answer.
            log.exception("the answer to a CONNECT failed")
            answers[:] = [(500, [])]
        session.environ.pop(WEBTRANSPORT, None)  # a cycle otherwise
        session.answer(*answers[-1])

    def _admit(self, admission: Admission, request: Request) -> None:
        refusal = self._judge(request)
        sid = ""
        if refusal is None:
            if self._host.retry_after is not None:
                admission.refuse("status 503", CLOSING)
                return
            sid, refusal = self._host.name_session(request, Response())
        if refusal is not None:
            self._host.report_refusal(request, refusal)
            admission.turn_away()
        elif not admission.over:
            self._host.open_session(sid, request, admission.transport)
            admission.admitted()

    def _judge(self, request: Request) -> Refusal | None:
        try:
            return verify_allowed(
                request, self._host.options, self._host.reactor.around
            )
        except Exception as exc:
            # A boundary: allow_request is user code; in doubt the client is refused.
            log.error("allow_request failed", exc_info=shown(exc))
            return Refusal(FORBIDDEN, {})


class Admission:
    """The sink of a transport until its first packet has been judged."""

    def __init__(
        self,
        transport: WebTransportTransport,
        request: Request | None,
        entrance: Entrance,
    ) -> None:
        self.transport = transport
        #: The CONNECT; None: another process has answered it, and carries the stream.
        self._request = request
        #: The client has gone, was let in, or was refused.
        self.over = False
        self._entrance = entrance
        self._asked = False
        self._held: list[Packet] = []
        self._deadline: Timer | None = None

    def wait(self, reactor: Reactor, timeout: float) -> None:
        """Give the client ``timeout`` seconds for its first packet; returns at once."""
        self._deadline = reactor.deadline(timeout, self._on_deadline)
        self.transport.bind(Outbox(), self)
        self.transport.start()

    def on_packet(self, packet: Packet) -> None:
        """The first packet arrived, or another one while that is being judged."""
        if self.over:
            return
        if self._asked:
            self._held.append(packet)
            if len(self._held) > MAX_HELD:
                self.refuse("too much before the session was open")
        elif packet.type is not PacketType.OPEN:
            self.refuse(f"the first packet is {packet.type.name}")
        elif packet.data:
            self._upgrade(packet)
        elif self._request is None:
            self.refuse("new sessions are opened where they come in")
        else:
            self._asked = True
            self._entrance.admit_session(self, self._request)

    def on_message(self, data: str | bytes) -> None:
        """A message arrived, too early."""
        self.on_packet(Packet(PacketType.MESSAGE, data))

    def on_ready(self) -> None:
        """Nothing waits here to be sent."""

    def on_flushed(self, wires: list[Wire]) -> None:
        """Nothing is sent from here."""

    def unless_silent(self, fn: Callable[[], None]) -> None:
        """No request asks for packets here."""

    def on_lost(self, reason: str, description: object = None) -> None:
        """The client has gone."""
        self._finish()

    def admitted(self) -> None:
        """The transport has its session: hand on the packets that came meanwhile."""
        held, self._held = self._held, []
        self._finish()
        for packet in held:
            self.transport.sink.on_packet(packet)

    def refuse(self, why: str, cause: Cause = WEBTRANSPORT_REFUSED) -> None:
        """Log that the client is refused, and close its transport."""
        if not self.over:
            known: About = {} if self._request is None else about(self._request)
            level = cause.level_now(log, self._entrance.repeats)
            extra = cause.fields(**known)
            log.log(level, "refused: %s; %s", why, cause, extra=extra)
        self.turn_away()

    def turn_away(self) -> None:
        """Close the transport of a client of whom the log has a line."""
        if not self.over:
            self._finish()
            self.transport.close(_nothing, discard=True)

    def _upgrade(self, packet: Packet) -> None:
        sid = _sid_of(packet.data or "")
        if sid is not None and self._entrance.admit_upgrade(sid, self.transport):
            self._finish()
        elif sid is None or self._request is None:
            self.refuse("no session to upgrade")
        elif self._entrance.is_elsewhere(sid):
            self.transport.pause()
            self._finish()
            self._entrance.carry(sid, self.transport, packet)
        else:
            self.refuse("no session to upgrade")

    def _on_deadline(self) -> None:
        self._deadline = None
        self.refuse("no first packet in time")

    def _finish(self) -> None:
        self.over = True
        self._held.clear()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _sid_of(data: str | bytes) -> str | None:
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    sid = fields.get("sid") if isinstance(fields, dict) else None
    return sid if isinstance(sid, str) else None


def _nothing() -> None:
    """Nobody waits until the transport has closed."""
