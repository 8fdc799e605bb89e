"""Option fields: an option's default, and what is kept of what was given, in one line.

    @reads_given
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Tea:
        sugar: int = option(0, whole_number)

A reader gets the option's name and what was given. It returns what is kept, or raises
``ConfigError`` with the way out. It must take what it has returned: ``replace`` does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any, TypeVar

__all__ = ["by", "chosen", "option", "reads_given"]

V = TypeVar("V")
T = TypeVar("T", bound=type[Any])

_READ = "read"


def option(default: Any, read: Callable[[str, Any], V]) -> V:
    """Declare an option: what it is where nothing is given, and its reader."""
    made: V = field(default=default, metadata={_READ: read})
    return made


def by(read: Callable[[Any], V]) -> Callable[[str, Any], V]:
    """Make a reader of a function that knows the option's name."""
    return lambda name, value: read(value)


def reads_given(cls: T) -> T:
    """Decorate a dataclass of options: it keeps what the readers return."""
    known = {each.name: each for each in fields(cls)}
    init: Callable[..., None] = cls.__init__

    @functools.wraps(init)
    def read(self: Any, **given: Any) -> None:
        values = {
            name: each.metadata[_READ](name, given.pop(name, each.default))
            for name, each in known.items()
        }
        init(self, **values, **given)

    cls.__init__ = read
    return cls


def chosen(cls: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the options of ``cls`` out of ``given``, which has them all."""
    return {each.name: given[each.name] for each in fields(cls)}
