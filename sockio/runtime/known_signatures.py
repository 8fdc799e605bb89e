"""Known signatures: read one handler's signature for all handlers of the same code.

Handlers are made and registered anew for each client that connects, and reading through
the decorators of one takes longer than the rest of a connect. The signature follows
from the code of its functions and from which of their parameters have defaults.
"""

from __future__ import annotations

import functools
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from .signature import Handler, read_signature

__all__ = ["MOST_KNOWN", "key_of", "known_signature"]

#: Most signatures that are kept. Then all are dropped, and read again when needed.
MOST_KNOWN = 1024
#: Most decorators, partials and methods around each other that are looked through.
_MOST_LAYERS = 16
#: Stands for an argument yet to come, in a partial of Python 3.14.
_PLACEHOLDER = getattr(functools, "Placeholder", None)

_known: dict[tuple[object, ...], tuple[int, int | None, bool]] = {}


def known_signature(fn: Handler) -> tuple[int, int | None, bool]:
    """Return what ``read_signature`` returns; raise what it raises."""
    key = key_of(fn)
    if key is None:
        return read_signature(fn)
    found = _known.get(key)
    if found is None:
        found = read_signature(fn)
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = found
    return found


def key_of(fn: Handler) -> tuple[object, ...] | None:
    """Return what the signature of ``fn`` depends on; None: that is not known."""
    parts: list[object] = []
    return tuple(parts) if _take_apart(fn, parts, _MOST_LAYERS) else None


def _take_apart(fn: Any, parts: list[object], layers: int) -> bool:
    """Add to ``parts`` what the signature of ``fn`` depends on; False: unknown.

    The values of defaults, closures and partials are left out: they must not be kept
    alive, and they make no difference.
    """
    if not layers:
        return False
    kind = type(fn)
    if kind is MethodType:
        parts.append(kind)
        return _take_apart(fn.__func__, parts, layers - 1)
    if kind is FunctionType:
        defaults, by_name = fn.__defaults__, fn.__kwdefaults__
        parts += (
            fn.__code__,
            len(defaults) if defaults else 0,
            tuple(by_name) if by_name else (),
        )
    elif kind is partial:
        parts += (kind, len(fn.args), tuple(fn.keywords))
        if _PLACEHOLDER is not None and any(arg is _PLACEHOLDER for arg in fn.args):
            return False
        if not _take_apart(fn.func, parts, layers - 1):
            return False
    else:
        return False
    attributes = fn.__dict__
    if "__wrapped__" in attributes:
        parts.append(True)
        inside = _take_apart(attributes["__wrapped__"], parts, layers - 1)
    else:
        parts.append(False)
        inside = True
    # These attributes override what the code says.
    return (
        inside
        and "__signature__" not in attributes
        and "_is_coroutine_marker" not in attributes
    )
