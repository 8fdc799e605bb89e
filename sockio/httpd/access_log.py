"""AccessLog: a line for each request that was answered.

A poll has its line when it is answered, a WebSocket when it begins.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from logging.handlers import WatchedFileHandler
from typing import Any

from sockio.errors import ConfigError

from .access_format import COMBINED, AccessFormat, Answered
from .exchange import Exchange

__all__ = ["AccessLog", "check"]


class AccessLog:
    """Writes the lines to a file or to a logger."""

    def __init__(self, target: Any, format: str | None = None) -> None:
        """Open the log.

        Args:
            target: A path, ``"-"`` for standard output, something like a file, or a
                logger.
            format: In the words of gunicorn's ``access_log_format``; None: gunicorn's
                own.

        Raises:
            ConfigError: The file cannot be opened, or the format is wrong.
        """
        self._format = AccessFormat(COMBINED if format is None else format)
        #: Writes into what we have opened; None: ``target`` was open.
        self._own: logging.Handler | None = None
        if isinstance(target, (str, os.PathLike)):
            self._own = _opened(target)
        self._write = _writer(self._own or target)

    def add(self, exchange: Exchange, seconds: float) -> None:
        """Write the line of ``exchange``, which took that long."""
        answered = Answered(exchange.environ, exchange.head, exchange.sent, seconds)
        self._write(self._format.line(answered))

    def close(self) -> None:
        """Close what was opened here."""
        if self._own is not None:
            self._own.close()


def _opened(path: str | os.PathLike[str]) -> logging.Handler:
    """Open a file, which is opened again when somebody has moved it away."""
    if path == "-":
        return logging.StreamHandler(sys.stdout)
    try:
        return WatchedFileHandler(path, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"log={str(path)!r}: {exc.strerror}") from None


def _writer(target: Any) -> Callable[[str], object]:
    """Return what writes a line: by a handler, to something like a file or a logger."""
    if isinstance(target, logging.Handler):
        return lambda line: target.handle(logging.makeLogRecord({"msg": line}))
    if hasattr(target, "write"):
        return lambda line: target.write(f"{line}\n")
    return target.info  # type: ignore[no-any-return]


def check(target: Any, format: str | None) -> None:
    """Check where the lines are to go, and their format.

    Raises:
        ConfigError: One of these is wrong.
    """
    if target is None:
        if format is not None:
            raise ConfigError(
                "access_log_format needs log= beside it: where the lines go"
            )
        return
    AccessFormat(COMBINED if format is None else format)
    if not (
        isinstance(target, (str, os.PathLike))
        or callable(getattr(target, "write", None))
        or callable(getattr(target, "info", None))
    ):
        raise ConfigError(
            f"log={target!r}: give a path, '-' for standard output, an open file or a "
            "logger"
        )
