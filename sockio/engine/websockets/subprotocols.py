"""Subprotocols: which of those that a client offers for a WebSocket is agreed on.

None of them means anything to us. Clients that offer some want one in the answer, and
some send a token in this way.
Spec: RFC 6455, section 4.2.2.
"""

from __future__ import annotations

from collections.abc import Callable

from sockio.engine.http.request import Request
from sockio.engine.options import HandleProtocols
from sockio.errors import ConfigError, Forbidden, ProtocolError
from sockio.protocol.websocket.handshake import offered_protocols
from sockio.runtime import logs
from sockio.runtime.failures import shown
from sockio.runtime.surroundings import Surroundings

__all__ = ["Subprotocols"]

log = logs.get("engine.websockets")

_UNANSWERED = (
    "a client offers WebSocket subprotocols, and gevent-websocket's handler answers "
    "none: browsers give such connections up; serve with gunicorn -k gevent, with "
    "gevent.pywsgi's own handler or sockio's own run(); this is said once"
)


class Subprotocols:
    """How one server answers offered subprotocols."""

    def __init__(
        self, handle: HandleProtocols | None, around: Callable[[], Surroundings]
    ) -> None:
        """Make one for the option ``handle_protocols``.

        Args:
            handle: The application's function, if there is one.
            around: Returns what surrounds its calls.
        """
        self._handle = handle
        self._around = around
        self._warned = False

    def choose(self, request: Request) -> str | None:
        """Return the subprotocol to name in the answer to the handshake, or None.

        Raises:
            ProtocolError: The header is malformed, or ``handle_protocols`` failed.
            Forbidden: ``handle_protocols`` refused the client.

        Blocks:
            As long as ``handle_protocols`` does.
        """
        header = request.header("sec-websocket-protocol")
        if header is None:
            return None
        offered = offered_protocols(header)
        chosen = offered[0] if self._handle is None else self._ask(offered, request)
        if chosen is not None and request.environ.get("wsgi.websocket") is not None:
            # The server has sent the answer already.
            if not self._warned:
                self._warned = True
                log.warning(_UNANSWERED)
            return None
        return chosen

    def _ask(self, offered: tuple[str, ...], request: Request) -> str | None:
        handle = self._handle
        assert handle is not None
        try:
            args = (offered, request)
            chosen = self._around().call("http", handle, args, request=request)
            if chosen is None:
                return None
            if chosen in offered:
                return offered[offered.index(chosen)]
            # The text may be a secret token, so it is not shown.
            what = "a text" if isinstance(chosen, str) else repr(chosen)
            raise ConfigError(
                f"handle_protocols returned {what} that is not offered: return one of "
                "the offered texts, or None to answer none"
            )
        except Forbidden:
            raise
        except Exception as exc:
            # A boundary: handle_protocols is user code; in doubt the client stays out.
            log.error("handle_protocols failed", exc_info=shown(exc))
            raise ProtocolError("no subprotocol was agreed on") from exc
