"""Project: the files whose changes matter to a program that is being written.

They are the modules that it has imported, unless they were installed, and templates.
What editors write beside a file is not among them, nor is a virtual environment.
"""

from __future__ import annotations

import os
import site
import sysconfig
import warnings
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

__all__ = ["Project", "mistake_in"]

#: The ends of templates' names.
_TEMPLATES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".mako")
#: Folders that hold nothing of one's own, beside those whose names begin with a dot.
_FOREIGN = {"node_modules", "__pycache__", "site-packages", "dist-packages"}
#: The file that makes a folder a virtual environment.
_ENVIRONMENT = "pyvenv.cfg"


class Project:
    """What is watched, and what of that matters."""

    def __init__(
        self,
        roots: Iterable[Path],
        *,
        included: Collection[str] = (),
        excluded: Collection[str] = (),
    ) -> None:
        """Know the folders.

        Args:
            roots: They hold the project.
            included: Patterns of other files in them that matter.
            excluded: Patterns of files that do not.
        """
        self._roots = [Path(os.path.realpath(root)) for root in roots]
        self._included = included
        self._excluded = excluded
        #: The files of the modules that are imported.
        self._imported: set[str] = set()
        self._installed = tuple(f"{each}{os.sep}" for each in _installed())

    def add(self, file: str) -> bool:
        """Note that a module was imported from a file; False: it was installed."""
        path = os.path.realpath(file)
        foreign = _FOREIGN & set(Path(path).parts)
        if foreign or path.startswith(self._installed):
            return False
        self._imported.add(path)
        return True

    def own_folders(self) -> frozenset[str]:
        """Return the folders of the project; one has to look for new ones."""
        return frozenset(each for root in self._roots for each in _folders_in(root))

    def folders_of_modules(self) -> frozenset[str]:
        """Return the folders of the modules that are imported, wherever they are."""
        return frozenset(map(os.path.dirname, self._imported))

    def matters(self, file: str, *, serving: bool) -> bool:
        """Whether the program has to start again if this file has changed.

        Args:
            serving: Whether it serves. If it does not, one cannot know which modules
                it would have imported.
        """
        path = Path(file)
        if self._matches(path, self._excluded):
            return False
        if self._matches(path, self._included) or file in self._imported:
            return True
        if path.name.startswith((".", "#")) or not self._holds(path):
            return False
        return path.suffix in _TEMPLATES or (path.suffix == ".py" and not serving)

    def shown(self, file: str) -> str:
        """Return the name of a file as its author sees it."""
        path = Path(file)
        for root in self._roots:
            if path.is_relative_to(root):
                return str(path.relative_to(root))
        return file

    def _holds(self, path: Path) -> bool:
        return any(path.is_relative_to(root) for root in self._roots)

    def _matches(self, path: Path, patterns: Collection[str]) -> bool:
        names = [path.name]
        names += [
            path.relative_to(root).as_posix()
            for root in self._roots
            if path.is_relative_to(root)
        ]
        return any(fnmatch(name, each) for name in names for each in patterns)


def _folders_in(root: Path) -> Iterator[str]:
    for folder, inside, names in os.walk(root):
        if _ENVIRONMENT in names:
            inside.clear()
            continue
        inside[:] = [
            each for each in inside if each not in _FOREIGN and not each.startswith(".")
        ]
        yield folder


def _installed() -> set[str]:
    """Return the folders of Python's library, and of what pip has installed."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {sysconfig.get_path(name) for name in names}
    found |= {*site.getsitepackages(), site.getusersitepackages()}
    return {os.path.realpath(each) for each in found}


def mistake_in(file: str) -> str | None:
    """Return what is wrong with the syntax of a module; None: nothing, or it is none.

    The text is that of Python, with the line and the place in it.
    """
    if not file.endswith(".py"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)
    except OSError:
        return None  # it has been removed
    except SyntaxError as exc:
        place = f"line {exc.lineno}: {exc.msg}"
        return f"{place}\n    {exc.text.strip()}" if exc.text else place
    except ValueError as exc:  # such as a null byte
        return str(exc)
    return None
