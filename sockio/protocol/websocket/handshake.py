"""Handshake: the 101 answer to a request, or why there is none.

Spec: RFC 6455, section 4.2.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha1

from sockio.errors import ProtocolError

__all__ = ["VERSION", "accept_key", "answer", "offered_protocols"]

#: The version of the WebSocket protocol that we speak.
VERSION = "13"

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: Base64 of 16 bytes.
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
#: RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def answer(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the headers of the answer that opens a WebSocket.

    Args:
        headers: The request's, with names in lower case.

    Raises:
        ProtocolError: The request does not ask properly for a WebSocket.
    """
    if not _names(headers.get("upgrade", ""), "websocket"):
        raise ProtocolError("invalid Upgrade header")
    if not _names(headers.get("connection", ""), "upgrade"):
        raise ProtocolError("invalid Connection header")
    key = headers.get("sec-websocket-key", "").strip()
    if _KEY.fullmatch(key) is None:
        raise ProtocolError("invalid Sec-WebSocket-Key header")
    if headers.get("sec-websocket-version", "").strip() != VERSION:
        raise ProtocolError("unsupported Sec-WebSocket-Version header")
    return [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_key(key)),
    ]


def offered_protocols(header: str) -> tuple[str, ...]:
    """Return what a ``Sec-WebSocket-Protocol`` header offers, in order.

    Raises:
        ProtocolError: A name is not a token, or occurs twice.
    """
    offered = tuple([name.strip(" \t") for name in header.split(",")])
    if not all(map(_TOKEN.fullmatch, offered)) or len(set(offered)) < len(offered):
        raise ProtocolError("Invalid Sec-WebSocket-Protocol header")
    return offered


def accept_key(key: str) -> str:
    """Return the answer to a ``Sec-WebSocket-Key``."""
    digest = sha1((key + _GUID).encode("ascii"), usedforsecurity=False).digest()
    return b64encode(digest).decode("ascii")


def _names(header: str, token: str) -> bool:
    header = header.lower()
    if header == token:  # what nearly every client sends
        return True
    return any(part.strip() == token for part in header.split(","))
