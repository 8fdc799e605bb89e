"""Refusal log: one line for each request that the engine turns away."""

from __future__ import annotations

from logging import INFO

from sockio.runtime import logs, refusals
from sockio.runtime.refusals import Cause
from sockio.runtime.repeats import Repeats

from .http.cors import mismatch
from .http.request import Request
from .http.request_fields import about
from .verify import (
    BAD_HANDSHAKE_METHOD,
    BAD_REQUEST,
    FORBIDDEN,
    MESSAGES,
    UNKNOWN_SID,
    UNKNOWN_TRANSPORT,
    UNSUPPORTED_PROTOCOL_VERSION,
    Refusal,
)

__all__ = ["REFUSED", "RefusalLog"]

log = logs.get("engine.server")

#: The key under which a middleware of ours may say why it refuses a request: the cause
#: and a sentence.
REFUSED = "sockio.refused"
#: By the name that a refusal has in its context, or by its code.
_CAUSES: dict[str | int, Cause] = {
    "MIDDLEWARE_FAILURE": refusals.MIDDLEWARE_FAILED,
    "MIDDLEWARE_REFUSAL": refusals.MIDDLEWARE_REFUSED,
    "TRANSPORT_HANDSHAKE_ERROR": refusals.HANDSHAKE_TRANSPORT,
    "INVALID_ORIGIN": refusals.BAD_ORIGIN,
    "TRANSPORT_MISMATCH": refusals.TRANSPORT_MISMATCH,
    "PROTOCOL_MISMATCH": refusals.PROTOCOL_MISMATCH,
    "ID_GENERATION_ERROR": refusals.ID_FAILED,
    UNKNOWN_TRANSPORT: refusals.TRANSPORT_UNKNOWN,
    UNKNOWN_SID: refusals.SESSION_UNKNOWN,
    BAD_HANDSHAKE_METHOD: refusals.HANDSHAKE_METHOD,
    BAD_REQUEST: refusals.WEBSOCKET_HANDSHAKE,
    FORBIDDEN: refusals.NOT_ALLOWED,
    UNSUPPORTED_PROTOCOL_VERSION: refusals.PROTOCOL_UNSUPPORTED,
}
_WRONG_SERVER = (
    "this request came in another native thread than the one the server lives in, or "
    "from a server that handles one request at a time; %s"
)


class RefusalLog:
    """The lines of one Engine.IO server."""

    def __init__(self) -> None:
        self._told_of_workers = False

    def refused(
        self,
        request: Request,
        refusal: Refusal,
        cause: Cause | None,
        repeats: Repeats,
        *,
        advertised: bool,
    ) -> None:
        """Tell of a request with an error in the sense of Engine.IO.

        Args:
            request: What was asked.
            refusal: Why it is refused.
            cause: The same for the log; None: the refusal says it.
            repeats: Counts the lines that clients cause.
            advertised: Whether other machines send requests for their sessions on.
        """
        told = request.environ.get(REFUSED)
        cause = cause or (told[0] if told else _cause_of(refusal))
        if cause is refusals.SESSION_UNKNOWN:
            # Once it is a warning; then it is known, or a client that was away.
            if self._told_of_workers or advertised:
                cause = cause._replace(level=INFO)
            self._told_of_workers = True
        level = cause.level_now(log, repeats)
        if log.isEnabledFor(level):
            detail = told[1] if told else _detail(request, refusal)
            log.log(
                level,
                "refused with code %d, %r: %s; %s",
                refusal.code,
                MESSAGES[refusal.code],
                detail,
                cause,
                extra=cause.fields(**about(request)),
            )

    def answered(self, request: Request, status: int, repeats: Repeats) -> None:
        """Tell of a handshake that a middleware answered in place of the engine."""
        if status < 300 or status == 304 or "sid" in request.query:
            return
        cause = refusals.MIDDLEWARE_ANSWERED
        level = cause.level_now(log, repeats)
        if log.isEnabledFor(level):
            extra = cause.fields(**about(request))
            log.log(level, "refused with status %d; %s", status, cause, extra=extra)

    def closing(self, request: Request, repeats: Repeats) -> None:
        """Tell of a client that comes when the server is closing."""
        cause = refusals.CLOSING
        level = cause.level_now(log, repeats)
        if log.isEnabledFor(level):
            extra = cause.fields(**about(request))
            log.log(level, "refused with status 503; %s", cause, extra=extra)

    def wrong_server(self, repeats: Repeats) -> None:
        """Tell that the WSGI server is none under which we work."""
        cause = refusals.WRONG_SERVER
        level = cause.level_now(log, repeats)
        log.log(level, _WRONG_SERVER, cause, extra=cause.fields())


def _cause_of(refusal: Refusal) -> Cause:
    code, context = refusal
    if code == FORBIDDEN and "origin" in context:
        return refusals.ORIGIN_REFUSED
    return _CAUSES[context.get("name", code)]


def _detail(request: Request, refusal: Refusal) -> str:
    """Return what was found, without the id of a session."""
    context = refusal.context
    if _cause_of(refusal) is refusals.ORIGIN_REFUSED:
        return f"check_origin: {mismatch(request)}"
    if context.get("name") == "TRANSPORT_HANDSHAKE_ERROR":
        return f"{context} under {request.environ.get('SERVER_SOFTWARE')!r}"
    return str({**context, "sid": "***"} if "sid" in context else context)
