"""Passport: the header under which one node gives another a client's request.

It has the secret that only the nodes know, and what the node that has the client's
connection knows of it. A client that sends such a header itself is not believed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import NamedTuple

from sockio.types import Environ

__all__ = ["KEY", "NAME", "Origin", "read", "write"]

#: The header, as it is sent, and as WSGI names it.
NAME = "X-Sockio-Passport"
KEY = "HTTP_X_SOCKIO_PASSPORT"

_ADDRESS = re.compile(r"[0-9A-Za-z.:%_-]+")
_PORT = re.compile(r"[0-9]{1,5}")
#: For what is not known.
_NOTHING = "-"


class Origin(NamedTuple):
    """Where a request comes from, as the server says that its client speaks to."""

    scheme: str
    #: Empty: a Unix socket.
    address: str
    #: Empty: not known.
    port: str

    @classmethod
    def of(cls, environ: Environ) -> Origin:
        """Return what a server says in its ``environ``."""
        return cls(
            "https" if environ.get("wsgi.url_scheme") == "https" else "http",
            _known(_ADDRESS, environ.get("REMOTE_ADDR")),
            _known(_PORT, environ.get("REMOTE_PORT")),
        )

    def put_into(self, environ: Environ) -> None:
        """Have ``environ`` say it."""
        environ["wsgi.url_scheme"] = self.scheme
        environ["REMOTE_ADDR"] = self.address
        environ["REMOTE_PORT"] = self.port


def _known(form: re.Pattern[str], value: object) -> str:
    text = str(value or "")
    return text if form.fullmatch(text) and text != _NOTHING else ""


def write(secret: str, origin: Origin) -> bytes:
    """Return the line of the header."""
    parts = [part or _NOTHING for part in origin]
    return f"{NAME}: {' '.join([secret, *parts])}".encode("ascii")


def read(value: str, secrets: Iterable[str]) -> Origin | None:
    """Return what a header says; None: whoever has sent it is no node.

    Args:
        value: Of the header.
        secrets: Those that nodes may use.
    """
    secret, *parts = value.encode("latin-1", "replace").split(b" ")
    # All of them are compared, in a time that tells nothing.
    known = [hmac.compare_digest(secret, each.encode()) for each in secrets]
    if not any(known) or len(parts) != len(Origin._fields):
        return None
    scheme, address, port = (part.decode("latin-1") for part in parts)
    if scheme not in ("http", "https"):
        return None
    return Origin(scheme, _known(_ADDRESS, address), _known(_PORT, port))
