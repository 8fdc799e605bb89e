"""gzip/deflate above a threshold (pure)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sockio.errors import ConfigError
from sockio.runtime.unknown_names import tells_unknown

__all__ = ["Encoding", "HttpCompression", "choose", "compress", "pack"]

Encoding: TypeAlias = Literal["br", "gzip", "deflate"]

#: ``gzip``, or ``gzip;q=0.5``; other parameters are ignored.
_OFFER = re.compile(r"\s*([^\s;,]+)\s*(?:;(.*))?", re.DOTALL)
_GZIP_WINDOW = zlib.MAX_WBITS | 16


@tells_unknown("HttpCompression")
@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCompression:
    """When the answers of polling requests are compressed."""

    #: Bodies of fewer bytes are sent as they are.
    threshold: int = 1024

    def __post_init__(self) -> None:
        if type(self.threshold) is not int or self.threshold < 0:
            raise ConfigError(
                f"HttpCompression(threshold={self.threshold!r}): give a number of "
                "bytes, 0 or more"
            )

    @classmethod
    def of(cls, value: HttpCompression | bool | None) -> HttpCompression | None:
        """Read the option ``http_compression``; ``None`` is off."""
        if value is None or isinstance(value, bool):
            return cls() if value else None
        if isinstance(value, HttpCompression):
            return value
        raise ConfigError(
            f"http_compression={value!r}: give True, False or "
            "HttpCompression(threshold=1024)"
        )


def choose(
    accept_encoding: str, offered: Sequence[Encoding] = ("gzip", "deflate")
) -> Encoding | None:
    """Pick the encoding the client prefers; among equals, the first of ``offered``.

    Spec: RFC 9110, 12.5.3 "Accept-Encoding".
    """
    weights: dict[str, float] = {}
    for offer in accept_encoding.split(","):
        match = _OFFER.fullmatch(offer)
        if match is not None:
            weights.setdefault(match[1].lower(), _weight(match[2]))
    others = weights.get("*", 0.0)
    best = max(offered, key=lambda encoding: weights.get(encoding, others))
    return best if weights.get(best, others) > 0 else None


def compress(
    body: bytes, accept_encoding: str | None, threshold: int
) -> tuple[bytes, Encoding] | None:
    """Compress a body if it is worth it and the client can read it.

    Returns:
        The compressed body and its ``Content-Encoding``, or ``None``.
    """
    if len(body) < threshold or not accept_encoding:
        return None
    encoding = choose(accept_encoding)
    if encoding is None:
        return None
    return pack(body, encoding), encoding


def pack(body: bytes, encoding: Encoding) -> bytes:
    """Compress a body as ``gzip`` or ``deflate``."""
    # "deflate" means the zlib format, not bare deflate (RFC 9110, 8.4.1.2).
    window = _GZIP_WINDOW if encoding == "gzip" else zlib.MAX_WBITS
    packer = zlib.compressobj(wbits=window)
    return packer.compress(body) + packer.flush()


def _weight(parameters: str | None) -> float:
    """Read ``q`` of an offer: 1 if there is none, 0 if it is no number."""
    for parameter in (parameters or "").split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return min(weight, 1.0) if weight > 0 else 0.0
    return 1.0
