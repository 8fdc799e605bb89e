"""Failures: how the log shows an error that the application's code has raised.

It names the application's function, and the traceback begins there: the calls of the
library that led to it are the same each time. If the error comes from the library and
never got to the application's code, all of it is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import unwrap
from types import CodeType, TracebackType
from typing import Any

__all__ = ["name_of", "shown", "who"]

#: Packages whose frames are left out if they come before the application's.
_OURS = frozenset(("sockio", "gevent"))


def shown(
    error: BaseException,
) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Return ``exc_info`` for a log: it begins at the application's code, if any ran.

    The error keeps its whole traceback, for those who handle it.
    """
    return type(error), error, _application(error) or error.__traceback__


def who(fn: Callable[..., Any], error: BaseException) -> str:
    """Name the function that has failed.

    Args:
        fn: What was called. If it is one of ours, the function that it called counts.
        error: What came of it.
    """
    plain = _plain(fn)
    if _is_ours(getattr(plain, "__module__", None)):
        found = _application(error)
        if found is not None:
            return _place(found.tb_frame.f_code)
    return name_of(plain)


def name_of(fn: Callable[..., Any]) -> str:
    """Name a function and where it is: ``on_chat (app.py:31)``."""
    plain = _plain(fn)
    code = getattr(plain, "__code__", None)
    name = getattr(plain, "__qualname__", None) or type(plain).__qualname__
    return f"{name} {_where(code)}" if isinstance(code, CodeType) else str(name)


def _plain(fn: Any) -> Any:
    """Return the function that an application gave, without what is around it."""
    fn = getattr(fn, "stands_for", None) or fn
    while isinstance(fn, partial):
        fn = fn.func
    fn = getattr(fn, "__func__", fn)
    try:
        return unwrap(fn)
    except ValueError:  # it wraps itself
        return fn


def _application(error: BaseException) -> TracebackType | None:
    """Return the traceback from the application's code on; None: it was not reached."""
    found = error.__traceback__
    while found is not None and _is_ours(found.tb_frame.f_globals.get("__name__")):
        found = found.tb_next
    return found


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in _OURS


def _place(code: CodeType) -> str:
    return f"{getattr(code, 'co_qualname', code.co_name)} {_where(code)}"


def _where(code: CodeType) -> str:
    return f"({code.co_filename}:{code.co_firstlineno})"
