"""EngineServer: the WSGI callable; sessions by sid.

Each request runs through the middlewares, is verified, and ends at the transport of its
session; a WebSocket leaves the WSGI server for good.
Spec: Engine.IO protocols v4 and v3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sockio.errors import ConfigError, Forbidden, ProtocolError
from sockio.runtime import logs
from sockio.runtime.bell import BELL
from sockio.runtime.clock import Clock
from sockio.runtime.failures import shown
from sockio.runtime.hangup import hang_up
from sockio.runtime.ids import SessionIds
from sockio.runtime.listeners import EventEmitter, Listener, Listeners
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import NO_WEBSOCKET, Cause
from sockio.runtime.surroundings import Surroundings
from sockio.types import Environ, StartResponse

from . import websockets
from .admission import WEBTRANSPORT, Entrance, Incoming
from .direct_polling import DirectPolling
from .handover.elsewhere import Elsewhere
from .http import cookie, cors
from .http.access_log import serve_hiding_sid
from .http.client_socket import may_give_way, take_over
from .http.kept_request import KeptRequest
from .http.mount import Mount
from .http.request import Request
from .http.response import Response
from .intake import Tally
from .middlewares import HttpMiddleware, Middlewares, Verdict, WsgiMiddleware
from .options import EngineOptions, EngineSettings
from .refusal_log import RefusalLog
from .session import EngineSession
from .transports import polling_for, websocket_for
from .transports.polling import PollingTransport
from .transports.posts import HungUp
from .transports.transport import Transport
from .verify import (
    BAD_REQUEST,
    FORBIDDEN,
    MESSAGES,
    Refusal,
    protocol_of,
    verify,
)
from .websockets.subprotocols import Subprotocols

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logs.get("engine.server")


class ConnectionErrorInfo(NamedTuple):
    """What ``connection_error`` listeners get about a refused request."""

    req: Request
    code: int
    message: str
    context: dict[str, Any]


class EngineServer(EventEmitter):
    """An Engine.IO server: a WSGI callable, and the sessions it keeps.

    Events: ``connection(session)``, ``flush(session, packets)``, ``drain(session)`` in
    the session's greenlet; ``connection_error(info)``, ``initial_headers(headers,
    request)``, ``headers(headers, request)`` in the request's greenlet.
    """

    def __init__(
        self,
        options: EngineOptions | None = None,
        *,
        clock: Clock | None = None,
        reactor: Reactor | None = None,
        **settings: Unpack[EngineSettings],
    ) -> None:
        self._listeners = Listeners()
        self.options = options if options is not None else EngineOptions(**settings)
        self.reactor = reactor if reactor is not None else Reactor(clock)
        #: Open sessions by sid.
        self.sessions: dict[str, EngineSession] = {}
        #: Makes the ids of sessions that nobody else wants to make.
        self.ids = SessionIds()
        #: Makes the id of a new session; may be replaced.
        self.generate_id: Callable[[Request], str] = (
            self.options.generate_id or self.ids
        )
        #: Makes what a session keeps of its first request.
        self.keep: Callable[[Request], KeptRequest] = KeptRequest
        #: Called with each new session before any of its packets is handled.
        self.on_session: Callable[[EngineSession], object] = _nothing
        #: Called before the first request, in the hub that serves.
        self.on_start: Callable[[], object] = _nothing
        #: While set, new sessions are refused; clients may retry after this many
        #: seconds.
        self.retry_after: float | None = None
        #: Has other processes answer the requests for their sessions.
        self.elsewhere = Elsewhere()
        #: Counts what happened to all sessions.
        self.tally = Tally()
        self.middlewares = Middlewares(self._serve, self._around)
        self._direct = DirectPolling(self)
        self._subprotocols = Subprotocols(self.options.handle_protocols, self._around)
        self._refusals = RefusalLog()
        #: Somebody wants to see the packets of all sessions.
        self._watching = False
        self.entrance = Entrance(self)
        self._mount = Mount(self.handle_request, self.options.prefix)
        if self.options.cors is not None:
            own = not callable(self.options.cors.origin)
            self.middlewares.add(cors.middleware(self.options.cors), own=own)

    # ------------------------------------------------------------------ for users

    @property
    def clients(self) -> Mapping[str, EngineSession]:
        """Open sessions by sid; the caller must not change it."""
        return self.sessions

    @property
    def clients_count(self) -> int:
        """Number of open sessions."""
        return len(self.sessions)

    def use(self, middleware: HttpMiddleware | WsgiMiddleware) -> EngineServer:
        """Run ``middleware`` for every request, before it is verified.

        With two parameters it is called with the request and the response, in order of
        registration; it may end the response, or refuse the request by returning
        False. With one parameter it is a WSGI middleware: it is given an application
        and returns one, and runs outside those of the first kind.
        """
        self.middlewares.add(middleware)
        return self

    def _register(self, event: Any, handler: Any, **how: bool) -> Any:
        if event in ("flush", "drain"):
            self.watch_packets()
        return super()._register(event, handler, **how)

    def watch_packets(self) -> None:
        """Show the packets of all sessions to those who watch, and of new ones."""
        self._watching = True
        for session in self.sessions.values():
            session.be_watched()

    def unwatch_packets(self) -> None:
        """Nobody but listeners and the debug log wants to see packets any more."""
        if self.listener_count("flush") or self.listener_count("drain"):
            return
        self._watching = False
        for session in self.sessions.values():
            session.be_left_alone()

    @property
    def shortcut(self) -> DirectPolling | None:
        """What serves polling clients without WSGI, for our own HTTP server."""
        usual = type(self).handle_request is EngineServer.handle_request
        return self._direct if usual else None

    def start(self) -> None:
        """Start in the current hub; the first request does it if nobody has."""
        if not self.reactor.started:
            logs.configure_from_environment()
            self.reactor.start()
            self.on_start()

    def close(self) -> EngineServer:
        """Close every session at once."""
        for session in list(self.sessions.values()):
            session.close(discard=True)
        self.reactor.repeats.close()
        return self

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve the requests below ``options.path``; all others get 404."""
        return self._mount(environ, start_response)

    def handle_request(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request, whatever its path.

        Blocks:
            As long as the request takes; for a poll, until there is something to send.
        """
        self.start()
        if BELL.armed:
            BELL.ring()
        wrong = self.reactor.workers.elsewhere or (
            # Not a test's call, but a server that lets no hub run while it waits.
            self.reactor.in_root and "SERVER_SOFTWARE" in environ
        )
        if wrong:
            self._refusals.wrong_server(self.reactor.repeats)
            response = Response()
            response.end(500, b"Internal Server Error")
            return response.start(start_response, environ["REQUEST_METHOD"])
        if self.elsewhere:
            ending = self.retry_after is not None
            answer = self.elsewhere.answer(environ, start_response, ending=ending)
            if answer is not None:
                return answer
        return serve_hiding_sid(self.middlewares.app, environ, start_response)

    def on_webtransport_session(self, session: Incoming) -> None:
        """Serve a WebTransport session that a client asks for; returns at once."""
        self.start()
        self.entrance.receive(session)

    # ------------------------------------------------------------------ a request

    def _serve(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        request = Request(environ, self.options.trusted_proxies)
        response = Response()
        refusal = None
        verdict = self.middlewares.run(request, response)
        if verdict is Verdict.FAILED:
            refusal = Refusal(BAD_REQUEST, {"name": "MIDDLEWARE_FAILURE"})
        elif verdict is Verdict.REFUSED:
            refusal = Refusal(FORBIDDEN, {"name": "MIDDLEWARE_REFUSAL"})
        if refusal is None and WEBTRANSPORT in environ and not response.ended:
            refusal = self.entrance.serve(request, response)
        if refusal is None and response.ended:
            self._refusals.answered(request, response.status, self.reactor.repeats)
            return self._respond(request, response, start_response)
        if refusal is None:
            refusal = self._verify(request)
        session = self.sessions.get(request.query.get("sid", ""))
        sid = ""
        if refusal is None and session is None and self.retry_after is not None:
            self._refusals.closing(request, self.reactor.repeats)
            response.headers["Retry-After"] = str(math.ceil(self.retry_after))
            response.end(503, b"Service Unavailable")
            return self._respond(request, response, start_response)
        if refusal is None and session is None:
            sid, refusal = self.name_session(request, response)
        if refusal is not None:
            return self._refuse(request, response, start_response, refusal)
        if request.is_upgrade:
            return self._serve_websocket(
                request, response, start_response, session or sid
            )
        if session is None:
            transport = polling_for(request, self.options, self.reactor)
            session = self.open_session(sid, request, transport, protocol_of(request))
        polling: PollingTransport = session.transport  # type: ignore[assignment]
        try:
            polling.handle(request, response)
        except HungUp:
            return self._abandon(request, response, start_response)
        body = self._respond(request, response, start_response)
        return polling.unread.follow(request, body)

    def _verify(self, request: Request) -> Refusal | None:
        try:
            return verify(request, self.sessions, self.options, self.reactor.around)
        except Exception as exc:
            # A boundary: allow_request is user code; in doubt the client is refused.
            log.error("allow_request failed", exc_info=shown(exc))
            return Refusal(FORBIDDEN, {})

    def name_session(
        self, request: Request, response: Response
    ) -> tuple[str, Refusal | None]:
        """Make the id of a new session; set the headers that announce the session."""
        try:
            generate = self.generate_id
            if generate is self.ids:
                sid = generate(request)
            else:
                call = self.reactor.around.call
                sid = call("http", generate, (request,), request=request)
            if type(sid) is not str or not sid:
                raise ConfigError(f"generate_id returned {sid!r}: give text")
            if self.elsewhere and generate is not self.ids:
                sid = f"{sid}~{self.ids.tag}"
        except Exception as exc:
            # A boundary: generate_id is user code.
            log.error("generate_id failed", exc_info=shown(exc))
            context = {"name": "ID_GENERATION_ERROR", "error": exc}
            return "", Refusal(BAD_REQUEST, context)
        if self.options.cookie is not None:
            response.headers.add("Set-Cookie", cookie.header(self.options.cookie, sid))
        self._fire("initial_headers", response.headers, request)
        return sid, None

    def open_session(
        self,
        sid: str,
        request: Request,
        transport: Transport,
        protocol: Literal[3, 4] = 4,
    ) -> EngineSession:
        """Open a new session on ``transport``, and announce it."""
        kept = self.keep(request)
        session = EngineSession(
            sid, kept, transport, self.options, self.reactor, self, protocol
        )
        announced = bool(self._listeners.get("connection"))
        if self._watching or announced:
            session.be_watched()
        self.sessions[sid] = session
        self.on_session(session)
        session.open()
        if announced:
            session.fire_on_server("connection", session)
        return session

    def _serve_websocket(
        self,
        request: Request,
        response: Response,
        start_response: StartResponse,
        session: EngineSession | str,
    ) -> Iterable[bytes]:
        """Accept the WebSocket of a known ``session``, or of a new one with that id."""
        try:
            answer = websockets.check(request)
            protocol = self._subprotocols.choose(request)
            if protocol is not None:
                response.headers["Sec-WebSocket-Protocol"] = protocol
            self._fire("headers", response.headers, request)
            websocket = websockets.accept(
                request, self.reactor, self.options, [*answer, *response.header_lines()]
            )
        except ProtocolError as exc:
            refusal = Refusal(BAD_REQUEST, {"message": exc.reason})
            return self._refuse(request, response, start_response, refusal)
        except Forbidden as exc:
            refusal = Refusal(FORBIDDEN, {"message": str(exc)})
            return self._refuse(request, response, start_response, refusal)
        if websocket is None:
            refusal = Refusal(BAD_REQUEST, {"name": "TRANSPORT_HANDSHAKE_ERROR"})
            return self._refuse(
                request, response, start_response, refusal, NO_WEBSOCKET
            )
        transport = websocket_for(request, websocket, self.reactor)
        if isinstance(session, EngineSession):
            may_give_way(request.environ, session.try_upgrade(transport))
        else:
            self.open_session(session, request, transport, protocol_of(request))
        transport.start()
        return websocket.finish(start_response)

    # ------------------------------------------------------------------ answers

    def _respond(
        self, request: Request, response: Response, start_response: StartResponse
    ) -> Iterable[bytes]:
        response.prepare(request)
        self._fire("headers", response.headers, request)
        return response.start(start_response, request.method)

    def _abandon(
        self, request: Request, response: Response, start_response: StartResponse
    ) -> Iterable[bytes]:
        """End a request whose client is gone, without an answer where that is possible.

        A server that writes to a connection which has ended may log a traceback.
        """
        taken = take_over(request.environ)
        if taken is None:
            response.end(400, b"")
            return self._respond(request, response, start_response)
        hang_up(taken.sock)
        return taken.finish(start_response, "499 Client Closed Request")

    def _refuse(
        self,
        request: Request,
        response: Response,
        start_response: StartResponse,
        refusal: Refusal,
        cause: Cause | None = None,
    ) -> Iterable[bytes]:
        self.report_refusal(request, refusal, cause)
        if request.is_upgrade:
            return websockets.refuse(
                request, self.reactor, self.options, refusal.text, start_response
            )
        response.refuse(refusal.code, refusal.text)
        return self._respond(request, response, start_response)

    def report_refusal(
        self, request: Request, refusal: Refusal, cause: Cause | None = None
    ) -> None:
        """Log a refusal, and call the ``connection_error`` listeners."""
        code, context = refusal
        advertised = self.elsewhere.nodes is not None
        repeats = self.reactor.repeats
        self._refusals.refused(request, refusal, cause, repeats, advertised=advertised)
        observers = self.reactor.observers
        observers.tell("request_refused", request, code, MESSAGES[code])
        self._fire(
            "connection_error",
            ConnectionErrorInfo(request, code, MESSAGES[code], context),
        )

    # ------------------------------------------------------------------ sessions

    def on_session_closed(self, session: EngineSession) -> None:
        """A session has ended."""
        if self.sessions.get(session.id) is session:
            del self.sessions[session.id]

    def _around(self) -> Surroundings:
        return self.reactor.around

    def _call_listener(
        self, listener: Listener, args: tuple[Any, ...], by_name: Mapping[str, object]
    ) -> Any:
        return self.reactor.around.call(
            "http", listener.fn, args, by_name, event=listener.event
        )

    def fire(self, event: str, *args: Any) -> None:
        """Call the listeners of this server."""
        self._fire(event, *args)


def _nothing(*_: object) -> None:
    """Nobody wants to know."""
