"""Log options: ``logger`` and ``engineio_logger``, which print what happens."""

from __future__ import annotations

import logging
from typing import Any

from sockio.errors import ConfigError
from sockio.runtime import logs

__all__ = ["print_logs"]

_SOCKETIO = ("server", "namespace", "socket", "events", "adapters", "integrations")
_ENGINEIO = ("engine",)


def print_logs(logger: Any, engineio_logger: Any) -> None:
    """Print our loggers' lines, or hand them to loggers of the application.

    Args:
        logger: For what happens in Socket.IO. True: to standard error; False: nothing
            is changed; or a logger.
        engineio_logger: The same for what happens below, in Engine.IO.

    Raises:
        ConfigError: One is something else.
    """
    printed: list[str] = []
    for name, value, scopes in (
        ("logger", logger, _SOCKETIO),
        ("engineio_logger", engineio_logger, _ENGINEIO),
    ):
        if value is True:
            printed += scopes
        elif isinstance(value, (logging.Logger, logging.LoggerAdapter)):
            _hand_over(scopes, value)
        elif value is not None and value is not False:
            raise ConfigError(f"{name}={value!r}: give True, False or a logger")
    if printed:
        logs.configure_from_environment({"SOCKIO_DEBUG": ",".join(printed)})


class _HandingOver(logging.Handler):
    """Gives the lines of our loggers to one of the application's."""

    def __init__(self, target: logging.Logger) -> None:
        super().__init__()
        self.target = target

    def emit(self, record: logging.LogRecord) -> None:
        if self.target.isEnabledFor(record.levelno):
            self.target.handle(record)


def _hand_over(
    scopes: tuple[str, ...],
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
) -> None:
    target = logger.logger if isinstance(logger, logging.LoggerAdapter) else logger
    for scope in scopes:
        ours = logs.get(scope)
        known = [each for each in ours.handlers if isinstance(each, _HandingOver)]
        if not any(each.target is target for each in known):
            ours.addHandler(_HandingOver(target))
            ours.setLevel(target.getEffectiveLevel())
