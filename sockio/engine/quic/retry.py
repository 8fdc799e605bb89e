"""Retry tokens: a client proves that its address is its own.

Tokens are demanded while many handshakes are under way: a flood from forged addresses
then costs one small answer for each datagram, and leaves no state here.
Spec: RFC 9000, 8.1.2 and 17.2.5.
"""

from __future__ import annotations

import hmac
import os
import struct
from typing import Any

#: Seconds for which a token is good; clients use it at once.
LIFETIME = 15.0

_MAC_SIZE = 32
_HEAD = struct.Struct("!dB")


class RetryTokens:
    """Makes tokens and recognises its own."""

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def issue(
        self, address: Any, now: float, original_id: bytes, own_id: bytes
    ) -> bytes:
        """Make a token.

        Args:
            address: Of the client, as the socket gives it.
            now: Seconds of the clock.
            original_id: The connection id that the client chose first.
            own_id: The connection id with which the client has to come back.
        """
        body = _HEAD.pack(now, len(original_id)) + original_id
        return body + self._mac(address, body, own_id)

    def redeem(
        self, address: Any, now: float, token: bytes, own_id: bytes
    ) -> bytes | None:
        """Return the original connection id; None: the token is not good."""
        body, mac = token[:-_MAC_SIZE], token[-_MAC_SIZE:]
        if len(body) < _HEAD.size:
            return None
        if not hmac.compare_digest(mac, self._mac(address, body, own_id)):
            return None
        issued, _ = _HEAD.unpack_from(body)
        if not 0 <= now - issued <= LIFETIME:
            return None
        return body[_HEAD.size :]

    def _mac(self, address: Any, body: bytes, own_id: bytes) -> bytes:
        host, port = address[:2]
        what = b"\0".join(
            (str(host).encode(), str(port).encode(), own_id.hex().encode())
        )
        return hmac.digest(self._key, what + b"\0" + body, "sha256")
