"""An HTTP/3 request as a PEP 3333 environ (pure)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from sockio.runtime.standard_streams import errors
from sockio.types import Environ

__all__ = ["Header", "environ_of"]

#: Name, in lower case, and value.
Header: TypeAlias = tuple[bytes, bytes]

#: Headers that have no ``HTTP_`` in front in an environ.
_BARE = ("CONTENT_TYPE", "CONTENT_LENGTH")


def environ_of(headers: Sequence[Header], peer: tuple[str, int]) -> Environ:
    """Describe a request without a body.

    Args:
        headers: As they came; names are valid, since the HTTP/3 layer judged them.
        peer: Address and port of the client.
    """
    fields = {name: value.decode("latin-1") for name, value in headers}
    authority = fields.get(b":authority", "")
    target = fields.get(b":path") or "/"
    path, _, query = target.partition("?")
    host, _, port = authority.rpartition(":")
    if not port.isdigit():
        host, port = authority, "443"
    environ: Environ = {
        "REQUEST_METHOD": fields.get(b":method", ""),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/3",
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "HTTP_HOST": authority,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": errors(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        # A header with an underscore could pass for another one with a hyphen. And the
        # authority names the host, not a ``host`` header beside it.
        if name.startswith(b":") or b"_" in name or name == b"host":
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in _BARE:
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in environ:
            between = "; " if name == b"cookie" else ","
            text = f"{environ[key]}{between}{text}"
        environ[key] = text
    return environ
