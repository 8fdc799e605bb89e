"""Surroundings: what runs around each call of the application's code.

    @io.around
    def in_transaction(call):
        with transaction():
            yield

All such calls go through ``Surroundings.call``, or have the same effect: if nothing
surrounds them, the most frequent ones are made directly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias

from sockio.errors import ConfigError

from .deferred import done

__all__ = ["Around", "Call", "Kind", "Surroundings", "Trail"]

#: What the called code of the application is for.
Kind: TypeAlias = Literal[
    "event",
    "connection",
    "middleware",
    "guard",
    "disconnect",
    "task",
    "every",
    "ack",
    "error",
    "http",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the application's code, for what surrounds it."""

    kind: Kind
    #: The socket that the call is about; None for tasks, requests, events of servers.
    socket: Any = None
    #: Name of the namespace, if there is one.
    namespace: str | None = None
    #: Name of the event, if there is one.
    event: str | None = None
    #: The arguments.
    args: tuple[Any, ...] = ()
    #: The request, if the call is about one.
    request: Any = None


#: A generator function with one ``yield``, or one returning a context manager.
Around: TypeAlias = (
    "Callable[[Call], Iterator[None]] | Callable[[Call], AbstractContextManager[Any]]"
)

_HOW = "give a generator function with one yield, or one returning a context manager"


class Trail(Protocol):
    """Knows what a call belongs to, in words that another process understands."""

    def words(self) -> dict[str, str]:
        """Return what the present call belongs to."""

    def follow(self, words: Mapping[str, str]) -> None:
        """Let what is called from now on in this context belong to it."""


class _Following:
    """A function of the application, and what its call will belong to."""

    __slots__ = ("fn", "words")

    def __init__(self, fn: Callable[..., Any], words: Mapping[str, str]) -> None:
        self.fn = fn
        self.words = words

    def __call__(self, *args: Any, **by_name: Any) -> Any:
        return self.fn(*args, **by_name)


class Surroundings:
    """The surroundings of one server; the first that was added is outermost."""

    __slots__ = ("makers", "trail")

    def __init__(self) -> None:
        #: Where calls belong that are made later, or in other processes; None: nobody
        #: wants to know.
        self.trail: Trail | None = None
        #: Functions that make the context managers; empty if nothing surrounds.
        self.makers: tuple[Callable[[Call], AbstractContextManager[Any]], ...] = ()

    def add(self, fn: Around) -> Callable[[], None]:
        """Run each call from now on within ``fn(call)``.

        Returns:
            A function that ends this.

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
        maker = (
            contextmanager(fn)
            if inspect.isgeneratorfunction(fn)
            else partial(_manager, fn)
        )
        self.makers = (*self.makers, maker)
        return partial(self._remove, maker)

    def enclose(
        self, maker: Callable[[Call], AbstractContextManager[Any]]
    ) -> Callable[[], None]:
        """Run each call within ``maker(call)``, and all that ``add`` adds inside it.

        Returns:
            A function that ends this.
        """
        self.makers = (maker, *self.makers)
        return partial(self._remove, maker)

    def _remove(self, maker: Callable[[Call], AbstractContextManager[Any]]) -> None:
        self.makers = tuple(one for one in self.makers if one is not maker)

    def later(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Return what to give to ``call`` later, so that it belongs to the present."""
        return fn if self.trail is None else _Following(fn, self.trail.words())

    def follow(self, words: Mapping[str, str] | None) -> None:
        """Let this context belong to what another process was doing."""
        if words and self.trail is not None:
            self.trail.follow(words)

    def call(
        self,
        kind: Kind,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        by_name: Mapping[str, Any] | None = None,
        **about: Any,
    ) -> Any:
        """Return what ``fn(*args, **by_name)`` returns, within what surrounds it.

        Args:
            kind: The ``Call``'s kind.
            fn: A function of the application.
            args: Its arguments.
            by_name: Its keyword arguments.
            about: Other fields of the ``Call``.

        Raises:
            ConfigError: ``fn`` returned a coroutine or a generator, or a function given
                to ``add`` did not return a context manager.

        Blocks:
            As long as ``fn`` and what surrounds it do.
        """
        if type(fn) is _Following:
            self.follow(fn.words)
            fn = fn.fn
        if not self.makers:
            return done(fn, fn(*args, **(by_name or {})))
        body = partial(fn, *args, **(by_name or {}))
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
        # It may raise another error in place of this one, but not suppress it.
        manager.__exit__(type(exc), exc, exc.__traceback__)
        raise
    manager.__exit__(None, None, None)
    return result


def _manager(fn: Around, call: Call) -> AbstractContextManager[Any]:
    made: Any = fn(call)
    if not hasattr(type(made), "__enter__") or not hasattr(type(made), "__exit__"):
        raise ConfigError(f"around({fn!r}) returned {made!r}: {_HOW}")
    return made  # type: ignore[no-any-return]
