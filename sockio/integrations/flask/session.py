"""Session: what ``flask.session`` is while an event is being handled.

With ``manage_session`` it is a copy, made when the client's first handler runs, which
the handlers of one connection share. Otherwise the application's own interface opens
it for each event, and saves it afterwards.
"""

from __future__ import annotations

from typing import Any

import flask
from flask.sessions import SessionMixin

from sockio.types import Environ

from .current import CURRENT

__all__ = ["ManagedSession", "Sessions"]

#: Where the environ of a connection keeps the copy.
KEY = "sockio.flask.session"


class ManagedSession(dict[str, Any], SessionMixin):
    """A copy of a user's session, for the handlers of one connection."""


class Sessions:
    """Opens and saves the sessions of one application."""

    def __init__(self, app: flask.Flask, *, managed: bool) -> None:
        self._app = app
        #: Whether handlers get a copy.
        self.managed = managed

    def before(self, context: Any, environ: Environ) -> None:
        """Give a context that is not pushed yet the copy, if there is one."""
        if self.managed and KEY in environ:
            _put(context, environ[KEY])

    def opened(self, context: Any, environ: Environ) -> None:
        """Make the copy, if there is none; the context has just been pushed."""
        if self.managed and KEY not in environ:
            environ[KEY] = ManagedSession(flask.session)
            _put(context, environ[KEY])

    def after(self) -> None:
        """Save the session as the application does after a request, where it can be.

        Blocks:
            As long as the application's interface does.
        """
        session = flask.session._get_current_object()  # type: ignore[attr-defined]
        if not self.managed and getattr(session, "modified", True):
            response = self._app.response_class()
            self._app.session_interface.save_session(self._app, session, response)

    def refresh(self) -> SessionMixin:
        """Read the session again, and forget the user that was read from it.

        Raises:
            RuntimeError: No event of a client is being handled.

        Blocks:
            As long as the application's interface does.
        """
        current = CURRENT.get(None)
        if current is None:
            raise RuntimeError(
                "refresh_session() reads the session of the client whose event is "
                "being handled, and here none is"
            )
        interface = self._app.session_interface
        request: flask.Request = current.context.request
        session: Any = interface.open_session(self._app, request)
        if session is None:
            session = interface.make_null_session(self._app)
        if self.managed:
            session = ManagedSession(session)
            current.socket.request.environ[KEY] = session
        _put(current.context, session)
        flask.g.pop("_login_user", None)  # where Flask-Login keeps it
        fresh: SessionMixin = session
        return fresh


def _put(context: Any, session: SessionMixin) -> None:
    # Flask 3.1.3 made the attribute private.
    name = "_session" if hasattr(context, "_session") else "session"
    setattr(context, name, session)
