"""The head of an answer, as a WSGI application gives it: judged, then written (pure).

It is the application's mistake to give what a client could understand in two ways, or
what only the server may say; it gets the error where it makes the mistake.
Spec: PEP 3333 "The start_response() Callable"; RFC 9110 "Field Values", "Connection";
RFC 9112 "Status Line".
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["ResponseHead", "sendable"]

#: Answers without a body; those below 200 have none either.
_BODILESS = (204, 304)
#: Headers that concern one connection, so that the application must not give them; and
#: what to do instead.
_SERVERS_OWN = {
    "proxy-authenticate": "leave it out",
    "proxy-authorization": "leave it out",
    "te": "leave it out",
    "trailer": "leave it out",
    "trailers": "leave it out",
    "transfer-encoding": (
        "leave it out; a body without Content-Length is sent in chunks anyway"
    ),
    "upgrade": "leave it out",
}
#: Headers that have a meaning for us.
_KNOWN = ("connection", "content-length", "date", "keep-alive")

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_STATUS = re.compile(r"([1-9][0-9]{2})(?: (.*))?", re.DOTALL)


class ResponseHead:
    """Status and headers of one answer."""

    __slots__ = ("bodiless", "closes", "code", "dated", "length", "lines", "status")

    def __init__(self, status: str, headers: list[tuple[str, str]]) -> None:
        """Take what was given to ``start_response``.

        Raises:
            TypeError: It is not of the types that WSGI wants.
            ValueError: It cannot be sent, or only the server may say it.
        """
        if not isinstance(status, str):
            raise TypeError(f"the status is {status!r}: give text such as '200 OK'")
        #: The text after the version, such as ``200 OK``.
        self.status, self.code = _judge_status(status)
        #: Whether no body follows, whatever the application returns.
        self.bodiless = self.code < 200 or self.code in _BODILESS
        #: The number of bytes of the body, if the application gives it.
        self.length: int | None = None
        #: Whether the connection is to end with this answer.
        self.closes = False
        #: Whether the application gives the date.
        self.dated = False
        #: The header lines, without line breaks.
        self.lines: list[str] = []
        if not isinstance(headers, list):
            raise TypeError(
                f"headers are {type(headers).__name__}: give a list of (name, value)"
            )
        for header in headers:
            if not isinstance(header, (tuple, list)) or len(header) != 2:
                raise TypeError(f"{header!r} is no header: give (name, value)")
            name, value = header
            if not isinstance(name, str) or not isinstance(value, str):
                raise TypeError(f"the header {name!r}: {value!r} is not text")
            if not sendable(value):
                raise ValueError(
                    f"the header {name!r} cannot be {value!r}: line breaks, control "
                    "characters and what is not Latin-1 cannot be sent"
                )
            kind = _kind(name)
            if not kind or self._takes(kind, value):
                self.lines.append(f"{name}: {value}")

    def _takes(self, kind: str, value: str) -> bool:
        """Read a header that means something to us; False: do not send it."""
        if kind == "date":
            self.dated = True
        elif kind == "content-length":
            if self.length is not None:
                raise ValueError("two headers Content-Length: give one")
            if not (value.isascii() and value.isdigit()):
                raise ValueError(
                    f"Content-Length is {value!r}: give a number of bytes, or leave it "
                    "out"
                )
            self.length = int(value)
        else:
            # We say ourselves whether the connection stays open.
            if kind == "connection" and "close" in value.lower():
                self.closes = True
            return False
        return True


def sendable(value: str) -> bool:
    """Tell whether a header may have this value: no line breaks, only Latin-1."""
    # These two checks are enough for nearly every value, and ten times as fast.
    if value.isascii() and value.isprintable():
        return True
    return _VALUE.fullmatch(value) is not None


@lru_cache(maxsize=128)
def _judge_status(status: str) -> tuple[str, int]:
    """Return the status as it is sent, and its number."""
    found = _STATUS.fullmatch(status)
    if found is None or not sendable(status):
        raise ValueError(f"the status is {status!r}: give one such as '200 OK'")
    # RFC 9112, 4: the space is there even if no words follow.
    return f"{found[1]} {found[2] or ''}", int(found[1])


@lru_cache(maxsize=256)
def _kind(name: str) -> str:
    """Return the name in lower case if it means something to us, else nothing."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a header")
    lower = name.lower()
    if lower in _SERVERS_OWN:
        raise ValueError(
            f"the header {name!r} is not the application's but the server's: "
            f"{_SERVERS_OWN[lower]}"
        )
    return lower if lower in _KNOWN else ""
