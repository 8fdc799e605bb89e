"""Plain: what stands for the values that neither JSON nor MessagePack knows.

Dates and times become text as in RFC 3339. UUIDs become text too, and so do decimals,
which JavaScript does not have. A member of an enumeration becomes its value. A
dataclass becomes an object of its fields without those that start with an underscore.
orjson does the same for the types that it knows, so a packet looks the same whatever
wrote it. A subclass of a type that JSON knows becomes what it shows: a mapping its
items, a string its text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID

import orjson

from sockio.errors import EncodeError

__all__ = ["cannot_travel", "is_lazy_text", "number", "plain", "simplify"]

#: Leaves of JSON, the narrower type first.
_KNOWN = (str, bool, int, float)


def plain(value: Any) -> Any:
    """Return what stands for one value; the values inside it may need the same.

    Raises:
        EncodeError: Nothing stands for it.
    """
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return _shown_fields(value)
    if isinstance(value, (date, time)):
        return _moment(value)
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    kind = type(value)
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    for known in _KNOWN:
        if isinstance(value, known):  # a proxy, which only pretends to be one
            return known(value)
    if is_lazy_text(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items()}
    raise cannot_travel(value)


def is_lazy_text(value: Any) -> bool:
    """Tell whether ``value`` is a lazy text of Django, translated when it is used."""
    django = sys.modules.get("django.utils.functional")
    return django is not None and isinstance(value, django.Promise)


def cannot_travel(value: Any) -> EncodeError:
    """Return the error that names the type of ``value``."""
    return EncodeError(f"a value of type {type(value).__name__} cannot be sent")


def number(value: int | float) -> int | float | None:
    """Return ``value`` as a plain int or float; None where JSON has no such number.

    JSON has neither NaN nor infinities; an integer above all floats is infinite.
    """
    if isinstance(value, float):
        return float.__float__(value) if isfinite(value) else None
    whole = int.__int__(value)
    if whole.bit_length() > 64:
        try:
            float(whole)
        except OverflowError:
            return None
    return whole


def simplify(
    value: Any, leaf: Callable[[Any], Any], unknown: Callable[[Any], Any]
) -> Any:
    """Return a tree of dicts with text as keys, lists, bytes, and leaves.

    Args:
        value: The tree; it is not changed.
        leaf: Returns what stands for None, a text (keys too) or a number, subclasses
            included; see ``number``.
        unknown: Returns a simpler value for any other value; bytes are simple enough.

    Raises:
        TypeError: A key cannot be text.
        RecursionError: The tree is nested too deep, or contains itself.
    """
    if isinstance(value, Enum):
        return simplify(value.value, leaf, unknown)
    kind = type(value)
    if value is None or issubclass(kind, (str, int, float)):
        return leaf(value)
    # No comprehensions: on Python 3.11 and older each one costs a level of the stack.
    if kind is dict:
        mapping = {}
        for key, item in value.items():
            mapping[leaf(_key(key))] = simplify(item, leaf, unknown)
        return mapping
    if kind is list or kind is tuple:
        items = []
        for item in value:
            items.append(simplify(item, leaf, unknown))
        return items
    made = unknown(value)
    return made if isinstance(made, bytes) else simplify(made, leaf, unknown)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str.__str__(key)  # the text itself if it is a member of an enumeration
    if key is None or isinstance(key, (int, float)):
        return json.dumps(key)
    raise TypeError(f"keys must be text or numbers, not {type(key).__name__}")


def _shown_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as orjson chooses them."""
    if hasattr(value, "__dict__") and "__slots__" not in type(value).__dict__:
        found = vars(value)
    else:
        found = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: item for name, item in found.items() if not name.startswith("_")}


def _moment(value: date | time) -> str | None:
    if value != value:  # NaT of pandas; JavaScript writes its invalid date as null
        return None
    exact: date | time
    if isinstance(value, datetime):
        exact = datetime.combine(value.date(), value.timetz())
    elif isinstance(value, date):
        exact = date(value.year, value.month, value.day)
    else:
        exact = value
    try:
        text: str = orjson.loads(orjson.dumps(exact))
    except TypeError:  # orjson knows no time with a zone, for instance
        return value.isoformat()
    return text
