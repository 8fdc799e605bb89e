"""Environ: what PEP 3333 wants to know about a request (pure)."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from sockio.types import Environ

from .request_target import RequestLine

__all__ = ["common_environ", "describe", "host_of"]


def host_of(address: Any) -> str | None:
    """Return the host in a client's address; None: a Unix socket has none."""
    return address[0] if isinstance(address, tuple) else None


def common_environ(address: Any, *, secure: bool) -> Environ:
    """Return what all requests to a server have in common.

    Args:
        address: Where it listens, as its socket gives it.
        secure: Whether it speaks TLS.
    """
    named = isinstance(address, tuple)
    return {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "sockio",
        # A Unix socket has neither, and PEP 3333 wants both.
        "SERVER_NAME": address[0] if named else "localhost",
        "SERVER_PORT": str(address[1]) if named else "80",
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if secure else "http",
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


def describe(
    environ: Environ, line: RequestLine, fields: dict[str, str], address: Any
) -> Environ:
    """Complete ``environ``, which says what all requests have in common.

    Args:
        environ: Is changed, and returned.
        fields: The headers, by their names in environ.
        address: The client's, as its socket gave it.
    """
    environ["REQUEST_METHOD"] = line.method
    environ["SERVER_PROTOCOL"] = line.version
    environ["RAW_URI"] = line.target
    environ["QUERY_STRING"] = line.query
    path = line.path
    if "%" in path:
        path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    environ["PATH_INFO"] = path
    if isinstance(address, tuple):
        environ["REMOTE_ADDR"] = address[0]
        environ["REMOTE_PORT"] = str(address[1])
    environ.update(fields)
    if line.authority is not None:
        # RFC 9112, 3.2.2: the host in the target replaces that of the header.
        environ["HTTP_HOST"] = line.authority
    if line.version == "HTTP/1.0":
        # RFC 9110, 7.8 and 10.1.1: HTTP 1.0 knows neither of these.
        environ.pop("HTTP_UPGRADE", None)
        environ.pop("HTTP_EXPECT", None)
    return environ
