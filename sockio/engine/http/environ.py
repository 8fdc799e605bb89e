"""What PEP 3333 wants to know of a request (pure)."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from sockio.types import Environ

from .request_head import RequestLine

__all__ = ["describe"]


def describe(
    environ: Environ, line: RequestLine, fields: dict[str, str], address: Any
) -> Environ:
    """Complete ``environ``, which says what all requests have in common.

    Args:
        environ: Is changed, and returned.
        fields: The headers, by their names in environ.
        address: The client's, as its socket gave it.
    """
    method, target, version = line
    environ["REQUEST_METHOD"] = method
    environ["SERVER_PROTOCOL"] = version
    environ["RAW_URI"] = target
    if not target.startswith("/") and "://" in target:
        # RFC 9112, 3.2.2: as sent to proxies, but any server must understand it.
        target = "/" + target.split("://", 1)[1].partition("/")[2]
    path, _, environ["QUERY_STRING"] = target.partition("?")
    if "%" in path:
        path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    environ["PATH_INFO"] = path
    if isinstance(address, tuple):
        environ["REMOTE_ADDR"] = address[0]
        environ["REMOTE_PORT"] = str(address[1])
    environ.update(fields)
    return environ
