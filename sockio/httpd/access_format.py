"""AccessFormat: a line of the access log, in the words of gunicorn's access_log_format.

Only what the format asks for is looked up. What is unknown is ``-``, as in gunicorn.
"""

from __future__ import annotations

import os
import re
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from sockio.errors import ConfigError
from sockio.runtime.peer_text import told
from sockio.types import Environ

from .masked import loggable
from .response_head import ResponseHead

__all__ = ["COMBINED", "AccessFormat", "Answered", "header_lines"]

#: gunicorn's default, which is Apache's "combined".
COMBINED = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
#: Characters of one value; heads are never longer.
_LONGEST = 1 << 20


class Answered(NamedTuple):
    """A request and its answer."""

    #: As the application got it.
    environ: Environ
    #: None: the client got no answer.
    head: ResponseHead | None
    #: Bytes of the answer's body.
    sent: int
    #: From the request to the end of the answer.
    seconds: float


_Atom: TypeAlias = Callable[[Answered], Any]


class AccessFormat:
    """Writes the lines of one format."""

    def __init__(self, text: str) -> None:
        """Read a format.

        Raises:
            ConfigError: It has an atom that nobody knows, or cannot be filled in.
        """
        if not isinstance(text, str):
            raise ConfigError(
                f"access_log_format={text!r}: give text like {COMBINED!r}"
            )
        found = _Found()
        try:
            line = text % found
        except (TypeError, ValueError) as exc:
            raise ConfigError(
                f"access_log_format={text!r}: {exc}; write atoms as %(h)s, and a "
                "percent sign as %%"
            ) from None
        if line == text:
            raise ConfigError(
                f"access_log_format={text!r} has no atoms, so that all lines are the "
                f"same: give a format like {COMBINED!r}"
            )
        self._text = text
        self._atoms = found.atoms

    def line(self, answered: Answered) -> str:
        """Return the line of one request, without the ids of sessions."""
        shown = answered._replace(environ=loggable(answered.environ))
        return self._text % {name: atom(shown) for name, atom in self._atoms.items()}


class _Found(dict[str, object]):
    """Notes the atoms that a format asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.atoms: dict[str, _Atom] = {}

    def __missing__(self, name: str) -> object:
        atom = _ATOMS.get(name) or _named(name)
        if atom is None:
            raise ConfigError(
                f"access_log_format has the atom %({name})s, which is unknown: give "
                f"one of {', '.join(_ATOMS)}, or {{NAME}}i for a header of the "
                "request, {NAME}o of the answer, {NAME}e of the environ"
            )
        self.atoms[name] = atom
        return 0 if name in _NUMBERS else "-"


def header_lines(head: ResponseHead | None) -> list[tuple[str, str]]:
    """Return the headers of an answer."""
    lines = [] if head is None else head.lines
    fields = (line.partition(":") for line in lines)
    return [(name, value.strip()) for name, _, value in fields]


def _text(value: object) -> str:
    """Return a value so that it stays within its quotes and its line."""
    return told(str(value).replace('"', '\\"'), _LONGEST)


def _of_environ(key: str, missing: str = "-") -> _Atom:
    return lambda answered: _text(answered.environ.get(key, missing))


def _named(name: str) -> _Atom | None:
    """Return an atom that names a header or an entry of the environ."""
    parts = _NAMED.fullmatch(name)
    if parts is None:
        return None
    field, kind = parts[1].lower(), parts[2]
    if kind == "o":
        return lambda answered: _of(header_lines(answered.head), field)
    if kind == "e":
        return lambda answered: _of(answered.environ.items(), field)
    key = field.upper().replace("-", "_")
    plain = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
    return _of_environ(key if plain else f"HTTP_{key}")


def _of(pairs: Any, name: str) -> str:
    """Return the last value of that name, in any case."""
    found = [value for key, value in pairs if key.lower() == name]
    return _text(found[-1]) if found else "-"


def _user(answered: Answered) -> str:
    scheme, _, credentials = answered.environ.get("HTTP_AUTHORIZATION", "").partition(
        " "
    )
    if scheme.lower() != "basic":
        return "-"
    try:
        decoded = b64decode(credentials.strip().encode())
        return _text(decoded.partition(b":")[0].decode()) or "-"
    except (NotBase64, UnicodeError):
        return "-"


def _request_line(answered: Answered) -> str:
    line = "{REQUEST_METHOD} {RAW_URI} {SERVER_PROTOCOL}"
    return _text(line.format_map(answered.environ))


def _status(answered: Answered) -> str:
    return "000" if answered.head is None else str(answered.head.code)


def _now(answered: Answered) -> str:
    return time.strftime("[%d/%b/%Y:%H:%M:%S %z]")


_NAMED = re.compile(r"\{([^{}]+)\}([ioe])")
_NUMBERS = frozenset("BTDM")
_ATOMS: Mapping[str, _Atom] = {
    "h": _of_environ("REMOTE_ADDR"),
    "l": lambda answered: "-",
    "u": _user,
    "t": _now,
    "r": _request_line,
    "m": _of_environ("REQUEST_METHOD"),
    "U": _of_environ("PATH_INFO"),
    "q": _of_environ("QUERY_STRING"),
    "H": _of_environ("SERVER_PROTOCOL"),
    "s": _status,
    "B": lambda answered: answered.sent,
    "b": lambda answered: str(answered.sent),
    "f": _of_environ("HTTP_REFERER"),
    "a": _of_environ("HTTP_USER_AGENT"),
    "T": lambda answered: int(answered.seconds),
    "D": lambda answered: round(answered.seconds * 1_000_000),
    "M": lambda answered: int(answered.seconds * 1000),
    "L": lambda answered: f"{answered.seconds:.6f}",
    "p": lambda answered: f"<{os.getpid()}>",
}
