"""Build: whether the tests see sockio compiled, or as plain Python.

``SOCKIO_PURE=1`` hides what was compiled.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from pathlib import Path

PURE = os.environ.get("SOCKIO_PURE") == "1"
PACKAGE = Path(__file__).parents[2] / "sockio"


class PlainFinder:
    """Finds the sources of sockio, and never the compiled modules."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        if not name.startswith("sockio.") or not path:
            return None
        return FileFinder(path[0], (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(name)


def compiled() -> list[Path]:
    """Return the modules that were compiled in place."""
    files = PACKAGE.rglob("*" + EXTENSION_SUFFIXES[-1])
    return [file for file in files if file.name.endswith(EXTENSION_SUFFIXES[0])]


def stale() -> list[str]:
    """Return the compiled modules that are older than their sources."""
    names = []
    for file in compiled():
        stem = file.with_name(file.name.removesuffix(EXTENSION_SUFFIXES[0]))
        sources = [stem.with_suffix(end) for end in (".py", ".pxd", ".pyx")]
        newest = max(s.stat().st_mtime for s in sources if s.exists())
        if newest > file.stat().st_mtime:
            names.append(str(file.relative_to(PACKAGE.parent)))
    return names


def choose() -> None:
    """Let ``import sockio`` find what the environment asks for."""
    if PURE:
        sys.meta_path.insert(0, PlainFinder)
    elif names := stale():
        sys.exit(
            f"{', '.join(names)}: older than the source. "
            "Run: python -m pip install --no-deps -e ."
        )
