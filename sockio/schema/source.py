"""Source: what the text of a program says of its events.

Listeners are registered when a client connects, so they are not there before. They are
found where they are written: in the connection listener, and in functions that it calls
with the socket. Nothing of the program is run.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import FunctionType
from typing import Any

from sockio.errors import ConfigError
from sockio.runtime.event_names import event_name
from sockio.socket.validation import Parameter, resolved

from .events import Described, answer_of, anything, event_of

__all__ = ["Reading"]

#: The calls that register a listener, and those that emit.
_LISTENS = ("on", "once", "prepend_listener", "prepend_once_listener")
_EMITS = ("emit", "emit_with_ack", "call", "only_typed")
_UNKNOWN = object()


class Reading:
    """What the text of a connection listener, and of what it calls, says."""

    def __init__(self) -> None:
        #: The events that have listeners.
        self.received: list[Described] = []
        #: The typed events and the maps that are emitted.
        self.sent: list[Any] = []
        #: What could not be read, in words.
        self.unread: list[str] = []
        self._seen: set[tuple[object, str]] = set()

    def read(self, fn: Any, place: int = 0) -> None:
        """Read a function whose argument number ``place`` is a socket."""
        while isinstance(fn, partial):
            place += len(fn.args)
            fn = fn.func
        fn = inspect.unwrap(fn)
        if inspect.ismethod(fn):
            fn, place = fn.__func__, place + 1
        if not isinstance(fn, FunctionType):
            self.unread.append(f"{fn!r} is no function of Python")
            return
        names = fn.__code__.co_varnames[: fn.__code__.co_argcount]
        if place < len(names) and (fn.__code__, names[place]) not in self._seen:
            self._seen.add((fn.__code__, names[place]))
            tree = _tree(fn)
            if tree is None:
                self.unread.append(f"the source of {fn.__qualname__} is not there")
            else:
                self._read(fn, tree, names[place])

    def _read(self, fn: FunctionType, tree: ast.AST, socket: str) -> None:
        known = {**fn.__globals__, **dict(_enclosed(fn))}
        here: dict[str, ast.FunctionDef] = {
            node.name: node
            for node in _in_order(tree)
            if isinstance(node, ast.FunctionDef)
        }
        for node in _in_order(tree):
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    self._decorated(fn, node, decorator, socket, known)
            elif isinstance(node, ast.Call):
                self._called(fn, node, socket, known, here)

    def _decorated(
        self,
        fn: FunctionType,
        node: ast.FunctionDef,
        decorator: ast.expr,
        socket: str,
        known: Mapping[str, Any],
    ) -> None:
        if _is_call_of(decorator, socket, ("event",)):
            self._heard(fn, node.name, node)
        elif (
            isinstance(decorator, ast.Call)
            and len(decorator.args) == 1
            and _is_call_of(decorator.func, socket, _LISTENS)
        ):
            name = self._name(fn, decorator, known)
            if name is not None:
                self._heard(fn, name, node)

    def _called(
        self,
        fn: FunctionType,
        node: ast.Call,
        socket: str,
        known: Mapping[str, Any],
        here: Mapping[str, ast.FunctionDef],
    ) -> None:
        if _is_call_of(node.func, socket, _LISTENS) and len(node.args) > 1:
            name = self._name(fn, node, known)
            if name is not None:
                self._given(fn, name, node.args[1], known, here)
            return
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in _EMITS
            and node.args
            and _root(node.func.value) == socket
        ):
            self.sent.append(_value(node.args[0], known))
        for place, argument in enumerate(node.args):
            if isinstance(argument, ast.Name) and argument.id == socket:
                called = _value(node.func, known)
                if isinstance(called, FunctionType):
                    self.read(called, place)

    def _name(
        self, fn: FunctionType, node: ast.Call, known: Mapping[str, Any]
    ) -> str | None:
        try:
            return event_name(_value(node.args[0], known))
        except TypeError:
            self.unread.append(
                f"{fn.__qualname__}: the name of the event is not written in "
                f"{ast.unparse(node.func)}({ast.unparse(node.args[0])})"
            )
            return None

    def _given(
        self,
        fn: FunctionType,
        name: str,
        given: ast.expr,
        known: Mapping[str, Any],
        here: Mapping[str, ast.FunctionDef],
    ) -> None:
        """Note the listener that is given to ``on`` as an argument."""
        if isinstance(given, ast.Name) and given.id in here:
            self._heard(fn, name, here[given.id])
            return
        value = _function(given, known)
        described = anything(name) if value is None else event_of(name, value)
        self.received.append(described)

    def _heard(self, fn: FunctionType, name: str, node: ast.FunctionDef) -> None:
        """Note a listener that is defined in the text."""
        written = [*node.args.posonlyargs, *node.args.args]
        optional = len(written) - len(node.args.defaults)
        given = {
            each.arg: ast.unparse(each.annotation)
            for each in (*written, node.args.vararg)
            if each is not None and each.annotation is not None
        }
        if node.returns is not None:
            given["return"] = ast.unparse(node.returns)
        try:
            types = resolved(fn, given)
        except NameError as exc:
            raise ConfigError(
                f"{fn.__qualname__}.{node.name}: an annotation has the name "
                f"{exc.name!r}, which its module does not know"
            ) from None
        found = [
            Parameter(each.arg, types.get(each.arg, Any), place >= optional, False)
            for place, each in enumerate(written)
        ]
        if node.args.vararg is not None:
            rest = node.args.vararg.arg
            found.append(Parameter(rest, types.get(rest, Any), False, True))
        answer = types.get("return", Any)
        by_hand = any(each.arg == "ack" for each in node.args.kwonlyargs)
        answered = answer_of(answer, by_hand=by_hand)
        self.received.append(Described(name, found, answered))


def _enclosed(fn: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the variables of the functions around ``fn`` that it uses."""
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        with suppress(ValueError):  # it has no value yet
            yield name, cell.cell_contents


def _tree(fn: FunctionType) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(fn))).body[0]
    except (OSError, SyntaxError):  # no file, or a lambda amid an expression
        return None


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for inner in ast.iter_child_nodes(node):
        yield from _in_order(inner)


def _is_call_of(node: ast.expr, socket: str, names: tuple[str, ...]) -> bool:
    """Whether an expression is ``socket.name``."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in names
        and isinstance(node.value, ast.Name)
        and node.value.id == socket
    )


def _root(node: ast.expr) -> str | None:
    """Return the name with which a chain of calls and attributes begins."""
    for each in _chain(node):
        if isinstance(each, ast.Name):
            return each.id
    return None


def _chain(node: ast.expr) -> Iterator[ast.expr]:
    while True:
        yield node
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return


def _function(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """Return the function that an expression gives; None: that is not known."""
    if isinstance(node, ast.Call) and _value(node.func, known) is partial:
        inner = _function(node.args[0], known) if node.args else None
        named = {each.arg: None for each in node.keywords if each.arg is not None}
        return inner and partial(inner, *node.args[1:], **named)
    value = _value(node, known)
    return value if callable(value) else None


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """Return what a constant, a name, or an attribute of a name stands for."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id, _UNKNOWN)
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, known), node.attr, _UNKNOWN)
    return _UNKNOWN
