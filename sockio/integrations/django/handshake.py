"""Handshake: the project's MIDDLEWARE runs on the first request of a connection.

The innermost middleware gets a response of ours, which stands for the engine's answer.
If it comes back, the engine answers, with the headers that were set on it. If another
one comes back, that is the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from django.core import signals
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import get_script_name
from django.db import close_old_connections, connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, set_script_prefix

from sockio.engine.admission import WEBTRANSPORT
from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.refusal_log import REFUSED
from sockio.engine.verify import Refusal, verify, verify_webtransport
from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.runtime.leftovers import belongs_to_a_test, close_connections
from sockio.runtime.patching import threads_are_greenlets
from sockio.runtime.refusals import ORIGIN_REFUSED
from sockio.socket.server.server import Server

from .checks import async_only_middlewares
from .origins import is_foreign
from .request import KEY, request_of

__all__ = ["Handshakes"]

log = logs.get("integrations.django")

_NOT_PATCHED = (
    "gevent has not patched this process: all handlers share the connections to the "
    "databases, and so their transactions, and a query stops the server; start it with "
    "manage.py runsocketio or gunicorn -k gevent"
)
#: What middlewares may not change in an answer of the engine: how it is framed, what it
#: contains, and for how long it is good.
_ENGINES_OWN = frozenset(
    {
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "expires",
        "last-modified",
        "transfer-encoding",
        "upgrade",
    }
)


class Welcome(HttpResponse):  # type: ignore[misc]
    """Stands for the engine's answer; no middleware may keep it."""

    def __init__(self) -> None:
        super().__init__(headers={"Cache-Control": "private, no-store, max-age=0"})


def connect(request: HttpRequest) -> Welcome:
    """Stand for the view that a handshake does not have."""
    return Welcome()


# The origin was checked, also for the method of WebTransport.
connect.csrf_exempt = True  # type: ignore[attr-defined]


class Chain(BaseHandler):  # type: ignore[misc]
    """The project's middlewares around ``connect``."""

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return our view in place of what the URLs say."""
        request.resolver_match = ResolverMatch(connect, (), {}, url_name="socket.io")
        return request.resolver_match

    def make_view_atomic(self, view: Any) -> Any:
        """Begin no transaction for our view, which uses no database."""
        return view


@contextmanager
def _open_connections() -> Iterator[None]:
    """Keep Django from closing the connections of a test, as its own client does."""
    both = signals.request_started, signals.request_finished
    for signal in both:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in both:
            signal.connect(close_old_connections)


class Handshakes:
    """The middleware of the engine that runs those of the project."""

    def __init__(self, io: Server[Any]) -> None:
        """Load MIDDLEWARE.

        Raises:
            ConfigError: One of the middlewares is async only.
        """
        wrong = async_only_middlewares()
        if wrong:
            raise ConfigError(
                f"the middleware {wrong[0]} is async only, and cannot run under "
                "gevent: use one that is sync_capable"
            )
        self._io = io
        self._warned = False
        #: To judge a request as the engine will do afterwards.
        self._options = replace(
            io.engine.options, allow_request=None, check_origin=False
        )
        self._chain = Chain()
        self._chain.load_middleware()

    def __call__(self, request: Request, response: Response) -> bool:
        """Run the middlewares if this is the first request of a connection.

        Returns:
            False: the client is refused.

        Blocks:
            As long as the middlewares do.
        """
        if request.query.get("sid"):
            return True
        engine = self._io.engine
        if engine.retry_after is not None or self._refusal(request) is not None:
            return True  # the engine says so itself
        self._warn(request)
        arguments = request, response
        call = engine.reactor.around.call
        passed: bool = call("http", self._run, arguments, request=request)
        return passed

    def _warn(self, request: Request) -> None:
        """Tell once if handlers may mix their transactions; not in tests."""
        if self._warned or "SERVER_SOFTWARE" not in request.environ:
            return
        self._warned = True
        has_database = any(
            each["ENGINE"] != "django.db.backends.dummy"
            for each in connections.settings.values()
        )
        if has_database and not threads_are_greenlets():
            log.warning(_NOT_PATCHED)

    def _refusal(self, request: Request) -> Refusal | None:
        engine = self._io.engine
        if WEBTRANSPORT in request.environ:
            return verify_webtransport(request, self._options)
        around = engine.reactor.around
        return verify(request, engine.sessions, self._options, around)

    def _run(self, request: Request, response: Response) -> bool:
        # What middlewares activate for the request, such as a language, ends with it.
        run = copy_context().run
        if belongs_to_a_test():
            with _open_connections():
                return run(self._run_in_context, request, response)
        try:
            return run(self._run_in_context, request, response)
        finally:
            close_connections()

    def _run_in_context(self, request: Request, response: Response) -> bool:
        set_script_prefix(get_script_name(request.environ))
        signals.request_started.send(sender=Chain, environ=request.environ)
        django = request_of(request.environ)
        answer = self._answer(request, django)
        if answer is None:
            return False
        answer._handler_class = Chain
        try:
            return self._use(answer, request, response, django)
        finally:
            answer.close()  # sends request_finished

    def _answer(self, request: Request, django: HttpRequest) -> HttpResponseBase | None:
        try:
            django.get_host()
        except SuspiciousOperation as exc:
            return response_for_exception(django, exc)
        cors = self._io.engine.options.cors
        if is_foreign(request, django, cors):
            origin, own = request.header("origin"), django.get_host()
            request.environ[REFUSED] = (
                ORIGIN_REFUSED,
                f"Origin {origin!r} is neither '{django.scheme}://{own}' nor in "
                "CSRF_TRUSTED_ORIGINS",
            )
            return None
        return self._chain.get_response(django)

    def _use(
        self,
        answer: HttpResponseBase,
        request: Request,
        response: Response,
        django: HttpRequest,
    ) -> bool:
        welcome = isinstance(answer, Welcome) and answer.status_code == 200
        if not welcome and "wsgi.websocket" in request.environ:
            log.debug("refused with status %d behind a 101", answer.status_code)
            return False
        for name, value in answer.items():
            if name.lower() == "vary":
                for field in value.split(","):
                    response.headers.vary(field.strip())
            elif not welcome or name.lower() not in _ENGINES_OWN:
                response.headers[name] = value
        for morsel in answer.cookies.values():
            response.headers.add("Set-Cookie", morsel.output(header="").strip())
        if welcome:
            request.environ[KEY] = django
            return True
        log.debug("MIDDLEWARE answered with status %d", answer.status_code)
        response.end(answer.status_code, b"".join(answer))
        return True
