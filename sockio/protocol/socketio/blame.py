"""Blame: which value of a packet cannot travel, where it is, what to send instead.

This runs only when a packet could not be written, so it may take its time: it writes
parts of the data one by one until it has found the part that fails.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Iterator,
    MappingView,
)
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any

from sockio.errors import EncodeError

from .packet import Packet, PacketType

__all__ = ["blame"]

#: Levels that are searched; the path to a value further inside ends here.
_DEEPEST = 64
#: Characters of a name or a key that are shown.
_LONGEST = 60

#: Writes a value by itself; raises EncodeError if it cannot be written.
Write = Callable[[Any], object]


def blame(packet: Packet, error: EncodeError, write: Write) -> EncodeError:
    """Return ``error`` with the event's name, the path of the value, and a hint.

    Raise the result in the handler of ``error``, and do not keep it in a variable: see
    ``_let_go``.
    """
    try:
        return _explained(packet, error, write)
    except Exception:
        # A boundary: looking at a value may run code of the application.
        return error
    finally:
        _let_go(error)


def _explained(packet: Packet, error: EncodeError, write: Write) -> EncodeError:
    where = _name(packet)
    if isinstance(error.__cause__, RecursionError):
        return EncodeError(f"{where}: {error}")
    data, root = packet.data, "data"
    if packet.type is PacketType.EVENT:
        data, root = data[1:], "args"
    elif packet.type is PacketType.ACK:
        root = "args"
    path, value, error = _find(data, error, write)
    if path:
        where += f", {root}{path}"
    hint = _hint(value)
    return EncodeError(f"{where}: {error}{f'; {hint}' if hint else ''}")


def _let_go(error: EncodeError) -> EncodeError:
    """Return ``error`` without its traceback and its causes.

    Their frames hold the packet and the error itself. Such a cycle would keep the
    packet until the garbage collector runs; and CPython up to 3.12.6 crashes when it
    collects the buffer of a memoryview.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def _name(packet: Packet) -> str:
    if packet.type is PacketType.EVENT and packet.data:
        return f"event {_shown(packet.data[0])}"
    if packet.type is PacketType.ACK:
        return "an acknowledgement"
    return f"a packet of type {PacketType(packet.type).name}"


def _find(value: Any, error: EncodeError, write: Write) -> tuple[str, Any, EncodeError]:
    """Return path, value and error of the innermost part that fails by itself."""
    path = ""
    for _ in range(_DEEPEST):
        for step, part in _parts(value):
            failed = _failure(part, write)
            if failed is not None:
                path, value, error = path + step, part, failed
                break
        else:
            break
    return path, value, error


def _failure(value: Any, write: Write) -> EncodeError | None:
    try:
        write(value)
    except EncodeError as exc:
        return _let_go(exc)
    return None


def _parts(value: Any) -> list[tuple[str, Any]]:
    """Return the values inside ``value``, each with its step of the path."""
    if isinstance(value, Enum):
        return [(".value", value.value)]
    if isinstance(value, (list, tuple)):
        return [(f"[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return [(f"[{_shown(key)}]", item) for key, item in value.items()]
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value))
        return [(f".{name}", getattr(value, name, None)) for name in names]
    return []


def _shown(name: object) -> str:
    text = repr(name)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _hint(value: Any) -> str | None:
    """Say what to send in place of ``value``, if its type tells."""
    for test, hint in _HINTS:
        if test(value):
            return hint
    return None


def _is_a(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _has(*names: str) -> Callable[[Any], bool]:
    """Test for attributes of the type, so that no code of the value runs."""
    return lambda value: all(hasattr(type(value), name) for name in names)


def _of(module: str, *names: str) -> Callable[[Any], bool]:
    """Test for classes (and subclasses) of a module that we do not import."""

    def test(value: Any) -> bool:
        found = sys.modules.get(module)
        kinds = tuple(
            kind
            for name in names
            if isinstance(kind := getattr(found, name, None), type)
        )
        return isinstance(value, kinds)

    return test


_LIST = "send list(value)"
#: What to do about a value, by the first test that says yes.
_HINTS: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (_is_a(AbstractSet, MappingView), "send list(value), or sorted(value)"),
    (
        _is_a(Coroutine, AsyncGenerator),
        "it comes from an async function, which nobody awaits: call a plain function",
    ),
    (_has("model", "values", "iterator"), 'send list(queryset.values("id", ...))'),
    (_is_a(Iterator), f"{_LIST}: the items of an iterator are not known in advance"),
    (_has("_meta", "objects"), "send model_to_dict(value), or a dict of some fields"),
    (_has("_meta", "pk"), "send model_to_dict(value), or a dict of some fields"),
    (_has("__mapper__"), "send a dict of some of its columns"),
    (_has("model_dump"), 'send value.model_dump(mode="json")'),
    (_has("__attrs_attrs__"), "send attrs.asdict(value)"),
    (_of("pandas", "DataFrame"), 'send value.to_dict("records")'),
    (_of("pandas", "Series"), "send value.tolist()"),
    (_is_a(PurePath), "send str(value)"),
    (_is_a(timedelta), "send value.total_seconds()"),
    (_is_a(complex), "send [value.real, value.imag]"),
    (_is_a(BaseException), "send str(value)"),
    (_of("ipaddress", "_IPAddressBase"), "send str(value)"),
    (_is_a(type), "it is a class: send an instance, or its name"),
    (_has("emit", "handshake"), "send socket.id"),
    (_has("to_dict"), "send value.to_dict()"),
    (_has("as_dict"), "send value.as_dict()"),
    (_has("dict"), "send value.dict()"),
    (
        inspect.isroutine,
        "only the last argument may be a function, which receives the acknowledgement",
    ),
    (
        lambda value: hasattr(value, "__dict__"),
        "send a dict of what the client needs",
    ),
)
