"""Surroundings: what runs around each call of the application's code.

    @io.around
    def in_transaction(call):
        with transaction():
            yield

All such calls go through ``Surroundings.call``, or are the same as if they did: where
nothing surrounds, the most frequent ones are made directly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

from sockio.errors import ConfigError

from .deferred import done

__all__ = ["Around", "Call", "Kind", "Surroundings"]

#: What the application's code was written for.
Kind: TypeAlias = Literal[
    "event",
    "connection",
    "middleware",
    "guard",
    "disconnect",
    "task",
    "every",
    "ack",
    "http",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the application's code, for what surrounds it."""

    kind: Kind
    #: Whose call it is; None for tasks, requests and events of servers.
    socket: Any = None
    #: Name of the namespace, where there is one.
    namespace: str | None = None
    #: Name of the event, where there is one.
    event: str | None = None
    #: The arguments.
    args: tuple[Any, ...] = ()
    #: The request, where it is about one.
    request: Any = None


#: A generator function with one ``yield``, or what returns a context manager.
Around: TypeAlias = (
    "Callable[[Call], Iterator[None]] | Callable[[Call], AbstractContextManager[Any]]"
)

_HOW = "give a generator function with one yield, or what returns a context manager"


class Surroundings:
    """Those of one server; the first that was added is outermost."""

    __slots__ = ("makers",)

    def __init__(self) -> None:
        #: What makes the context managers; empty where nothing surrounds.
        self.makers: tuple[Callable[[Call], AbstractContextManager[Any]], ...] = ()

    def add(self, fn: Around) -> None:
        """Run each call from now on within ``fn(call)``.

        Raises:
            ConfigError: It is async, or takes other arguments.
            TypeError: It cannot be called.
        """
        if not callable(fn):
            raise TypeError(f"around({fn!r}): {_HOW}")
        try:
            inspect.signature(fn).bind(None)
        except (TypeError, ValueError) as exc:
            what = f"around({fn!r}) is called with one argument, the call"
            raise ConfigError(what) from exc
        if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
            raise ConfigError(f"around({fn!r}) is async: {_HOW}")
        if inspect.isgeneratorfunction(fn):
            self.makers = (*self.makers, contextmanager(fn))
        else:
            self.makers = (*self.makers, partial(_manager, fn))

    def call(
        self,
        kind: Kind,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        by_name: Mapping[str, Any] | None = None,
        **about: Any,
    ) -> Any:
        """Return what ``fn(*args, **by_name)`` does.

        Args:
            kind: For what surrounds it, as the rest is.
            fn: The application's.
            args: For it.
            by_name: Arguments that have names.
            about: Other fields of the ``Call``.

        Raises:
            ConfigError: It returned a coroutine or a generator.

        Blocks:
            As long as ``fn`` does, and what surrounds it.
        """
        body = partial(fn, *args, **(by_name or {}))
        if not self.makers:
            return done(fn, body())
        call = Call(kind=kind, args=args, **about)
        return _within(self.makers, call, lambda: done(fn, body()))


def _within(
    makers: tuple[Callable[[Call], AbstractContextManager[Any]], ...],
    call: Call,
    body: Callable[[], Any],
) -> Any:
    if not makers:
        return body()
    manager = makers[0](call)
    manager.__enter__()
    try:
        result = _within(makers[1:], call, body)
    except BaseException as exc:
        # What it raises takes the place of the error; it cannot make it nothing.
        manager.__exit__(type(exc), exc, exc.__traceback__)
        raise
    manager.__exit__(None, None, None)
    return result


def _manager(fn: Around, call: Call) -> AbstractContextManager[Any]:
    made: Any = fn(call)
    if not hasattr(type(made), "__enter__") or not hasattr(type(made), "__exit__"):
        raise ConfigError(f"around({fn!r}) returned {made!r}: {_HOW}")
    return made  # type: ignore[no-any-return]
