"""The sticky-session cookie (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import Literal
from urllib.parse import quote

from sockio.engine.option_checks import flags_of
from sockio.errors import ConfigError
from sockio.runtime.unknown_names import tells_unknown

__all__ = ["Cookie", "header"]

#: A token (RFC 9110, 5.6.2), which the name of a cookie must be.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: A domain or path ends at ";" or at a control character.
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
#: What encodeURIComponent leaves alone besides letters and digits.
_UNRESERVED = "-_.!~*'()"
#: Names that other servers use, and ours for them.
_OTHER_NAMES = {"key": "write name=", "httponly": "write http_only="}
_SAME_SITE = ("lax", "strict", "none")
_PRIORITY = ("low", "medium", "high")


@tells_unknown("Cookie", _OTHER_NAMES)
@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie with the id of the session, set by the handshake.

    A load balancer can use it to send a client to the same server again.
    """

    name: str = "io"
    #: ``None`` or ``False`` leaves the attribute out.
    path: str | Literal[False] | None = "/"
    http_only: bool = True
    #: ``True`` means strict.
    same_site: Literal["lax", "strict", "none"] | bool | None = "lax"
    domain: str | None = None
    #: Needs a time zone.
    expires: datetime | None = None
    #: Seconds.
    max_age: int | None = None
    secure: bool = False
    partitioned: bool = False
    priority: Literal["low", "medium", "high"] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _TOKEN.fullmatch(self.name):
            raise ConfigError(
                f"Cookie(name={self.name!r}): give a name of letters, digits, "
                '"-" and "_"'
            )
        for field in ("path", "domain"):
            value = getattr(self, field)
            if value and not (isinstance(value, str) and _ATTRIBUTE.fullmatch(value)):
                raise ConfigError(
                    f'Cookie({field}={value!r}): give ASCII text without ";"'
                )
        flags_of(self, "http_only", "secure", "partitioned")
        if not isinstance(self.same_site, bool):
            self._check_choice("same_site", self.same_site, _SAME_SITE)
        self._check_choice("priority", self.priority, _PRIORITY)
        if self.max_age is not None and type(self.max_age) is not int:
            raise ConfigError(
                f"Cookie(max_age={self.max_age!r}): give whole seconds, or None"
            )
        if self.expires is not None and not (
            isinstance(self.expires, datetime) and self.expires.tzinfo is not None
        ):
            raise ConfigError(
                f"Cookie(expires={self.expires!r}): give a datetime with a time "
                "zone, such as datetime(2030, 1, 1, tzinfo=timezone.utc)"
            )

    @classmethod
    def of(cls, value: Cookie | bool | None) -> Cookie | None:
        """Read the option ``cookie``; ``None`` is off."""
        if value is None or isinstance(value, bool):
            return cls() if value else None
        if isinstance(value, Cookie):
            return value
        raise ConfigError(
            f'cookie={value!r}: give True, False or Cookie(name="io", ...)'
        )

    @staticmethod
    def _check_choice(field: str, value: object, choices: tuple[str, ...]) -> None:
        if value is None or value in choices:
            return
        known = ", ".join(f'"{choice}"' for choice in choices)
        raise ConfigError(f"Cookie({field}={value!r}): give {known} or None")


def header(cookie: Cookie, sid: str) -> str:
    """Return the value of ``Set-Cookie`` for a session."""
    parts = [f"{cookie.name}={quote(sid, safe=_UNRESERVED, errors='replace')}"]
    if cookie.max_age is not None:
        parts.append(f"Max-Age={cookie.max_age}")
    if cookie.domain:
        parts.append(f"Domain={cookie.domain}")
    if cookie.path:
        parts.append(f"Path={cookie.path}")
    if cookie.expires is not None:
        parts.append(f"Expires={formatdate(cookie.expires.timestamp(), usegmt=True)}")
    if cookie.http_only:
        parts.append("HttpOnly")
    if cookie.secure:
        parts.append("Secure")
    if cookie.partitioned:
        parts.append("Partitioned")
    if cookie.priority:
        parts.append(f"Priority={cookie.priority.title()}")
    if cookie.same_site:
        mode = "strict" if cookie.same_site is True else cookie.same_site
        parts.append(f"SameSite={mode.title()}")
    return "; ".join(parts)
