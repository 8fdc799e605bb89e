"""Option fields: an option's default and its reader, declared in one line.

    @reads_given
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Tea:
        sugar: int = option(0, whole_number)

A reader gets the option's name and the value that was given. It returns the value to
keep, or raises ``ConfigError``, which says what to give instead. It must also accept
what it has returned, since ``dataclasses.replace`` gives that again.
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


def option(default: Any, read: Callable[[str, Any], V], *, secret: bool = False) -> V:
    """Declare an option: its default, its reader, and whether nobody may see it."""
    made: V = field(default=default, repr=not secret, metadata={_READ: read})
    return made


def by(read: Callable[[Any], V]) -> Callable[[str, Any], V]:
    """Make a reader of a function that takes the value only."""
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
    """Return the options of ``cls`` from ``given``, which has all of them."""
    return {each.name: given[each.name] for each in fields(cls)}
