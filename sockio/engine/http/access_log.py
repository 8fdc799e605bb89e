"""Access log: the id of a session is a secret, and stays out of the server's lines.

Whoever knows the ``sid`` of a session can take part in it. The WSGI server writes the
lines from what it keeps of the request: the sid is replaced there when we are done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sockio.httpd.masked import without_sid
from sockio.types import Environ, StartResponse, WSGIApp

__all__ = ["hide_sid", "serve_hiding_sid"]

#: Where gunicorn's access log and our own look.
_KEYS = ("RAW_URI", "REQUEST_URI", "QUERY_STRING")


def serve_hiding_sid(
    app: WSGIApp, environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    """Let ``app`` serve a request, then hide its sid. Blocks as long as ``app``."""
    try:
        return app(environ, start_response)
    finally:
        hide_sid(environ, start_response)


def hide_sid(environ: Environ, start_response: Any) -> None:
    """Remove the sid from what a server logs about a request that is answered."""
    for key in _KEYS:
        value = environ.get(key)
        if value and not _is_plain(value):
            environ[key] = without_sid(value)
    # gevent.pywsgi logs the request line that its handler keeps.
    handler = getattr(start_response, "__self__", None)
    line = getattr(handler, "requestline", None)
    if type(line) is str and not _is_plain(line):
        handler.requestline = without_sid(line)  # type: ignore[union-attr]


def _is_plain(line: str) -> bool:
    """Whether there is surely nothing to hide."""
    return "sid=" not in line and "%" not in line and line.isprintable()
