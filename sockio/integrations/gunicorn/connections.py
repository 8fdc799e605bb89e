"""WorkerConnections: the connections of a listening socket of gunicorn's worker.

It does what gunicorn's settings say for each request: hooks, the access log and statsd,
``max_requests``, ``keepalive``, trusted proxies. Where any of these has to see each
request, the polls of open sessions are served through WSGI, too.
"""

from __future__ import annotations

import io
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol

from gunicorn import SERVER_SOFTWARE
from gunicorn.glogging import Logger
from gunicorn.http.wsgi import FileWrapper, WSGIErrorsWrapper

from sockio.httpd.connection import CONNECTION
from sockio.httpd.connections import Connections
from sockio.httpd.environ import common_environ
from sockio.httpd.exchange import Exchange
from sockio.httpd.masked import loggable
from sockio.httpd.request_head import Headers
from sockio.httpd.shortcut import Replying, Shortcut
from sockio.runtime import logs
from sockio.types import WSGIApp

from .hooked import HookedRequest, HookedResponse
from .proxies import Proxies
from .settings import NAMES, http_options, is_own

__all__ = ["WorkerConnections"]

log = logs.get("server")


class Serving(Protocol):
    """The worker, as its connections need it."""

    cfg: Any
    log: Any
    wsgi: WSGIApp
    max_requests: int

    def count(self) -> None:
        """Count a request."""


class WorkerConnections(Connections):
    """Those that came in on one listening socket."""

    def __init__(self, worker: Serving, address: Any, *, secure: bool) -> None:
        """Serve the application of ``worker``.

        Args:
            address: Where the socket listens, as it says itself.
            secure: Whether it speaks TLS.
        """
        cfg = worker.cfg
        environ = common_environ(address, secure=secure) | {
            "SERVER_SOFTWARE": SERVER_SOFTWARE,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.multiprocess": cfg.workers > 1,
            "wsgi.multithread": True,
        }
        super().__init__(
            worker.wsgi,
            http_options(cfg),
            environ,
            listener=address,
            error_log=_ErrorLog(cfg),
        )
        self._worker = worker
        self._proxies = Proxies(cfg)
        self._before = cfg.pre_request if is_own(cfg, "pre_request") else None
        self._after = cfg.post_request if is_own(cfg, "post_request") else None
        self._logs = _has_access_log(worker.log)
        if not (self._sees_all or cfg.keepalive == 0):
            self.use_shortcut_of(worker.wsgi)

    @property
    def _sees_all(self) -> bool:
        """Whether somebody wants to know of each request."""
        return bool(self._before or self._after or self._logs)

    def use_shortcut_of(self, app: WSGIApp | None) -> None:
        super().use_shortcut_of(app)
        if self.shortcut is not None:
            self.shortcut = _Counted(self.shortcut, self._worker)

    def name_of(self, option: str) -> str:
        return f"{NAMES[option]} to gunicorn"

    def begun(self, exchange: Exchange) -> None:
        environ = exchange.environ
        connection = environ[CONNECTION]
        if self._worker.cfg.keepalive == 0:
            exchange.keep = False
        # A Unix socket has none, and gunicorn's applications look for it.
        environ.setdefault("REMOTE_ADDR", "")
        block = connection.heads.headers.block
        self._proxies.tell(environ, connection.address, block)
        if self._sees_all:
            request = HookedRequest(environ, connection)
            exchange.memo = (request, monotonic())
            if self._before is not None:
                self._before(self._worker, request)

    def ended(self, address: Any, exchange: Exchange, *, logged: bool) -> None:
        super().ended(address, exchange, logged=logged)
        worker = self._worker
        if logged:
            worker.count()
        if exchange.memo is None:
            return
        request, start = exchange.memo
        try:
            response = HookedResponse(exchange)
            if self._logs and logged:
                seconds = timedelta(seconds=monotonic() - start)
                environ = loggable(exchange.environ)
                worker.log.access(response, request, environ, seconds)
            if self._after is not None:
                self._after(worker, request, exchange.environ, response)
        except Exception:
            # A boundary: the log and the hook are the operator's code.
            log.exception("gunicorn's access log or post_request failed")


class _Counted:
    """A shortcut whose requests the worker counts."""

    def __init__(self, shortcut: Shortcut, worker: Serving) -> None:
        self._serve = shortcut.serve
        self._worker = worker

    def serve(
        self, line: bytes, headers: Headers, body: bytes, connection: Replying
    ) -> bool:
        if self._serve(line, headers, body, connection):
            self._worker.count()
            return True
        return False


class _ErrorLog(io.TextIOBase):
    """The file ``wsgi.errors``: gunicorn's error log, whatever file that is by now."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg

    def write(self, text: str) -> int:
        WSGIErrorsWrapper(self._cfg).write(text)
        return len(text)


def _has_access_log(log: Any) -> bool:
    """Whether a logger of gunicorn's wants requests; statsd does."""
    own = type(log).access is not Logger.access
    return own or bool(getattr(log, "access_log_enabled", True))
