"""Toolchains: the programs that install and build servers, where they are there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

#: Where toolchains often are without being on the PATH.
PLACES = ("/usr/local/go/bin", str(Path.home() / ".cargo" / "bin"))


class BuildError(Exception):
    """Something the benchmarks need is not there and could not be made."""


class MissingError(BuildError):
    """What a server needs is not on this machine."""


class Toolchain(NamedTuple):
    """A program that is needed in some version."""

    name: str
    ask: str  #: its argument that makes it tell its version
    least: tuple[int, int]

    def path(self) -> str:
        """Return where it is.

        Raises:
            MissingError: It is not there, or too old.
        """
        said = self.version()
        version = re.search(r"(\d+)\.(\d+)", said)
        if version is None or (int(version[1]), int(version[2])) < self.least:
            least = ".".join(map(str, self.least))
            raise MissingError(f"{self.name} {least} is needed: this is {said}")
        return self._found()

    def version(self) -> str:
        """Return what it says of its version."""
        # In the folder of a module, Go would fetch the version that go.mod names.
        return run([self._found(), self.ask], cwd=Path("/")).strip()

    def _found(self) -> str:
        places = os.pathsep.join((os.environ.get("PATH", os.defpath), *PLACES))
        found = shutil.which(self.name, path=places)
        if found is None:
            raise MissingError(f"{self.name} is not installed")
        return found


NPM = Toolchain("npm", "--version", (7, 0))
GO = Toolchain("go", "version", (1, 26))
CARGO = Toolchain("cargo", "--version", (1, 94))


def run(command: list[str], cwd: Path | None = None) -> str:
    """Return what a command prints.

    Raises:
        BuildError: It is not there, or fails.
    """
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError as exc:
        raise BuildError(f"{command[0]} is not installed") from exc
    if done.returncode:
        raise BuildError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
