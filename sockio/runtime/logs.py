"""Logs: debug lines by area, as in SOCKIO_DEBUG=engine,adapters:redis*.

A scope is a logger's name: ``socket.io:engine:session`` is the logger
``sockio.engine.session``; ``engine:session`` and the logger's own name mean the same.
The library adds no handler and sets no level, unless ``SOCKIO_DEBUG`` or ``DEBUG``
names a scope of ours: then lines go to stderr, as with Node's ``debug``.

A module keeps its logger (``log = logs.get("engine.session")``) and calls
``log.debug("sid=%s in %.120s", sid, data)`` without a check before it: ``logging``
caches per logger whether a level is on, so a call that prints nothing costs about 0.1
us. Arguments are escaped and cut, see ``peer_text``; messages are constants. Names that
a peer chose are written with ``%r``, which shows where they end.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from traceback import format_exception

from .log_fields import NAMES
from .peer_text import LONGEST, Lines, Told, told, traceback_text

__all__ = ["configure_from_environment", "get", "payload"]

#: The first parts of all scopes; a pattern that fits none of them is not for us.
AREAS = (
    "admin",
    "adapters",
    "client",
    "emitter",
    "engine",
    "events",
    "integrations",
    "namespace",
    "parser",
    "protocol",
    "runtime",
    "server",
    "siblings",
    "socket",
    "testing",
)

_ROOT = "sockio"
#: Values of an environment variable that mean off.
_OFF = ("", "0", "false", "no", "off")
_SILENT = logging.CRITICAL + 1


def get(scope: str) -> logging.Logger:
    """Return the logger of a scope; ``engine.session`` is ``sockio.engine.session``."""
    logger = logging.getLogger(f"{_ROOT}.{scope}")
    logger.addFilter(_harmless)
    handler = _debug_handler()
    if handler is not None:
        handler.scopes.apply(logger)
    return logger


def configure_from_environment(environ: Mapping[str, str] = os.environ) -> bool:
    """Print the debug lines that ``SOCKIO_DEBUG``, or else ``DEBUG``, asks for.

    Both hold patterns, separated by commas or blanks. ``*`` stands for anything, a
    pattern covers the scopes below it too, and a pattern with ``-`` in front excludes.
    If no pattern names a scope of ours, nothing changes. Once debug lines are on, later
    calls do nothing.

    Returns:
        Whether debug lines are on.
    """
    if _debug_handler() is not None:
        return True
    scopes = Scopes(environ.get("SOCKIO_DEBUG") or environ.get("DEBUG") or "")
    if not scopes:
        return False
    root = logging.getLogger(_ROOT)
    handler = DebugHandler(scopes)
    if _is_shown(root):
        # The application's own handler prints the lines: do not print them twice.
        handler.setLevel(_SILENT)
    root.addHandler(handler)
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logger.name.startswith(f"{_ROOT}."):
            scopes.apply(logger)
    return True


def _harmless(record: logging.LogRecord) -> bool:
    """Let nothing in a record forge a line, whichever handler prints it."""
    if isinstance(record.args, tuple):
        record.args = tuple(map(_harmless_argument, record.args))
    elif record.args:  # a mapping, which was the only argument
        record.args = (Told(record.args),)
    if record.exc_info and record.exc_info[1] is not None:
        _, error, trace = record.exc_info
        text = traceback_text(error, trace)
        # If nothing had to change, formatters may write it in their own way.
        plain = format_exception(type(error), error, trace)
        if text != "".join(plain).rstrip("\n"):
            record.exc_text = text
    known = record.__dict__
    for name in NAMES:
        value = known.get(name)
        if value is not None:
            known[name] = _harmless_field(value)
    return True


def _harmless_argument(value: object) -> object:
    if value is None or isinstance(value, (int, float, Lines)):
        return value
    if type(value) is str and value.isprintable():
        return told(value)
    return Told(value)


def _harmless_field(value: object) -> int | str:
    return value if type(value) is int else told(str(value))


def payload(value: object, environ: Mapping[str, str] = os.environ) -> str:
    """Return the data of a packet for the end of a log line, if that is asked for.

    ``SOCKIO_DEBUG_DATA=1`` asks for it. The log line cuts it.
    """
    if value is None or environ.get("SOCKIO_DEBUG_DATA", "").lower() in _OFF:
        return ""
    if isinstance(value, (str, bytes)):
        value = value[: LONGEST + 1]
    return f" {value!r}"


class Scopes:
    """Which scopes a ``DEBUG`` value asks for; falsy when it names none of ours."""

    def __init__(self, value: str) -> None:
        patterns = [_normal(pattern) for pattern in re.split(r"[\s,]+", value)]
        self._included = [
            pattern
            for pattern in patterns
            if pattern and not pattern.startswith("-") and _is_ours(pattern)
        ]
        self._excluded = [
            pattern[1:] for pattern in patterns if pattern.startswith("-")
        ]

    def __bool__(self) -> bool:
        return bool(self._included)

    def __contains__(self, logger_name: str) -> bool:
        full = logger_name.replace(".", ":")
        names = (full, full.removeprefix(f"{_ROOT}:"))
        return _covers(self._included, names) and not _covers(self._excluded, names)

    def apply(self, logger: logging.Logger) -> None:
        """Set the level of one of our loggers."""
        if logger.name in self:
            logger.setLevel(logging.DEBUG)
        elif logger.isEnabledFor(logging.DEBUG):
            # It would inherit from a scope that is printed: engine, -engine:http.
            logger.setLevel(logging.getLogger(_ROOT).getEffectiveLevel())


class DebugHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """The one handler we ever install; it remembers what was asked for."""

    def __init__(self, scopes: Scopes) -> None:
        super().__init__(sys.stderr)
        self.scopes = scopes
        self.setFormatter(_Lines("%(message)s"))


class _Lines(logging.Formatter):
    """``12:30:01.250 socket.io:engine:session sid=... what happened``."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        clock = self.formatTime(record, "%H:%M:%S")
        scope = "socket.io" + record.name.removeprefix(_ROOT).replace(".", ":")
        level = "" if record.levelno <= logging.DEBUG else f"{record.levelname} "
        return f"{clock}.{int(record.msecs):03d} {scope} {level}{text}"


