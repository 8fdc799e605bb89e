"""Packages: those that only the users of one broker need."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sockio.errors import ConfigError

__all__ = ["needed"]


@contextmanager
def needed(
    package: str,
    *,
    by: str,
    extra: str | None = None,
    modules: Collection[str] = (),
) -> Iterator[None]:
    """Import in this context what imports ``package``.

    Args:
        package: Its name.
        by: What needs it, for the error.
        extra: The extra of sockio that installs it; None: one of the same name.
        modules: The names under which it is imported, if these are others.

    Raises:
        ConfigError: It is not installed, or lacks a library.
    """
    try:
        yield
    except ImportError as exc:
        names = modules or (package,)
        if exc.name is not None and exc.name.partition(".")[0] not in names:
            raise
        raise ConfigError(
            f"{by} needs the package {package}: python -m pip install "
            f"'sockio[{extra or package}]'"
        ) from exc
