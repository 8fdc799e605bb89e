"""Pages: the WSGI callables of an application, with Socket.IO in front."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.debug import DebuggedApplication

from sockio.integrations.front import Front, Pages
from sockio.socket.server.server import Server

__all__ = ["Front", "mount", "show_failures"]

_ADVICE = (
    "Flask's development server runs each request in a native thread, where Socket.IO "
    "cannot work. Start the application with socketio.run(app), which has the reloader "
    "and the debugger too; or make this the first line of the program: "
    "from gevent import monkey; monkey.patch_all()"
)


def show_failures(pages: Pages) -> None:
    """Answer a request that fails with Werkzeug's page for debugging."""
    if not isinstance(pages.app, DebuggedApplication):
        pages.app = DebuggedApplication(pages.app, evalex=True)


def mount(io: Server[Any], app: flask.Flask) -> Front:
    """Serve a server in front of an application, whatever serves that."""
    front = Front(io, Pages(app.wsgi_app), "Werkzeug/", _ADVICE)
    app.wsgi_app = front  # type: ignore[method-assign]
    return front