def _debug_handler() -> DebugHandler | None:
    for handler in logging.getLogger(_ROOT).handlers:
        if isinstance(handler, DebugHandler):
            return handler
    return None


def _is_shown(logger: logging.Logger | None) -> bool:
    """Whether a handler of the application would print a debug record already."""
    while logger is not None:
        for handler in logger.handlers:
            if (
                isinstance(handler, logging.StreamHandler)
                and handler.stream in (sys.stderr, sys.stdout)
                and handler.level <= logging.DEBUG
            ):
                return True
        logger = logger.parent if logger.propagate else None
    return False


def _normal(pattern: str) -> str:
    """Return the one form of all spellings: ``sockio:engine*`` or ``engine*``."""
    return pattern.replace("socket.io", _ROOT).replace(".", ":")


def _is_ours(pattern: str) -> bool:
    head, _, below = pattern.partition(":")
    if head == _ROOT and below:
        head = below.partition(":")[0]
    return any(_fits(area, head) for area in (_ROOT, *AREAS))


def _covers(patterns: Iterable[str], names: tuple[str, ...]) -> bool:
    return any(
        _fits(name, pattern) or _fits(name, f"{pattern}:*")
        for pattern in patterns
        for name in names
    )


def _fits(name: str, pattern: str) -> bool:
    # Only the star is special to Node's debug; fnmatch also knows "?" and "[".
    return fnmatchcase(name, re.sub(r"[?\[]", r"[\g<0>]", pattern))
