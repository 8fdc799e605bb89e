"""Buffers: the bytes of an object's memory, where they mean the same elsewhere.

Arrays of numbers are sent as they lie in memory. Other memory holds addresses, text in
an internal form, or old data in gaps between the values; none of that may leave the
process.
"""

from __future__ import annotations

import re
from typing import Any

from sockio.errors import EncodeError

from .plain import cannot_travel

__all__ = ["content"]

#: Formats of numbers and single bytes that have no gaps, as ``struct`` writes them.
#: Complex numbers, ``Z``, are NumPy's.
_is_harmless = re.compile("[@=<>!]?(?:[cbB?hHiIlLqQnNefd]|Z[fd])").fullmatch
#: Kinds of items that NumPy's arrays may have. It exports dates as single bytes, so
#: that the format alone does not tell.
_KINDS = frozenset("biufc")


def content(value: Any, view: memoryview) -> bytes | int | float:
    """Return the bytes behind a view of ``value``, or the number if it is one.

    Raises:
        EncodeError: They must not leave the process.
    """
    dtype = getattr(value, "dtype", None)
    kind = getattr(dtype, "kind", "B")
    if not _is_harmless(view.format) or (dtype is not None and kind not in _KINDS):
        made_of = repr(view.format) if dtype is None else str(dtype)
        raise EncodeError(f"{cannot_travel(value)}: it is made of {made_of}")
    if dtype is not None and hasattr(value, "mask"):
        raise EncodeError(f"{cannot_travel(value)}: some of it is masked")
    if view.ndim:
        return view.tobytes()
    try:
        number = view[()] if dtype is None else value.item()
    except NotImplementedError as exc:
        raise cannot_travel(value) from exc
    if isinstance(number, (int, float)):
        return number
    raise cannot_travel(value)
