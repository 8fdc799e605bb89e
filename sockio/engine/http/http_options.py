"""HttpOptions (frozen): what our own HTTP server demands of requests.

``create_server``, ``listen`` and ``run`` take these as keyword arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

from sockio.engine import foreign_options
from sockio.errors import ConfigError
from sockio.runtime.unknown_names import tells_unknown

__all__ = ["HttpOptions"]

#: What ``create_server`` and ``listen`` take besides.
_BESIDE = (
    "log",
    "error_log",
    "environ",
    "backlog",
    "certfile",
    "keyfile",
    "ssl_context",
)


@tells_unknown("create_server", foreign_options.HTTP, also=_BESIDE)
@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """How long the parts of a request may be; sizes are in bytes."""

    #: The request line, or one header line, without its line break. Cookies of a single
    #: sign-on take ten thousand bytes and more.
    max_line: int = 16384
    #: The request line and all header lines, with their line breaks.
    max_head: int = 65536

    def __post_init__(self) -> None:
        for name in ("max_line", "max_head"):
            _check_size(name, getattr(self, name))
        if self.max_head < self.max_line:
            raise ConfigError(
                f"max_head={self.max_head} is less than max_line={self.max_line}: a "
                "head contains its lines, give max_head >= max_line"
            )


def _check_size(name: str, value: object) -> None:
    if type(value) is not int or value <= 0:
        raise ConfigError(f"{name}={value!r}: give a whole number of bytes above 0")
