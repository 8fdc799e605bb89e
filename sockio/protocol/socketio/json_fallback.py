"""JSON fallback: the standard library, for what orjson refuses but JSON can carry.

That is lone surrogates, integers of more than 64 bits, keys that are numbers, and
deeper nesting. JavaScript writes and reads all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from .plain import number, simplify

__all__ = ["dumps", "loads"]


def dumps(value: Any, default: Callable[[Any], Any]) -> str:
    """Return ``value`` as JSON text, in ASCII, so that surrogates become escapes.

    Raises:
        TypeError: JSON cannot carry a key, or ``default`` raises it.
        ValueError: The text cannot be written.
        RecursionError: The value is nested too deep, or contains itself.
    """
    tree = simplify(value, _leaf, default)
    return json.dumps(tree, separators=(",", ":"), allow_nan=False)


def _leaf(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool)):
        return value
    return number(value)


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
    # As orjson and JavaScript do. Besides, reading long integers takes quadratic time.
    return int(digits) if len(digits) < 19 else float(digits)


_decode = json.JSONDecoder(parse_constant=_refuse, parse_int=_integer).decode
