"""Option checks: for type and range, with errors that say what to give instead."""

from __future__ import annotations

import math

from sockio.errors import ConfigError

__all__ = ["flag", "flags_of", "seconds", "size"]

#: A time of more seconds than this is taken for milliseconds.
LONGEST = 3600.0


def flag(name: str, value: object) -> bool:
    """Return ``value`` if it is True or False, not merely truthy or falsy."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name}={value!r}: give True or False")
    return value


def flags_of(options: object, *names: str) -> None:
    """Check that some attributes of an object of options are True or False."""
    for name in names:
        value = getattr(options, name)
        if not isinstance(value, bool):
            raise ConfigError(
                f"{type(options).__name__}({name}={value!r}): give True or False"
            )


def seconds(name: str, value: object, longest: float = LONGEST) -> float:
    """Return ``value`` if it is a time above 0, too short to be in milliseconds."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ConfigError(f"{name}={value!r}: give a number of seconds above 0")
    if not 0 < value < math.inf:
        raise ConfigError(f"{name}={value!r}: give a number of seconds above 0")
    if value > longest:
        fitting = min(value, 1000 * longest) / 1000
        raise ConfigError(
            f"{name}={value!r}: times are in seconds, not in milliseconds; give "
            f"{fitting:g}, or {longest:g} at most"
        )
    return value


def size(name: str, value: object) -> int:
    """Return ``value`` as a number of bytes above 0; 1e6 is one, too."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1e6 is how the number is written elsewhere
    if type(value) is not int or value <= 0:
        raise ConfigError(f"{name}={value!r}: give a whole number of bytes above 0")
    return value
