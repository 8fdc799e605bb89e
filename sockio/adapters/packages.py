"""Packages: those that only the users of one broker need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sockio.errors import ConfigError

__all__ = ["needed"]


@contextmanager
def needed(package: str, *, by: str) -> Iterator[None]:
    """Import in this context what imports ``package``.

    Args:
        package: Its name, and that of the extra of sockio that installs it.
        by: What needs it, for the error.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != package:
            raise
        raise ConfigError(
            f"{by} needs the package {package}: python -m pip install "
            f"'sockio[{package}]'"
        ) from exc
