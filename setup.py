"""Build sockio; compile the path of a packet where there is a C compiler.

``sockio/build.py`` names the modules. Without Cython, or where compiling fails, they
are installed as plain Python.
"""

import os
import re
import runpy
from importlib.util import resolve_name
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
BUILD = runpy.run_path(str(HERE / "sockio" / "build.py"))

#: An event takes 5 % less CPU time with -O2 than with -O1; -O3 gains 2 % more, and
#: takes twice as long to compile. -g0: without what only a debugger reads.
FLAGS = [] if os.name == "nt" else ["-O2", "-g0"]


def sources() -> dict[str, str]:
    """Return the file of each module that can be compiled."""
    ends = dict.fromkeys(BUILD["MODULES"], "py") | dict.fromkeys(BUILD["IN_C"], "pyx")
    return {
        f"sockio.{name}": f"sockio/{name.replace('.', '/')}.{end}"
        for name, end in ends.items()
    }


def extensions() -> list[Extension]:
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    made: list[Extension] = cythonize(
        [
            Extension(name, [source], extra_compile_args=FLAGS)
            for name, source in sources().items()
        ],
        build_dir="build/cython",
        exclude_failures=True,
        compiler_directives={
            "language_level": 3,
            # Annotations are for type checkers: what a class is in C, its .pxd says.
            "annotation_typing": False,
            # Nobody pickles these objects, and each class would have code for it.
            "auto_pickle": False,
        },
        quiet=True,
    )
    for extension in made:
        # Cython makes new ones, and forgets this if it is said before.
        extension.optional = True
    return made


def lost(built: set[str]) -> set[str]:
    """Return what cannot be compiled once only ``built`` is.

    A class in C has no place for a base or an attribute that is one of Python: who
    takes a class from a module that is left as it is, stays as it is too.
    """
    missing = set(sources()) - built
    while True:
        found = {name for name in built - missing if uses(name) & missing}
        if not found:
            return missing
        missing |= found


def uses(name: str) -> set[str]:
    """Return the modules whose classes in C a module takes."""
    source = HERE / sources()[name]
    text = "".join(
        file.read_text("utf-8")
        for file in (source.with_suffix(".pxd"), source.with_suffix(".pyx"))
        if file.exists()
    )
    package = name.rpartition(".")[0]
    taken = re.findall(r"^from (\S+) cimport", text, re.MULTILINE)
    return {resolve_name(module, package) for module in taken}


class BuildExt(build_ext):
    """Compiles on every processor; a module that fails is left out alone."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        super().build_extensions()
        built = {name for name in sources() if self.path(name).exists()}
        left = lost(built)
        for name in left:
            self.path(name).unlink(missing_ok=True)
        self.extensions = [ext for ext in self.extensions if ext.name not in left]

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except BaseException:
            # What an earlier build left is not what was asked for.
            self.path(ext.name).unlink(missing_ok=True)
            raise

    def copy_extensions_to_source(self) -> None:
        built = {ext.name for ext in self.extensions}
        for name in sources().keys() - built:
            self.path(name).unlink(missing_ok=True)
        super().copy_extensions_to_source()

    def path(self, name: str) -> Path:
        return Path(self.get_ext_fullpath(name))


if __name__ == "__main__":
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExt})
