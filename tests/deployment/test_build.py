"""What is installed if all, some or none of the modules can be compiled."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import sockio
from sockio.build import IN_C, MODULES
from tests.support import build, services

ROOT = Path(__file__).parents[2]
SUFFIX = EXTENSION_SUFFIXES[0]
#: Stands for a compiler: it makes empty files at once, and fails at $FAILING.
COMPILER = """#!/bin/sh
case "$*" in *"$FAILING"*) exit 1;; esac
while [ "$1" != -o ]; do shift; done
touch "$2"
"""
#: Imports all of the server, and says what that is.
IMPORT = """
import sockio
from importlib import import_module
from sockio.build import MODULES
for name in MODULES:
    import_module("sockio." + name)
sockio.create_server(sockio.Server())
print(sockio.compiled)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what a build needs, with nothing compiled."""
    for name in ("setup.py", "setup.cfg", "README.rst", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(ROOT / "sockio", tmp_path / "sockio", ignore=ignored)
    return tmp_path


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """Run Python in a folder, where it looks for modules first."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(checkout: Path) -> set[str]:
    folder = checkout / "sockio"
    return {
        str(file.relative_to(folder)).removesuffix(SUFFIX).replace(os.sep, ".")
        for file in folder.rglob(f"*{SUFFIX}")
    }


def make(checkout: Path, failing: str) -> set[str]:
    """Build in place with a compiler that fails at ``failing``; return what it made."""
    compiler = checkout / "cc"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    programs = {"CC": str(compiler), "LDSHARED": str(compiler)}
    command = ("setup.py", "-q", "build_ext", "--inplace")
    run(checkout, *command, FAILING=failing, **programs)
    return built(checkout)


@pytest.mark.patience(300)
def test_a_module_that_fails_is_left_out_with_those_that_take_its_classes(
    checkout: Path,
) -> None:
    everything = {*MODULES, *IN_C}

    assert make(checkout, "/nothing") == everything
    (checkout / "sockio/socket/one_socket/inbox.py").touch()
    left = everything - make(checkout, "one_socket/inbox.")

    # Nothing of the failing ones is left from the first build.
    assert left == {
        "socket.namespace.connection",
        "socket.one_socket.inbox",
        "socket.one_socket.incoming",
    }


@pytest.mark.patience(300)
def test_without_a_compiler_nothing_is_compiled(checkout: Path) -> None:
    assert make(checkout, "") == set()
    assert run(checkout, "-c", IMPORT) == "False\n"


@pytest.mark.patience(300)
def test_without_cython_nothing_is_compiled(checkout: Path) -> None:
    (checkout / "Cython.py").write_text("raise ImportError('there is no Cython')")

    assert make(checkout, "/nothing") == set()


@pytest.mark.patience(600)
def test_whatever_fails_the_rest_can_be_imported(checkout: Path) -> None:
    if not build.compiled():
        services.missing("compiled", "nothing is")
    lost = runpy.run_path(str(ROOT / "setup.py"))["lost"]
    names = {f"sockio.{name}" for name in (*MODULES, *IN_C)}
    for failing in sorted(names):
        for name in names:
            file = f"{name.replace('.', '/')}{SUFFIX}"
            (checkout / file).unlink(missing_ok=True)
            if name not in lost(names - {failing}):
                (checkout / file).symlink_to(ROOT / file)

        assert run(checkout, "-c", IMPORT) == "False\n", failing


def test_the_package_says_what_it_is() -> None:
    files = {str(file.relative_to(ROOT / "sockio")) for file in build.compiled()}
    expected = {f"{n.replace('.', os.sep)}{SUFFIX}" for n in (*MODULES, *IN_C)}

    assert sockio.compiled is (not build.PURE and files == expected)
