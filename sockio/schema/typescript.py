"""TypeScript: the events of a server as the maps that ``socket.io-client`` takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from msgspec import inspect as types

from sockio.socket.validation import Parameter

from .events import Channel, Described
from .gathering import Schema

__all__ = ["typescript"]

_HEAD = """\
// Written by `python -m sockio schema`. Do not change it: write it again.
"""
_BINARY = """
/** What travels as an attachment: of browsers, and of Node. */
export type Binary = ArrayBuffer | ArrayBufferView;
"""
_ERROR = """
/** What answers an event that the server has rejected. */
export interface EventError {
  error: { message: string; path?: string };
}
"""
#: Text as it is written in JSON.
_TEXT = (
    types.StrType,
    types.DateTimeType,
    types.DateType,
    types.TimeType,
    types.TimeDeltaType,
    types.UUIDType,
    types.DecimalType,
)
_BYTES = (types.BytesType, types.ByteArrayType, types.MemoryViewType)
_RECORDS = (types.StructType, types.DataclassType, types.TypedDictType)
_LISTS = (types.ListType, types.SetType, types.FrozenSetType, types.VarTupleType)
_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$]*")


def typescript(schema: Schema) -> str:
    """Return a module of TypeScript with the maps of each namespace."""
    writer = _Writer(error_answers=schema.error_answers)
    maps = [writer.maps(channel) for channel in schema.channels]
    parts = [_HEAD]
    if writer.binary:
        parts.append(_BINARY)
    if writer.errors:
        parts.append(_ERROR)
    return "".join([*parts, *writer.interfaces, *maps])


class _Writer:
    """Writes types, and keeps the interfaces that they need."""

    def __init__(self, *, error_answers: bool) -> None:
        self._error_answers = error_answers
        #: The interfaces that were written; their names by class.
        self.interfaces: list[str] = []
        self._names: dict[Any, str] = {}
        #: Whether these types are used.
        self.binary = False
        self.errors = False
        self._prefixes: set[str] = set()

    # ------------------------------------------------------------------ events

    def maps(self, channel: Channel) -> str:
        """Write both maps of a namespace."""
        prefix = self._prefix(channel.name)
        return "".join(
            self._map(
                f"{prefix}{name}",
                f'Events {whose} clients of the namespace "{channel.name}"',
                events,
                errors=errors,
            )
            for name, whose, events, errors in (
                ("ClientToServerEvents", "of", channel.received, self._error_answers),
                ("ServerToClientEvents", "to", channel.sent, False),
            )
        )

    def _prefix(self, namespace: str) -> str:
        words = re.findall(r"[A-Za-z0-9]+", namespace)
        prefix = "".join(word[0].upper() + word[1:] for word in words)
        if prefix[:1].isdigit():
            prefix = f"_{prefix}"
        while prefix in self._prefixes:
            prefix += "_"
        self._prefixes.add(prefix)
        return prefix

    def _map(
        self, name: str, text: str, events: dict[str, Described], *, errors: bool
    ) -> str:
        text = text.replace("*/", "* /")
        # Of events that are not known, any may be used.
        lines = [self._event(event, errors) for event in events.values()] or [
            "[event: string]: (...args: any[]) => void;"
        ]
        body = "".join(f"  {line}\n" for line in lines)
        return f"\n/** {text}. */\nexport interface {name} {{\n{body}}}\n"

    def _event(self, event: Described, errors: bool) -> str:
        found = event.parameters
        ack, needed = self._ack(event.answer, errors)
        if ack is None:
            written = [self._parameter(each) for each in found]
        elif not any(each.rest or (each.optional and needed) for each in found):
            mark = "" if needed else "?"
            written = [self._parameter(each) for each in found]
            written.append(f"ack{mark}: {ack}")
        else:
            # What must be there cannot follow what need not, so each form is written.
            forms = [[self._parameter(p, True) for p in form] for form in _forms(found)]
            forms = [*([] if needed else forms), *([*f, f"ack: {ack}"] for f in forms)]
            lists = [f"[{', '.join(form)}]" for form in forms]
            written = ["...args: " + " | ".join(lists)]
        return f"{json.dumps(event.name)}: ({', '.join(written)}) => void;"

    def _parameter(self, parameter: Parameter, given: bool = False) -> str:
        """Write a parameter; ``given``: an event that has it, even if it need not."""
        written = self.write(parameter.type)
        name = _name(parameter)
        if parameter.rest:
            return f"...{name}: {_list_of(written)}"
        return f"{name}{'?' if parameter.optional and not given else ''}: {written}"

    def _ack(self, type_: Any, errors: bool) -> tuple[str | None, bool]:
        """Write the function that takes the answer, and say if it must be given."""
        if type_ is None and not errors:
            return None, False
        self.errors |= errors
        if type_ is None:
            return "(error?: EventError) => void", False
        try:
            info = types.type_info(type_)
        except (TypeError, NameError):
            info = types.AnyType()
        if isinstance(info, types.AnyType | types.CustomType):
            return "(...answer: any[]) => void", False
        several = info.item_types if isinstance(info, types.TupleType) else (info,)
        written = [self._info(each) for each in several]
        if errors:
            written[:1] = [f"{each} | EventError" for each in written[:1]]
        named = [f"answer{i or ''}: {each}" for i, each in enumerate(written)]
        return f"({', '.join(named)}) => void", True

    # ------------------------------------------------------------------ types

    def write(self, type_: Any) -> str:
        """Write a type of Python; ``any`` if there is none like it."""
        try:
            return self._info(types.type_info(type_))
        except (TypeError, NameError):
            return "any"

    def _info(self, info: Any) -> str:
        if isinstance(info, types.Metadata):
            return self._info(info.type)
        if isinstance(info, types.NoneType):
            return "null"
        if isinstance(info, types.BoolType):
            return "boolean"
        if isinstance(info, types.IntType | types.FloatType):
            return "number"
        if isinstance(info, _TEXT):
            return "string"
        if isinstance(info, _BYTES):
            self.binary = True
            return "Binary"
        if isinstance(info, types.LiteralType):
            return _union(_literal(value) for value in info.values)
        if isinstance(info, types.EnumType):
            return _union(_literal(each) for each in info.cls)
        if isinstance(info, types.UnionType):
            return _union(map(self._info, info.types))
        return self._compound(info)

    def _compound(self, info: Any) -> str:
        if isinstance(info, _LISTS):
            return _list_of(self._info(info.item_type))
        if isinstance(info, types.TupleType):
            return f"[{', '.join(map(self._info, info.item_types))}]"
        if isinstance(info, types.NamedTupleType):
            return f"[{', '.join(self._info(each.type) for each in info.fields)}]"
        if isinstance(info, types.DictType):
            return f"{{ [key: string]: {self._info(info.value_type)} }}"
        if isinstance(info, _RECORDS):
            return self._record(info)
        return "any"

    def _record(self, info: Any) -> str:
        """Return the name of an interface; write it first if there is none."""
        if getattr(info, "array_like", False):
            tag = [_literal(info.tag)] if info.tag is not None else []
            return f"[{', '.join([*tag, *(self._info(f.type) for f in info.fields)])}]"
        if info.cls in self._names:
            return self._names[info.cls]
        name = re.sub(r"\W", "_", getattr(info.cls, "__name__", str(info.cls)))
        while name in {*self._names.values(), "Binary", "EventError"}:
            name += "_"
        self._names[info.cls] = name  # before its fields, which may be of its own type
        lines = [
            f"{_key(field.encode_name)}{'' if field.required else '?'}: "
            f"{self._info(field.type)};"
            for field in info.fields
        ]
        if getattr(info, "tag", None) is not None:
            lines.insert(0, f"{_key(info.tag_field)}: {_literal(info.tag)};")
        body = "".join(f"  {line}\n" for line in lines)
        self.interfaces.append(f"\nexport interface {name} {{\n{body}}}\n")
        return name


#: What is no name in JavaScript, but is one in Python; ``ack`` is a name of ours.
_KEYWORDS = re.compile(
    "ack|case|catch|const|debugger|default|delete|do|enum|export|extends|function|"
    "implements|instanceof|interface|let|new|null|package|private|protected|public|"
    "static|super|switch|this|throw|typeof|var|void"
)


def _name(parameter: Parameter) -> str:
    known = _KEYWORDS.fullmatch(parameter.name)
    return f"{parameter.name}_" if known else parameter.name


def _forms(found: list[Parameter]) -> Iterator[list[Parameter]]:
    """Yield the arguments that an event may have, shortest form first."""
    least = sum(not (each.optional or each.rest) for each in found)
    fixed = [each for each in found if not each.rest]
    for length in range(least, len(fixed) + 1):
        if length < len(fixed) or len(fixed) == len(found):
            yield fixed[:length]
    if len(found) > len(fixed):
        yield found


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else json.dumps(name)


def _literal(value: Any) -> str:
    return json.dumps(value.value if isinstance(value, Enum) else value)


def _union(parts: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(parts))


def _list_of(written: str) -> str:
    return f"({written})[]" if " | " in written else f"{written}[]"
