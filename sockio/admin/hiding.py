"""Hiding: values as a page may show them, without secrets (pure)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import unquote_plus

__all__ = ["HIDDEN", "headers_shown", "query_shown", "shown", "url_shown"]

#: What stands in place of a secret.
HIDDEN = "[hidden]"
#: What stands in place of what is too deep, or too much.
CUT = "[...]"
#: How deep values are shown, and how many lists and dicts of them.
DEPTH = 50
VALUES = 20_000

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
#: Endings of words that name secrets.
_ENDINGS = (
    "apikey", "auth", "authorization", "cookie", "credential", "csrf", "jwt",
    "passcode", "passphrase", "passwd", "password", "pwd", "secret", "sessid",
    "sessionid", "token", "xsrf",
)  # fmt: skip
#: Two words that name one together.
_PAIRS = frozenset(
    (first, second)
    for first, second in (
        ("access", "key"), ("api", "key"), ("private", "key"), ("session", "id"),
        ("session", "key"), ("secret", "key"),
    )
)  # fmt: skip
#: Words that name one among headers and in a query.
_OF_REQUESTS = frozenset(("code", "key", "pass", "session", "sid", "sig", "signature"))
#: Headers that say nothing secret, although one of their words sounds so; and one that
#: often does, since pages cannot choose other headers of a WebSocket.
_HARMLESS = frozenset(("sec-websocket-key",))
_SECRET_HEADERS = frozenset(("sec-websocket-protocol",))
#: A value that is a secret, whatever its name.
_TELLING = re.compile(r"(?i:bearer|basic|digest|negotiate) \S|eyJ[\w-]+\.[\w-]+\.")
#: Names of more characters than this are looked at without being remembered.
_USUAL = 64


def shown(value: Any) -> Any:
    """Return a copy of what an application keeps or emits, as JSON can carry it."""
    return _copy(value, DEPTH, iter(range(VALUES)))


def headers_shown(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request."""
    return {name: _header(name.lower(), value) for name, value in headers.items()}


def query_shown(query: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a query."""
    return {name: _field(name, value) for name, value in query.items()}


def url_shown(url: str) -> str:
    """Return a URL, or the end of one."""
    path, mark, query = url.partition("?")
    if not mark:
        return url
    pairs = (pair.partition("=") for pair in query.split("&"))
    told = (f"{name}{sign}{_quoted(name, value)}" for name, sign, value in pairs)
    return f"{path}?{'&'.join(told)}"


def _quoted(name: str, value: str) -> str:
    hidden = _field(unquote_plus(name), unquote_plus(value)) == HIDDEN
    return HIDDEN if hidden and value else value


def _field(name: str, value: str) -> str:
    hidden = _is_of_request(name) or _TELLING.match(value) is not None
    return HIDDEN if hidden else value


def _header(name: str, value: str) -> str:
    if name in _SECRET_HEADERS:
        return HIDDEN
    if name in _HARMLESS:
        return value
    if name == "referer":
        return url_shown(value)
    return _field(name, value)


def _is_of_request(name: str) -> bool:
    return _is_secret(name) or not _OF_REQUESTS.isdisjoint(_words(name))


def _is_secret(name: str) -> bool:
    return _known(name) if len(name) <= _USUAL else _known.__wrapped__(name)


@lru_cache(4096)
def _known(name: str) -> bool:
    words = list(_words(name))
    return any(word.endswith(_ENDINGS) for word in words) or not _PAIRS.isdisjoint(
        pairwise(words)
    )


def _words(name: str) -> Iterator[str]:
    """Yield the words of a name, in the singular."""
    for word in map(str.lower, _WORD.findall(name)):
        yield word if word.endswith("ss") else word.removesuffix("s")


def _copy(value: Any, depth: int, left: Iterator[int]) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if depth == 0 or next(left, None) is None:
        return CUT
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        value = {name: getattr(value, name, None) for name in names}
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if _is_secret(str(key)) else _copy(each, depth - 1, left)
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_copy(each, depth - 1, left) for each in value]
    return f"<{type(value).__name__}>"
