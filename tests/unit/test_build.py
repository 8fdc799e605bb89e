"""Build: what a .pxd says of a class is what its module has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sockio

PACKAGE = Path(sockio.__file__).parent
DESCRIBED = sorted(path for path in PACKAGE.rglob("*.pxd") if path.stem != "speedups")

_CLASS = re.compile(r"^cdef class (\w+)(?:\((\w+)\))?:$")
_ATTRIBUTES = re.compile(
    r"^    cdef (?:public |readonly )?"
    r"(?:unsigned long long|(?:[A-Z]\w*|object|list|dict|tuple|str|bytes|bint|int"
    r"|double|Py_ssize_t)) ([\w, ]+)$"
)


def attributes(path: Path) -> dict[str, tuple[str | None, set[str]]]:
    """Return the base and the attributes of each class of C in a ``.pxd``."""
    found: dict[str, tuple[str | None, set[str]]] = {}
    for line in path.read_text("utf-8").splitlines():
        if match := _CLASS.match(line):
            own: set[str] = set()
            found[match[1]] = match[2], own
        elif match := _ATTRIBUTES.match(line):
            own |= set(match[1].split(", "))
    return found


ALL = {name: entry for path in DESCRIBED for name, entry in attributes(path).items()}


def inherited(name: str | None) -> set[str]:
    """Return the attributes of a class of C and of its bases."""
    if name is None:
        return set()
    base, own = ALL[name]
    return own | inherited(base)


@pytest.mark.parametrize("path", DESCRIBED, ids=lambda path: path.stem)
def test_every_attribute_has_its_place(path: Path) -> None:
    tree = ast.parse(path.with_suffix(".py").read_text("utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    for name in attributes(path):
        places = inherited(name)
        if "__dict__" in places:
            continue
        written = {
            target.attr
            for node in ast.walk(classes[name])
            for target in ast.walk(node)
            if isinstance(target, ast.Attribute)
            and isinstance(target.ctx, ast.Store)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
        }
        assert written <= places, name
