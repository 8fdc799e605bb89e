"""Validation: the arguments of events, as the types that their handlers declare.

The annotations of a handler become one converter, which handlers of the same code and
the same annotations share. It makes dataclasses, Structs, typed dicts and the like of
what the client has sent; what does not fit is rejected, with the path to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from inspect import Signature
from types import FunctionType, GenericAlias, MethodType
from typing import Any, NamedTuple, get_type_hints

import msgspec
from msgspec import inspect as types
from msgspec.structs import astuple

from sockio.errors import ConfigError, EventRejected
from sockio.protocol.socketio.packet import RESERVED_EVENTS
from sockio.runtime.known_signatures import MOST_KNOWN, key_of
from sockio.runtime.listeners import Convert, Handler
from sockio.runtime.peer_text import told
from sockio.runtime.signature import describe_call, parameters_of

__all__ = ["Parameter", "converter", "parameters", "types_within"]

#: Characters of a text of msgspec's that a client is told; it may quote the client.
_LONGEST = 200
#: What msgspec says, and the path that it adds.
_SAID = re.compile(r"(.*) - at (`key` in )?`\$(.*)`", re.DOTALL)
#: An argument and the path below it: [0].items[2].price
_BELOW = re.compile(r"\[(\d+)\](.*)", re.DOTALL)
#: Text would count as bytes in base64, but bytes travel as attachments.
_AS_THEY_ARE = (bytes, bytearray, memoryview)


class Parameter(NamedTuple):
    """One parameter of a handler that an event fills."""

    name: str
    #: Its type, with no names left in it; Any if it has no annotation.
    type: Any
    #: Whether an event may leave it out.
    optional: bool
    #: Whether it takes all arguments that are left: ``*args``.
    rest: bool


def converter(event: str, fn: Handler) -> Convert | None:
    """Return what converts the arguments of ``event`` for the handler ``fn``.

    None: it takes them as they are.

    Raises:
        ConfigError: Arguments cannot be converted to a type that ``fn`` declares.
    """
    if event in RESERVED_EVENTS:
        return None  # these are our own events; no client can send one
    inner = _innermost(fn)
    key = _key(fn, inner)
    if key is None:
        return _compile(fn)
    try:
        found = _known.get(key)
    except TypeError:  # an annotation cannot be hashed
        return _compile(fn)
    if found is None:
        # The key has the id of this dict, which must not become that of another.
        names = getattr(inner, "__globals__", None)
        found = names, _compile(fn)
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = found
    return found[1]


#: The converters, by code and annotations, with the names of the handlers' modules.
_known: dict[tuple[object, ...], tuple[object, Convert | None]] = {}


def _innermost(fn: Any) -> Any:
    """Return the function that the arguments reach, through decorators and partials."""
    seen = set()
    while id(fn) not in seen:
        seen.add(id(fn))
        if isinstance(fn, MethodType):
            fn = fn.__func__
        elif hasattr(fn, "__wrapped__"):
            fn = fn.__wrapped__
        elif isinstance(fn, partial):
            fn = fn.func
        elif not isinstance(fn, FunctionType):
            fn = getattr(type(fn), "__call__", fn)  # noqa: B004 - it is what we want
    return fn


def _key(fn: Handler, inner: Any) -> tuple[object, ...] | None:
    code = key_of(fn)
    if code is None or not isinstance(inner, FunctionType):
        return None
    try:
        annotations = inner.__annotations__
    except NameError:  # from Python 3.14 on they are evaluated here
        return None  # ``_compile`` says what is wrong
    return code, id(inner.__globals__), tuple(annotations.items())


# ------------------------------------------------------------------ compiling


def parameters(fn: Handler) -> list[Parameter]:
    """Return the parameters of ``fn`` that an event fills.

    Raises:
        ConfigError: An annotation has a name that is not known where ``fn`` is defined.
    """
    try:
        found = [
            each
            for each in parameters_of(fn) or ()
            if each.kind not in (each.KEYWORD_ONLY, each.VAR_KEYWORD)
        ]
        types = resolved(fn, {p.name: p.annotation for p in found})
    except NameError as exc:
        raise ConfigError(
            f"{fn!r}: an annotation has the name {exc.name!r}, which its module does "
            "not know: define or import it at the top of the module, not in a function "
            "and not below TYPE_CHECKING"
        ) from None
    return [
        Parameter(
            each.name,
            types.get(each.name, Any),
            each.default is not each.empty,
            each.kind is each.VAR_POSITIONAL,
        )
        for each in found
    ]


def resolved(fn: Handler, annotations: Mapping[str, Any]) -> dict[str, Any]:
    """Return the annotations that there are, without names in quotes.

    Raises:
        NameError: The module of ``fn`` does not know a name.
    """

    def named() -> None: ...

    named.__annotations__ = {
        name: annotation
        for name, annotation in annotations.items()
        if annotation is not Signature.empty
    }
    names = getattr(_innermost(fn), "__globals__", {})
    return get_type_hints(named, globalns=names, include_extras=True)


def _compile(fn: Handler) -> Convert | None:
    found = parameters(fn)
    if all(each.type is Any or each.type is object for each in found):
        return None
    for each in found:
        _check(fn, each)
    return _Converter(found)


def _check(fn: Handler, parameter: Parameter) -> None:
    try:
        types.type_info(parameter.type)
    except (TypeError, ValueError, NameError) as exc:
        raise ConfigError(
            f"{describe_call(fn)}: the type of {parameter.name} cannot be validated: "
            f"{exc}"
        ) from None


def types_within(type_: Any) -> set[type[types.Type]]:
    """Return which kinds of types ``type_`` is made of."""
    return {type(each) for each in _walk(types.type_info(type_), set())}


def _walk(info: Any, seen: set[int]) -> Iterator[Any]:
    if id(info) in seen:
        return
    seen.add(id(info))
    yield info
    for name in getattr(info, "__struct_fields__", ()):
        value = getattr(info, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, types.Type | types.Field):
                yield from _walk(each, seen)


# ------------------------------------------------------------------ converting


class _Converter:
    """Converts the arguments of events for one handler."""

    __slots__ = ("_count", "_first", "_names", "_others")

    def __init__(self, found: Sequence[Parameter]) -> None:
        first = [each for each in found if not each.rest]
        self._names = [each.name for each in found]
        self._count = len(first)
        #: Makes an object of the arguments, which has one field for each.
        self._first = _maker([(each.type, each.optional) for each in first])
        #: The same for ``*args``; None: there is no such parameter.
        self._others: Callable[[Any], Any] | None = None
        for each in found[self._count :]:
            self._others = _maker([(GenericAlias(tuple, (each.type, ...)), False)])

    def __call__(self, event: str, args: Sequence[Any]) -> tuple[Any, ...]:
        count = self._count
        given = len(args)
        try:
            if given <= count:
                made = astuple(self._first(args))
                return made if given == count else made[:given]
            made = astuple(self._first(args[:count]))
        except _WRONG as exc:
            raise self._rejection(event, exc) from None
        try:
            assert self._others is not None  # else there are not so many
            (others,) = astuple(self._others((args[count:],)))
        except _WRONG as exc:
            raise self._rejection(event, exc, count) from None
        return (*made, *others)

    def _rejection(self, event: str, error: Exception, at: int = 0) -> EventRejected:
        said = _SAID.fullmatch(str(error))
        below = said and _BELOW.fullmatch(said[3])
        if isinstance(error, RecursionError):
            what, path = "it is nested too deeply", None
        elif isinstance(error, UnicodeError):
            what, path = "it has text that is not valid Unicode", None
        elif said is None or below is None:
            what, path = str(error), None
        else:
            what = f"a key: {said[1]}" if said[2] else said[1]
            path = self._names[at + int(below[1])] + below[2]
        text = f"event {event!r}: {f'{path}: ' if path else ''}{what}"
        return EventRejected(told(text, _LONGEST), path=path and told(path, _LONGEST))


#: What msgspec raises where a value does not fit. All but the first are for values that
#: it cannot look at: text with half a surrogate pair, and what is nested too deeply.
_WRONG = (msgspec.ValidationError, UnicodeError, OverflowError, RecursionError)


def _maker(fields: Sequence[tuple[Any, bool]]) -> Callable[[Any], Any]:
    """Return what makes an object with these fields of a list: types, and if optional.

    A Struct is quicker than a tuple here: msgspec keeps what it knows of its fields.
    """
    struct = msgspec.defstruct(
        "Arguments",
        [
            (f"a{i}", type_, msgspec.UNSET) if optional else (f"a{i}", type_)
            for i, (type_, optional) in enumerate(fields)
        ],
        array_like=True,
    )
    options: dict[str, Any] = {}
    kinds = set().union(*(types_within(type_) for type_, _ in fields))
    if kinds & {types.BytesType, types.ByteArrayType, types.MemoryViewType}:
        options["builtin_types"] = _AS_THEY_ARE
    if types.DictType in kinds:
        options["str_keys"] = True  # in JSON all keys are text
    return partial(msgspec.convert, type=struct, **options)
