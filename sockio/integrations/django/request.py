"""Request: what a socket keeps of its handshake, with what Django knows of it."""

from __future__ import annotations

import io
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from sockio.engine.http.kept_request import KeptRequest, without_server
from sockio.errors import ConfigError
from sockio.types import Environ

__all__ = ["KEY", "DjangoRequest", "request_of"]

#: Where the environ of a handshake has Django's request.
KEY = "sockio.django"


def request_of(environ: Environ) -> HttpRequest:
    """Return Django's request for a handshake; it does not keep the connection."""
    return WSGIRequest({**without_server(environ), "wsgi.input": io.BytesIO()})


class DjangoRequest(KeptRequest):
    """The request of a handshake; its user and session are Django's."""

    __slots__ = ()

    @property
    def django(self) -> Any:
        """Django's ``HttpRequest``, as the middlewares left it."""
        return self.environ[KEY]

    @property
    def session(self) -> Any:
        """The session, as it was first read; ``save()`` it if you change it."""
        return self._set_by("session", "SessionMiddleware")

    @property
    def user(self) -> Any:
        """The user, as first read; see ``Socket.refresh_user``."""
        return self._set_by("user", "AuthenticationMiddleware")

    def _set_by(self, name: str, middleware: str) -> Any:
        request = self.django
        if not hasattr(request, name):
            raise ConfigError(
                f"request.{name}: no middleware has set it; {middleware} does"
            )
        return getattr(request, name)

    def refresh_user(self) -> Any:
        """Read the session again, and the user it belongs to; return the user.

        A user who is not in the session, but was set by another middleware, is read
        again from the database.

        Blocks:
            As long as the database does.
        """
        from django.contrib import auth
        from django.contrib.auth.models import AnonymousUser

        request = self.django
        former = self.user
        known: Any = request.__dict__.get("session")
        by_session = False
        if known is not None:
            by_session = auth.SESSION_KEY in known
            request.session = type(known)(known.session_key)
        if by_session or not former.is_authenticated:
            request.user = auth.get_user(request)
        else:
            found = type(former)._default_manager.filter(pk=former.pk).first()
            is_known = found is not None and getattr(found, "is_active", True)
            request.user = found if is_known else AnonymousUser()
        request._cached_user = request.user
        return request.user
