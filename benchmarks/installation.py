"""Set up what the benchmarks need: the compiled load generator and the other servers.

Everything is under one folder outside the working tree, made once and reused until a
requirement changes: SOCKIO_BENCH_BUILD, or ~/.cache/sockio-bench.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = HERE / "peers"
FOLDER = Path(
    os.environ.get("SOCKIO_BENCH_BUILD") or Path.home() / ".cache" / "sockio-bench"
)
LOAD = FOLDER / "load"
LIMIT = FOLDER / "limit"
NODE_MODULES = FOLDER / "node" / "node_modules"
BIN = FOLDER / "venv" / "bin"
LOGS = FOLDER / "logs"


class BuildError(Exception):
    """Something the benchmarks need is not there and could not be made."""


def load_generator() -> None:
    """Compile load.c; it needs zlib and its header (Debian: zlib1g-dev)."""
    source = HERE / "load.c"
    _once(LOAD, source.read_bytes(), lambda: _compile(source, LOAD, "-lz"))


def limit() -> None:
    """Compile limit.c."""
    source = HERE / "limit.c"
    _once(LIMIT, source.read_bytes(), lambda: _compile(source, LIMIT))


def node() -> None:
    """Install socket.io from npm."""
    package = PEERS / "package.json"
    _once(NODE_MODULES, package.read_bytes(), lambda: _install_node(package))


def python() -> None:
    """Install python-socketio, its servers and what sockio requires; compile sockio."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    required = setup["options"]["install_requires"]
    pinned = PEERS / "requirements.txt"
    stamp = f"{sys.version}{required}".encode() + pinned.read_bytes()
    _once(BIN / "gunicorn", stamp, lambda: _install_python(pinned, required.split()))
    # This compiles in the working tree, and only what has changed.
    _run([str(BIN / "python"), "setup.py", "-q", "build_ext", "--inplace"], cwd=ROOT)


def plain_sockio() -> Path:
    """Copy sockio without what was compiled; return the folder it is in."""
    folder = FOLDER / "plain"
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "sockio", folder / "sockio", ignore=ignored)
    return folder


def _once(result: Path, inputs: bytes, make: Callable[[], None]) -> None:
    """Make `result` unless it was made from the same inputs."""
    stamp = FOLDER / f"{result.name}.stamp"
    digest = hashlib.sha256(inputs).hexdigest()
    if result.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    print(f"making {result}", file=sys.stderr)
    make()
    stamp.write_text(digest)


def _compile(source: Path, target: Path, *libraries: str) -> None:
    compiler = os.environ.get("CC", "gcc")
    flags = ["-O2", "-Wall", "-Wextra"]
    _run([compiler, *flags, "-o", str(target), str(source), *libraries])


def _install_node(package: Path) -> None:
    NODE_MODULES.parent.mkdir(exist_ok=True)
    shutil.copy(package, NODE_MODULES.parent)
    quiet = ["--no-audit", "--no-fund", "--silent"]
    _run(["npm", "install", *quiet], cwd=NODE_MODULES.parent)


def _install_python(pinned: Path, required: list[str]) -> None:
    venv.create(BIN.parent, with_pip=True, clear=True)
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet"]
    _run([*pip, "-r", str(pinned), *required])


def _run(command: list[str], cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError as exc:
        raise BuildError(f"{command[0]} is not installed") from exc
    if done.returncode:
        raise BuildError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
