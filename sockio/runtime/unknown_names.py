"""Unknown names: what to write in place of an option that does not exist.

Such names come from other servers, mostly Node's and Flask-SocketIO's. Most of Node's
are the same words in another spelling; for the rest there are hints.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from sockio.errors import UnknownOption

__all__ = ["Hints", "refuse", "tells_unknown"]

#: What to do instead of giving an option, by its name: "write cors=...".
Hints = Mapping[str, str]

T = TypeVar("T", bound=type[Any])

_NO_HINTS: Hints = MappingProxyType({})
#: Most names that an error lists; more are no help.
_MOST_LISTED = 12
#: Where a word begins in pingInterval, or in allowEIO3.
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def refuse(
    call: str, given: Mapping[str, object], known: Iterable[str], hints: Hints
) -> NoReturn:
    """Raise for the options ``given`` of which at least one is not ``known``.

    Args:
        call: What they were given to, for the error's text.
        given: Options by name; the text has no values, which may be secrets.
        known: The names of the options that exist.
        hints: What to do instead of giving an option.

    Raises:
        UnknownOption: Always.
    """
    names = sorted(known)
    unknown = [name for name in given if name not in names]
    several = len(unknown) > 1
    advice = "; ".join(
        (f"{name}: " if several else "") + _advice(name, names, hints)
        for name in unknown
    )
    shown = ", ".join(f"{name}=" for name in unknown)
    raise UnknownOption(f"{call}({shown}): there is no such option; {advice}")


def tells_unknown(
    call: str, hints: Hints = _NO_HINTS, also: Iterable[str] = ()
) -> Callable[[T], T]:
    """Decorate a class of options: an unknown name raises UnknownOption with advice.

    Args:
        call: What people call to make one.
        hints: What to do instead of giving an option.
        also: Options that ``call`` takes and does not pass on to the class.
    """

    def decorate(cls: T) -> T:
        init: Callable[..., None] = cls.__init__
        known = frozenset(
            parameter.name
            for parameter in inspect.signature(init).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        )

        @functools.wraps(init)
        def told(self: Any, *args: Any, **options: Any) -> None:
            if not options.keys() <= known:
                refuse(call, options, known.union(also), hints)
            init(self, *args, **options)

        cls.__init__ = told
        return cls

    return decorate


def _advice(name: str, known: list[str], hints: Hints) -> str:
    hint = hints.get(name)
    if hint is not None:
        return hint
    same = [each for each in known if _bare(each) == _bare(name)]
    if same:
        return f"write {same[0]}"
    close = get_close_matches(_words(name), known, n=1, cutoff=0.7)
    if close:
        return f"did you mean {close[0]}?"
    if len(known) <= _MOST_LISTED:
        return f"there are {', '.join(known) or 'none'}"
    return f"docs/api.rst lists all options ({name} is not among them)"


def _bare(name: str) -> str:
    """Drop what differs between pingInterval, ping_interval and PING-INTERVAL."""
    return name.replace("_", "").lower()


def _words(name: str) -> str:
    return _WORD.sub("_", name).lower()
