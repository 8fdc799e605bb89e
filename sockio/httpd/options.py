"""HttpOptions (frozen): what our own HTTP server demands of requests.

``create_server``, ``listen`` and ``run`` take these as keyword arguments.
"""

from __future__ import annotations

import math
import os
import ssl
from dataclasses import dataclass
from typing import Any, TypedDict

from sockio.errors import ConfigError
from sockio.runtime.unknown_names import tells_unknown
from sockio.types import Environ

from .foreign_options import HTTP

__all__ = ["HttpOptions", "HttpSettings", "ListenSettings", "RunSettings"]


class HttpSettings(TypedDict, total=False):
    """What ``create_server`` takes for ``HttpOptions``, for type checkers."""

    max_line: int
    max_request_line: int | None
    max_head: int
    max_fields: int
    head_timeout: float | None
    body_timeout: float | None
    keep_alive: float | None
    tls_timeout: float | None


class ListenSettings(HttpSettings, total=False):
    """What ``listen`` of a Socket.IO server takes: all that ``create_server`` takes."""

    log: Any
    access_log_format: str | None
    error_log: Any
    environ: Environ | None
    backlog: int


class RunSettings(ListenSettings, total=False):
    """What ``run`` takes: all that ``listen`` takes, and more."""

    certfile: str | os.PathLike[str] | None
    keyfile: str | os.PathLike[str] | None
    ssl_context: ssl.SSLContext | None


@tells_unknown("create_server", HTTP, also=RunSettings.__annotations__)
@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """How long a request may be, and how long it may take: in bytes and in seconds.

    A time of ``None`` means no limit.
    """

    #: The request line, or one header line, without its line break. Cookies of a single
    #: sign-on take ten thousand bytes and more.
    max_line: int = 16384
    #: The request line; None: as ``max_line``.
    max_request_line: int | None = None
    #: The request line and all header lines, with their line breaks.
    max_head: int = 65536
    #: How many header lines a request may have, and as many trailers.
    max_fields: int = 100
    #: For the head of a request, from its first byte; for the first request, from the
    #: beginning of the connection.
    head_timeout: float | None = 60.0
    #: For progress with the body of a request or of an answer: its next KiB, or what is
    #: left of it.
    body_timeout: float | None = 300.0
    #: From an answer to the first byte of the next request. Proxies keep connections
    #: for a minute, and we must not hang up before they do.
    keep_alive: float | None = 75.0
    #: For a TLS handshake.
    tls_timeout: float | None = 20.0

    def __post_init__(self) -> None:
        for name in ("max_line", "max_request_line", "max_head"):
            if name != "max_request_line" or self.max_request_line is not None:
                _check_number(name, getattr(self, name), "bytes")
        _check_number("max_fields", self.max_fields, "header lines")
        for name in ("head_timeout", "body_timeout", "keep_alive", "tls_timeout"):
            _check_seconds(name, getattr(self, name))
        for name in ("max_line", "max_request_line"):
            longest = getattr(self, name)
            if longest is not None and self.max_head < longest:
                raise ConfigError(
                    f"max_head={self.max_head} is less than {name}={longest}: a head "
                    f"contains its lines, give max_head >= {name}"
                )

    @property
    def longest_request_line(self) -> int:
        """Most bytes of the request line, without its line break."""
        own = self.max_request_line
        return self.max_line if own is None else own


def _check_number(name: str, value: object, unit: str) -> None:
    if type(value) is not int or value <= 0:
        raise ConfigError(f"{name}={value!r}: give a whole number of {unit} above 0")


def _check_seconds(name: str, value: object) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is not None and not (is_number and 0 < value < math.inf):  # type: ignore[operator]
        raise ConfigError(
            f"{name}={value!r}: give a number of seconds above 0, or None for no limit"
        )
