"""Comparing: in what two servers differ that were told the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def atoms(theirs: list[Any], ours: list[Any]) -> list[str]:
    """Return in what two outcomes of a script differ: each time two values.

    The status, each header and the body of an answer are values of their own.
    """
    theirs, ours = list(theirs), list(ours)
    while theirs and ours and theirs[0] == ours[0]:
        del theirs[0], ours[0]
    while theirs and ours and theirs[-1] == ours[-1]:
        del theirs[-1], ours[-1]
    if len(theirs) != len(ours):
        return [_told(theirs, ours)]
    return [
        atom for pair in zip(theirs, ours, strict=True) for atom in _differing(*pair)
    ]


def _differing(theirs: Any, ours: Any) -> Iterator[str]:
    if _is_answer(theirs) and _is_answer(ours):
        if theirs[0] != ours[0]:
            yield f"status {_told(theirs[0], ours[0])}"
            return
        for name in sorted({*theirs[1], *ours[1]}):
            if (one := theirs[1].get(name)) != (other := ours[1].get(name)):
                yield f"{name} {_told(one, other)}"
        if theirs[2] != ours[2]:
            yield f"body {_told(theirs[2], ours[2])}"
    elif theirs != ours:
        yield _told(theirs, ours)


def _is_answer(thing: Any) -> bool:
    return isinstance(thing, list) and len(thing) == 3 and isinstance(thing[1], dict)


def _told(theirs: Any, ours: Any) -> str:
    return " / ".join(json.dumps(it, ensure_ascii=False) for it in (theirs, ours))
