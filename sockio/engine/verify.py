"""Verify: is this request acceptable? If not, with which code is it refused?

The checks run in a fixed order and the first failure wins.
Spec: Engine.IO protocol v4, "Connection establishment"; the codes are Node's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from sockio.errors import Forbidden
from sockio.protocol.engineio.dialect import dialect_of
from sockio.runtime.guards import passes
from sockio.runtime.surroundings import Surroundings

from .http.cors import origin_allowed
from .http.request import Request
from .options import EngineOptions
from .websockets import READY_MADE

UNKNOWN_TRANSPORT = 0
UNKNOWN_SID = 1
BAD_HANDSHAKE_METHOD = 2
BAD_REQUEST = 3
FORBIDDEN = 4
UNSUPPORTED_PROTOCOL_VERSION = 5

MESSAGES = {
    UNKNOWN_TRANSPORT: "Transport unknown",
    UNKNOWN_SID: "Session ID unknown",
    BAD_HANDSHAKE_METHOD: "Bad handshake method",
    BAD_REQUEST: "Bad request",
    FORBIDDEN: "Forbidden",
    UNSUPPORTED_PROTOCOL_VERSION: "Unsupported protocol version",
}

_BAD_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class Refusal(NamedTuple):
    """Why a request was not accepted."""

    code: int
    #: What was found, for ``connection_error`` listeners.
    context: dict[str, Any]

    @property
    def text(self) -> str:
        """What the client is told."""
        return str(self.context.get("message") or MESSAGES[self.code])


class Known(Protocol):
    """What must be known about a session to judge a request for it."""

    @property
    def protocol(self) -> int: ...
    @property
    def transport_name(self) -> str: ...


def verify(
    request: Request,
    sessions: Mapping[str, Known],
    options: EngineOptions,
    around: Surroundings,
) -> Refusal | None:
    """Judge ``request``; None: it is acceptable.

    Calls ``options.allow_request``, surrounded by ``around``, for a handshake that
    passed the checks before it.

    Blocks:
        As long as ``allow_request`` does.
    """
    query = request.query
    transport = query.get("transport")
    # WebTransport does not come as a plain request: see ``verify_webtransport``. What
    # is ready-made needs no transport of the network.
    offered = transport in options.transports or READY_MADE in request.environ
    if not offered or transport == "webtransport":
        return Refusal(UNKNOWN_TRANSPORT, {"transport": transport})
    if (refusal := _verify_origin(request)) is not None:
        return refusal
    sid = query.get("sid")
    if sid:
        return _verify_known(request, sid, sessions.get(sid))
    if request.method != "GET":
        return Refusal(BAD_HANDSHAKE_METHOD, {"method": request.method})
    if (transport == "websocket") is not request.is_upgrade:
        return Refusal(BAD_REQUEST, {"name": "TRANSPORT_HANDSHAKE_ERROR"})
    refusal = verify_allowed(request, options, around)
    if refusal is None and query.get("EIO") != "4" and not options.allow_eio3:
        return Refusal(UNSUPPORTED_PROTOCOL_VERSION, {"protocol": protocol_of(request)})
    return refusal


def verify_webtransport(request: Request, options: EngineOptions) -> Refusal | None:
    """Judge the CONNECT of a WebTransport session; the first packet is judged later."""
    if "webtransport" not in options.transports:
        return Refusal(UNKNOWN_TRANSPORT, {"transport": "webtransport"})
    return _verify_origin(request)


def protocol_of(request: Request) -> Literal[3, 4]:
    """The protocol revision that the request speaks; 3 where it does not say 4."""
    return dialect_of(request.query).protocol


def _verify_known(request: Request, sid: str, session: Known | None) -> Refusal | None:
    if session is None:
        return Refusal(UNKNOWN_SID, {"sid": sid})
    transport = request.query.get("transport")
    if not request.is_upgrade and (
        transport != session.transport_name or transport != "polling"
    ):
        return Refusal(
            BAD_REQUEST,
            {
                "name": "TRANSPORT_MISMATCH",
                "transport": transport,
                "previousTransport": session.transport_name,
            },
        )
    protocol = protocol_of(request)
    if protocol != session.protocol:
        return Refusal(
            BAD_REQUEST,
            {
                "name": "PROTOCOL_MISMATCH",
                "protocol": protocol,
                "previousProtocol": session.protocol,
            },
        )
    if request.is_upgrade and transport != "websocket":
        return Refusal(BAD_REQUEST, {"name": "TRANSPORT_HANDSHAKE_ERROR"})
    return None


def _verify_origin(request: Request) -> Refusal | None:
    origin = request.header("origin")
    if origin is not None and _BAD_HEADER.search(origin):
        return Refusal(BAD_REQUEST, {"name": "INVALID_ORIGIN", "origin": origin})
    return None


def verify_allowed(
    request: Request, options: EngineOptions, around: Surroundings
) -> Refusal | None:
    """Judge whether a new session may be opened: the origin, then ``allow_request``.

    Blocks:
        As long as ``allow_request`` does.
    """
    if options.check_origin and _is_foreign(request, options):
        return Refusal(
            FORBIDDEN,
            {"message": "Origin not allowed", "origin": request.header("origin")},
        )
    if options.allow_request is not None:
        allow = options.allow_request
        try:
            verdict = around.call("http", allow, (request,), request=request)
            if not passes(allow, verdict):
                return Refusal(FORBIDDEN, {})
        except Forbidden as exc:
            return Refusal(FORBIDDEN, {"message": str(exc)})
    return None


def _is_foreign(request: Request, options: EngineOptions) -> bool:
    """Tell whether a page that may not connect made the request, as far as it shows."""
    if "j" in request.query and request.header("origin") is None:
        # Script elements send no Origin, and any page can read what they load.
        return request.header("sec-fetch-site") != "same-origin"
    return not origin_allowed(request, options.cors)
