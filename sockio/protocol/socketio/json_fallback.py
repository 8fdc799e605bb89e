"""What orjson refuses and JSON can carry, by the standard library.

That is lone surrogates, integers above 64 bits, keys that are numbers, and deeper
nesting. JavaScript writes and reads all of them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from enum import Enum
from math import isfinite
from typing import Any, NoReturn

import orjson

__all__ = ["dumps", "loads"]


def dumps(value: Any, default: Callable[[Any], Any]) -> str:
    """Return ``value`` as JSON text, in ASCII, so that surrogates become escapes.

    Raises:
        TypeError: There is a key that JSON does not know, or ``default`` says so.
        ValueError: The text cannot be written.
        RecursionError: The value is nested too deep, or contains itself.
    """
    tree = _simplify(value, default)
    return json.dumps(tree, separators=(",", ":"), allow_nan=False)


def _simplify(value: Any, default: Callable[[Any], Any]) -> Any:
    """Return ``value`` made of nothing but what the standard library writes rightly."""
    if value is None or isinstance(value, (str, int)):
        # An enumeration that is a number or text goes by its value, as with orjson.
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        return value if isfinite(value) else None
    # No comprehensions: on Python 3.11 and older each one costs a level of the stack.
    if isinstance(value, dict):
        mapping = {}
        for key, item in value.items():
            mapping[key] = _simplify(item, default)
        return mapping
    if isinstance(value, (list, tuple)):
        items = []
        for item in value:
            items.append(_simplify(item, default))
        return items
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        shown = {n: getattr(value, n) for n in names if not n.startswith("_")}
        return _simplify(shown, default)
    try:
        # Dates and the like look the same as when orjson writes the whole packet.
        return orjson.loads(orjson.dumps(value))
    except TypeError:
        return _simplify(default(value), default)


def loads(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deep.
    """
    return _decode(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _integer(digits: str) -> int | float:
    # As orjson and JavaScript do; besides, long integers take quadratic time to read.
    return int(digits) if len(digits) < 19 else float(digits)


_decode = json.JSONDecoder(parse_constant=_refuse, parse_int=_integer).decode
