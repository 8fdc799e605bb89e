"""Foreign programs: those of ``tests/clients`` and ``tests/servers``, built once.

They are built anew when their sources change.

What is built is in ``~/.cache/sockio-tests``, in a folder that is named after the
language and a hash of the sources. ``python -m tests.support.foreign_programs`` builds
all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

from . import services

TESTS = Path(__file__).parent.parent
#: Of this, a JVM needs little; it compiles no more than a short run is worth.
JVM = ("-Xmx256m", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Program(NamedTuple):
    """A program of a language.

    Attributes:
        language: The name of its folder, and of the service that it needs.
        build: Build it in the folder of the sources, into the one that is given.
        command: How to run what is in the folder, with an argument for the program.
        kind: The folder of all programs like it.
    """

    language: str
    build: Callable[[Path, Path], None]
    command: Callable[[Path, str], list[str]]
    kind: Literal["clients", "servers"] = "clients"

    @property
    def folder(self) -> Path:
        return TESTS / self.kind / self.language

    def built(self) -> Path:
        """Return the folder of what was built; build it if it was not.

        Blocks:
            Until it is built, here or by another process.
        """
        services.program(self.language)
        into = cache() / f"{self.language}-{hash_of(self.folder)}"
        into.parent.mkdir(parents=True, exist_ok=True)
        with into.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not into.exists():
                unfinished = into.with_suffix(".unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                self.build(self.folder, unfinished)
                unfinished.rename(into)
        return into


def cache() -> Path:
    """Return the folder for all that is built."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sockio-tests"


def hash_of(folder: Path) -> str:
    """Return a short hash of all files in a folder."""
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _run(command: Sequence[str], folder: Path, **environment: str) -> None:
    subprocess.run(
        command, cwd=folder, check=True, env={**os.environ, **environment}, stdout=2
    )


def _build_java(sources: Path, into: Path) -> None:
    maven = services.program("mvn")
    _run(
        [maven, "-q", "-B", "-Dstyle.color=never", f"-Djars={into}", "package"], sources
    )
    compiler = services.program("javac")
    _run([compiler, "-d", str(into), "-cp", f"{into}/client/*", "Driver.java"], sources)


def _run_java(folder: Path, okhttp: str) -> list[str]:
    jars = f"{folder}:{folder}/client/*:{folder}/okhttp-{okhttp}/*"
    return [services.program("java"), *JVM, "-cp", jars, "Driver"]


def _build_go(sources: Path, into: Path) -> None:
    go = services.program("go")
    _run([go, "build", "-ldflags=-s -w", "-o", str(into / "driver"), "."], sources)


def _build_rust(sources: Path, into: Path) -> None:
    # Cargo's own cache serves all versions of our sources: most of it is the client's.
    target = cache() / "rust-target"
    cargo = services.program("rust")
    _run([cargo, "build", "-q", "--locked"], sources, CARGO_TARGET_DIR=str(target))
    shutil.copy(target / "debug" / "driver", into)


def _run_driver(folder: Path, _: str) -> list[str]:
    return [str(folder / "driver")]


JAVA = Program("java", _build_java, _run_java)
GO = Program("go", _build_go, _run_driver)
GO_SERVER = GO._replace(kind="servers")
RUST = Program("rust", _build_rust, _run_driver)
PROGRAMS = (JAVA, GO, GO_SERVER, RUST)


if __name__ == "__main__":
    with ThreadPoolExecutor() as pool:
        list(pool.map(Program.built, PROGRAMS))
