"""Configuration: the settings with which gunicorn would start here."""

from __future__ import annotations

import runpy
import shlex
from pathlib import Path
from typing import Any

from gunicorn.config import Config
from gunicorn.workers.ggevent import GeventWorker

from sockio.errors import ConfigError

__all__ = ["configuration", "has_gevent_worker"]

_FILE = "gunicorn.conf.py"


def configuration(arguments: str | None) -> Any:
    """Return gunicorn's configuration; None: nothing says that it is used.

    Args:
        arguments: Of its command line; None: only its file and environment count.

    Raises:
        ConfigError: gunicorn does not know the arguments.
    """
    config = Config()
    sources = [config.get_cmd_args_from_env()]
    if arguments is not None:
        sources.append(shlex.split(arguments))
    parsed = [_parsed(config, each) for each in sources]
    file = next((each["config"] for each in parsed[::-1] if each.get("config")), None)
    path = Path((file or _FILE).removeprefix("file:"))
    if path.is_file():
        parsed.insert(0, runpy.run_path(str(path)))
    elif not any(sources):
        return None
    for name, value in ((n, v) for each in parsed for n, v in each.items()):
        if value is not None and name.lower() in config.settings:
            try:
                config.set(name.lower(), value)
            except (TypeError, ValueError) as exc:
                raise ConfigError(f"gunicorn: {name}: {exc}") from None
    return config


def _parsed(config: Any, arguments: list[str]) -> dict[str, Any]:
    try:
        return dict(vars(config.parser().parse_args(arguments)))
    except SystemExit:
        raise ConfigError("gunicorn does not know these arguments") from None


def has_gevent_worker(config: Any) -> bool:
    """Whether the workers are gunicorn's gevent workers, or ours."""
    try:
        return issubclass(config.worker_class, GeventWorker)
    except RuntimeError:
        return False  # there is no such class, or it cannot be imported
