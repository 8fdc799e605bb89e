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
        #: What writes into a file that we have opened; None: we have opened none.
        self._file: logging.Handler | None = None
        self._write: Callable[[str], object] = self._writer(target)

    def add(self, exchange: Exchange, seconds: float) -> None:
        """Write the line of ``exchange``, which took that long."""
        answered = Answered(exchange.environ, exchange.head, exchange.sent, seconds)
        self._write(self._format.line(answered))

    def close(self) -> None:
        """Close the file, if it is ours."""
        if self._file is not None:
            self._file.close()

    def _writer(self, target: Any) -> Callable[[str], object]:
        """Return what writes a line: to a logger, or something like a file."""
        if target == "-":
            target = sys.stdout
        elif isinstance(target, (str, os.PathLike)):
            return self._open(target)
        if hasattr(target, "write"):
            return lambda line: target.write(f"{line}\n")
        return target.info  # type: ignore[no-any-return]

    def _open(self, path: str | os.PathLike[str]) -> Callable[[str], object]:
        """Open a file, which is opened again when somebody has moved it away."""
        try:
            self._file = WatchedFileHandler(path, encoding="utf-8")
        except OSError as exc:
            raise ConfigError(f"log={str(path)!r}: {exc.strerror}") from None
        logger = logging.Logger("sockio.access")
        logger.addHandler(self._file)
        return logger.info


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
