"""Packages: those that only the users of one broker need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sockio.errors import ConfigError

__all__ = ["needed"]


@contextmanager
def needed(package: str, *, by: str, extra: str | None = None) -> Iterator[None]:
    """Import in this context what imports ``package``.

    Args:
        package: Its name.
        by: What needs it, for the error.
        extra: The extra of sockio that installs it; None: one of the same name.

    Raises:
        ConfigError: It is not installed, or lacks a library.
    """
    try:
        yield
    except ImportError as exc:
        if (exc.name or package).partition(".")[0] != package:
            raise
        raise ConfigError(
            f"{by} needs the package {package}: python -m pip install "
            f"'sockio[{extra or package}]'"
        ) from exc
