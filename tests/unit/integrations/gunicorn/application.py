"""A WSGI application, for the worker of gunicorn."""

from __future__ import annotations

from collections.abc import Iterable

from sockio.types import Environ, StartResponse


def hello(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    """Answer with the path."""
    start("200 OK", [("X-Answer", "yes: no")])
    return [environ["PATH_INFO"].encode()]


def tell(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    """Answer with the entry of the environ that the query names."""
    start("200 OK", [])
    return [repr(environ.get(environ["QUERY_STRING"])).encode()]


def fail(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    """Raise an error."""
    raise ZeroDivisionError("by the application")
