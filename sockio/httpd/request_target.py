"""The first line of a request: its method, its target and the host in it (pure).

Spec: RFC 9112 "Request Line", "Request Target"; RFC 3986 "Authority".
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import NamedTuple

__all__ = ["RequestLine", "is_host", "parse_request_line"]

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
#: Allows what browsers do not escape in a target, although some of it should be.
_USUAL = re.compile(rf"({_TOKEN}) ((/[!\"$->@-~]*)(?:\?([!\"$-~]*))?) (HTTP/1\.[01])")
_UNUSUAL = re.compile(rf"({_TOKEN}) ([!\"$-~]+) (HTTP/1\.[01])")
#: The form of requests to proxies, which every server must understand. WebSockets have
#: schemes of their own.
_ABSOLUTE = re.compile(r"(?i:https?|wss?)://([^/?]+)(/[^?]*)?(?:\?(.*))?")
_HOST = re.compile(
    r"(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
    r"|\[([0-9A-Fa-f:.]+)\]"
    r"|\[[vV][0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:-]+\]",
    re.ASCII,
)
_PORT = re.compile(r":[0-9]*\Z")


class RequestLine(NamedTuple):
    """The first line of a request."""

    method: str
    #: As it was sent.
    target: str
    version: str
    #: Not decoded; empty if the request is about the whole server (``OPTIONS *``).
    path: str
    query: str
    #: Host and port, if the target names them; they replace those of the header.
    authority: str | None = None


def parse_request_line(line: bytes) -> RequestLine | None:
    """Take the first line apart; None: it is not one of HTTP 1.0 or 1.1.

    Args:
        line: The line without its line break.
    """
    text = line.decode("latin-1")
    found = _USUAL.fullmatch(text)
    if found is None:
        return _unusual(text)
    method, target, path, query, version = found.groups("")
    return RequestLine(method, target, version, path, query)


def _unusual(line: str) -> RequestLine | None:
    found = _UNUSUAL.fullmatch(line)
    if found is None:
        return None
    method, target, version = found.groups()
    if method == "CONNECT":
        named = is_host(target) and _PORT.search(target) is not None
        return RequestLine(method, target, version, "", "", target) if named else None
    if target == "*":
        whole = method == "OPTIONS"
        return RequestLine(method, target, version, "", "") if whole else None
    url = _ABSOLUTE.fullmatch(target)
    if url is None or not is_host(url[1]) or url[1].startswith(":"):
        return None
    path, query = url[2] or "/", url[3] or ""
    return RequestLine(method, target, version, path, query, url[1])


def is_host(text: str) -> bool:
    """Tell whether a text is a host, perhaps an empty one, with or without a port."""
    port = _PORT.search(text)
    found = _HOST.fullmatch(text, 0, len(text) if port is None else port.start())
    if found is None:
        return False
    try:
        return found[1] is None or bool(IPv6Address(found[1]))
    except ValueError:
        return False
