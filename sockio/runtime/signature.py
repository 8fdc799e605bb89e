"""Signature: how many arguments a handler takes, and whether it acks by hand.

Read once, when the handler is registered. Never find it out by calling and catching
TypeError: that hides the handler's own TypeErrors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import FunctionType, MethodType
from typing import Any, TypeAlias

from sockio.errors import ConfigError

from .deferred import DEFERRING, REMEDY, deferring

Handler: TypeAlias = Callable[..., Any]

#: Names that the ack function has in other libraries.
_ACK_NAMES = ("ack", "callback", "cb")


def read_signature(fn: Handler) -> tuple[int, int | None, bool]:
    """Return the least and the most arguments ``fn`` takes, and whether it acks.

    Raises:
        TypeError: It cannot be called.
        ConfigError: It could be called, but never with what an event carries.
    """
    if not callable(fn):
        raise TypeError(f"a listener must be callable, not {fn!r}")
    plain = _read_code(fn)
    if plain is not None:
        return plain
    wrong = deferring(fn)
    if wrong is not None:
        raise ConfigError(f"{fn!r} {wrong}: {REMEDY}")
    parameters, outer = parameters_of(fn), parameters_of(fn, follow_wrapped=False)
    if parameters is None or outer is None:
        return (
            0,
            None,
            False,
        )  # C code that does not say: it may be called with anything
    least, most, wants_ack = 0, 0, False
    takes_any = False
    for parameter in parameters:
        required = parameter.default is parameter.empty
        if parameter.kind is parameter.VAR_POSITIONAL:
            takes_any = True
        elif parameter.kind is parameter.KEYWORD_ONLY:
            if parameter.name == "ack":
                wants_ack = _can_give_ack(fn, outer)
            elif required:
                raise _unknown_keyword(fn, parameter.name)
        elif parameter.kind is not parameter.VAR_KEYWORD:
            most += 1
            least += required
    return least, None if takes_any else most, wants_ack


def _read_code(fn: Handler) -> tuple[int, int | None, bool] | None:
    """Do the same for plain functions and methods, thirty times as fast; else None.

    Handlers are registered for each client that connects, so their cost is part of
    every connect.
    """
    bound = 0
    if type(fn) is MethodType:
        fn = fn.__func__
        bound = 1
    if (
        type(fn) is not FunctionType
        or hasattr(fn, "__wrapped__")
        or hasattr(fn, "__signature__")
    ):
        return None
    code = fn.__code__
    if code.co_flags & DEFERRING:
        return None  # read_signature says what is wrong
    if code.co_argcount < bound:  # the object itself falls into *args
        return None
    wants_ack = False
    if code.co_kwonlyargcount:
        first = code.co_argcount
        for name in code.co_varnames[first : first + code.co_kwonlyargcount]:
            if name == "ack":
                wants_ack = True
            elif name not in (fn.__kwdefaults__ or ()):
                raise _unknown_keyword(fn, name)
    most = code.co_argcount - bound
    least = max(most - len(fn.__defaults__ or ()), 0)
    return least, None if code.co_flags & inspect.CO_VARARGS else most, wants_ack


def parameters_of(
    fn: Handler, *, follow_wrapped: bool = True
) -> list[inspect.Parameter] | None:
    """Return what ``fn`` declares; None where it is C code that declares nothing.

    If a decorator made with ``functools.wraps`` names its parameters, these count; if
    it passes ``*args`` on, those of the function inside count.
    """
    try:
        own = inspect.signature(fn, follow_wrapped=False).parameters.values()
        if follow_wrapped and any(each.kind is each.VAR_POSITIONAL for each in own):
            own = inspect.signature(fn).parameters.values()
    except ValueError:
        return None
    return list(own)


def _can_give_ack(fn: Handler, outer: list[inspect.Parameter]) -> bool:
    """Whether ``ack=`` reaches the parameter of that name, through decorators."""
    if isinstance(fn, partial) and "ack" in fn.keywords:
        return False  # the partial has given one
    return any(
        each.kind is each.VAR_KEYWORD
        or (each.name == "ack" and each.kind is each.KEYWORD_ONLY)
        for each in outer
    )


def _unknown_keyword(fn: Handler, name: str) -> ConfigError:
    return ConfigError(
        f"{fn!r} needs a keyword argument {name!r}, which no event has: give it a "
        "default, or call it `ack` if it is to acknowledge"
    )


def arguments(count: int) -> str:
    """Say how many: ``1 argument``, ``no arguments``."""
    return f"{count or 'no'} argument{'' if count == 1 else 's'}"


def advise_ack(fn: Handler, count: int) -> str:
    """Say what to do about a parameter that expects the ack function in vain.

    Args:
        fn: A handler.
        count: How many arguments an event came with, without the ack function.
    """
    names = [
        parameter.name
        for parameter in parameters_of(fn) or ()
        if parameter.kind
        in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(names) != count + 1 or names[-1] not in _ACK_NAMES:
        return ""
    before = "".join(f"{name}, " for name in names[:-1])
    return (
        f"; to acknowledge by hand make {names[-1]} keyword-only: "
        f"{_name(fn)}({before}*, ack)"
    )


def describe_call(fn: Handler) -> str:
    """Show its name and parameters: ``chat(text, room=...)``."""
    return f"{_name(fn)}({_describe_parameters(fn)})"


def _name(fn: Handler) -> str:
    while isinstance(fn, partial):
        fn = fn.func
    return getattr(fn, "__name__", None) or type(fn).__name__


def _describe_parameters(fn: Handler) -> str:
    shown = []
    for parameter in parameters_of(fn) or ():
        if parameter.kind is parameter.VAR_POSITIONAL:
            shown.append(f"*{parameter.name}")
        elif parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            continue  # nothing that an event could fill
        elif parameter.default is parameter.empty:
            shown.append(parameter.name)
        else:
            shown.append(f"{parameter.name}=...")
    return ", ".join(shown)
