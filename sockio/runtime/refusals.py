"""Refusals: why clients are turned away, with a code and a hint for the operator each.

Each refusal is one line of the log, which ends with the code and the hint. Of refusals
for the same cause the first one in a minute is written, see ``Repeats``.
"""

from __future__ import annotations

from logging import DEBUG, ERROR, INFO, WARNING, Logger
from typing import TYPE_CHECKING, NamedTuple

from .log_fields import About, fields
from .repeats import Repeats

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["CAUSES", "Cause"]

#: By code.
CAUSES: dict[str, Cause] = {}


class Cause(NamedTuple):
    """Why a client is turned away."""

    #: Stays the same from release to release.
    code: str
    #: What the operator can do about it.
    hint: str
    level: int = INFO

    def __str__(self) -> str:
        return f"code={self.code}, hint: {self.hint}"

    def level_now(self, log: Logger, repeats: Repeats, part: str = "") -> int:
        """Return at which level ``log`` is to write a refusal now.

        Args:
            log: The logger that will write it.
            repeats: Counts the lines that clients cause.
            part: Of the cause, if each has a line of its own.
        """
        return repeats.level(log, self.level, self.code, part)

    def fields(self, **about: Unpack[About]) -> dict[str, object]:
        """Return the fields of a refusal, for ``extra=``."""
        return fields(code=self.code, hint=self.hint, **about)


def _cause(code: str, hint: str, level: int = INFO) -> Cause:
    CAUSES[code] = cause = Cause(code, hint, level)
    return cause


# ---------------------------------------------------------------- connections, requests
TLS_FAILED = _cause(
    "tls-failed",
    "the client does not trust the certificate, speaks no common version of TLS, or no "
    "TLS at all",
)
TLS_TIMEOUT = _cause("tls-timeout", "the client was silent for tls_timeout")
BAD_REQUEST = _cause(
    "bad-request", "a scanner, or a proxy that changes requests: compare its settings"
)
REQUEST_TOO_LARGE = _cause(
    "request-too-large",
    "if such requests are to be served, give a larger limit",
    WARNING,
)
REQUEST_TIMEOUT = _cause(
    "request-timeout", "the client was silent for head_timeout or body_timeout"
)
NOT_FOUND = _cause(
    "not-found",
    "compare the client's path with path= of the server; or a scanner",
    DEBUG,
)
CLOSING = _cause(
    "server-closing", "the server drains or ends; clients come back to another process"
)
WRONG_SERVER = _cause(
    "wrong-server",
    "serve with gevent: gunicorn -k gevent, gevent.pywsgi or sockio's own run()",
    ERROR,
)
PROCESS_GONE = _cause(
    "process-gone",
    "the process that had the session has ended: after a restart this is harmless",
)
PROCESS_UNREACHABLE = _cause(
    "process-unreachable",
    "another process has the session, and does not answer: is it overloaded?",
)

# ---------------------------------------------------------------- Engine.IO
TRANSPORT_UNKNOWN = _cause(
    "transport-unknown",
    "not in transports=, or no request of a Socket.IO client",
)
SESSION_UNKNOWN = _cause(
    "session-unknown",
    "a client asked for a session that nobody has here: several workers? They are one "
    "server if they are gunicorn's on one host, or those of run(workers=); else they "
    "need sticky sessions, or Server(advertise=...) with a broker, see "
    "docs/scaling.rst (after a restart, or from a client that was away for long, this "
    "is harmless)",
    WARNING,
)
HANDSHAKE_METHOD = _cause("handshake-method", "the first request has to be a GET")
HANDSHAKE_TRANSPORT = _cause(
    "handshake-transport",
    "transport=websocket without an upgrade, or an upgrade without it: does the proxy "
    "pass the Upgrade header on?",
)
BAD_ORIGIN = _cause("bad-origin", "the Origin header has characters that it cannot")
TRANSPORT_MISMATCH = _cause(
    "transport-mismatch", "the client polls a session that uses another transport"
)
PROTOCOL_MISMATCH = _cause(
    "protocol-mismatch", "the client has changed EIO= within its session"
)
ID_FAILED = _cause("id-failed", "generate_id failed: its traceback is in the log")
WEBSOCKET_HANDSHAKE = _cause(
    "websocket-handshake",
    "no proper WebSocket handshake: a proxy that drops its headers, or a scanner",
)
NO_WEBSOCKET = _cause(
    "no-websocket",
    "no WebSocket can be had from this WSGI server, clients stay on polling; serve "
    "with gunicorn -k gevent, gevent.pywsgi or sockio's own run()",
    ERROR,
)
MIDDLEWARE_FAILED = _cause(
    "middleware-failed",
    "a function given to engine.use failed: its traceback is in the log",
)
MIDDLEWARE_REFUSED = _cause(
    "middleware-refused", "a function given to engine.use refused the request"
)
MIDDLEWARE_ANSWERED = _cause(
    "middleware-answered",
    "a middleware answered in place of the server: a redirect, a login page, an error",
)
ORIGIN_REFUSED = _cause(
    "origin-refused",
    "if its pages are to connect, allow the origin in cors= (Django: "
    "CSRF_TRUSTED_ORIGINS); behind a proxy, see trusted_proxies=",
    WARNING,
)
NOT_ALLOWED = _cause(
    "not-allowed", "allow_request or handle_protocols refused the client, or failed"
)
PROTOCOL_UNSUPPORTED = _cause(
    "protocol-unsupported", "a client of Socket.IO 2 needs Server(allow_eio3=True)"
)
UPGRADE_FAILED = _cause(
    "upgrade-failed",
    "the client stays on its first transport; does the proxy pass WebSockets on?",
)
BAD_POLLING = _cause(
    "bad-polling",
    "no client does so: a script, or a proxy that sends requests twice",
)
MESSAGE_TOO_LARGE = _cause(
    "message-too-large", "if such messages are to be taken, raise max_http_buffer_size"
)
WEBTRANSPORT_REFUSED = _cause(
    "webtransport-refused", "the client does not speak Engine.IO over WebTransport"
)
QUIC_REFUSED = _cause(
    "quic-refused", "max_connections of listen_webtransport is reached, or an attack"
)

# ---------------------------------------------------------------- Socket.IO
NAMESPACE_UNKNOWN = _cause(
    "namespace-unknown", "there is no io.of() of that name, or its predicate refused it"
)
NAMESPACE_REFUSED = _cause(
    "namespace-refused", "a middleware given to use() refused the client"
)
NAMESPACE_FAILED = _cause(
    "namespace-failed",
    "a middleware given to use() failed: its traceback is in the log",
)
NO_NAMESPACE = _cause(
    "no-namespace", "the client joined no namespace within connect_timeout"
)
EVENT_REJECTED = _cause(
    "event-rejected",
    "the client sends other arguments than the handler takes: compare them",
    WARNING,
)
BAD_PACKET = _cause(
    "bad-packet", "the client uses another parser=, or is no Socket.IO client", DEBUG
)
PROTOCOL_VIOLATED = _cause(
    "protocol-violated",
    "the client does not keep to the protocol of Socket.IO",
    DEBUG,
)
