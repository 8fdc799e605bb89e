"""Set up what the benchmarks need: the compiled load generator and the other servers.

Everything is under one folder outside the working tree, made once and reused until a
requirement changes: SOCKIO_BENCH_BUILD, or ~/.cache/sockio-bench.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import platform
import shutil
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import toolchains
from toolchains import MissingError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = HERE / "peers"
FOLDER = Path(
    os.environ.get("SOCKIO_BENCH_BUILD") or Path.home() / ".cache" / "sockio-bench"
)
LOAD = FOLDER / "load"
LIMIT = FOLDER / "limit"
NODE_MODULES = FOLDER / "node" / "node_modules"
NODE, BUN = NODE_MODULES / ".bin" / "node", NODE_MODULES / ".bin" / "bun"
GO_PEER = FOLDER / "go-peer"
RUST_PEER = FOLDER / "rust-peer"
BIN = FOLDER / "venv" / "bin"
LOGS = FOLDER / "logs"


def load_generator() -> None:
    """Compile load.c; it needs zlib and its header (Debian: zlib1g-dev)."""
    source = HERE / "load.c"
    _once(LOAD, source.read_bytes(), lambda: _compile(source, LOAD, "-lz"))


def limit() -> None:
    """Compile limit.c."""
    source = HERE / "limit.c"
    _once(LIMIT, source.read_bytes(), lambda: _compile(source, LIMIT))


def node() -> None:
    """Install Node and socket.io from npm.

    Raises:
        MissingError: There is no npm, or npm has no Node for this machine.
    """
    _node_modules()
    _require(NODE)


def bun() -> None:
    """Install Bun and its engine from npm.

    Raises:
        MissingError: There is no npm, or npm has no Bun for this machine.
    """
    _node_modules()
    _require(BUN)


def go() -> None:
    """Build the peer in Go.

    Raises:
        MissingError: There is no Go, or an old one.
    """
    tool, folder = toolchains.GO.path(), PEERS / "go"
    inputs = _contents(folder) + toolchains.GO.version().encode()
    build = [tool, "build", "-o", str(GO_PEER), "."]
    _once(GO_PEER, inputs, lambda: toolchains.run(build, folder))


def rust() -> None:
    """Build the peer in Rust.

    Raises:
        MissingError: There is no Cargo, or an old one.
    """
    tool, folder = toolchains.CARGO.path(), PEERS / "rust"
    inputs = _contents(folder) + toolchains.CARGO.version().encode()
    _once(RUST_PEER, inputs, lambda: _build_rust(tool, folder))


def python() -> None:
    """Install python-socketio, its servers and what sockio requires; compile sockio."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    required = setup["options"]["install_requires"]
    pinned = PEERS / "requirements.txt"
    stamp = f"{sys.version}{required}".encode() + pinned.read_bytes()
    _once(BIN / "gunicorn", stamp, lambda: _install_python(pinned, required.split()))
    # This compiles in the working tree, and only what has changed.
    compile_ = ["setup.py", "-q", "build_ext", "--inplace"]
    toolchains.run([str(BIN / "python"), *compile_], ROOT)


def plain_sockio() -> Path:
    """Copy sockio without what was compiled; return the folder it is in."""
    folder = FOLDER / "plain"
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "sockio", folder / "sockio", ignore=ignored)
    return folder


def _once(result: Path, inputs: bytes, make: Callable[[], object]) -> None:
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
    toolchains.run([compiler, *flags, "-o", str(target), str(source), *libraries])


def _node_modules() -> None:
    """Install what package-lock.json names."""
    npm = toolchains.NPM.path()
    packages = [PEERS / "package.json", PEERS / "package-lock.json"]
    inputs = b"".join(package.read_bytes() for package in packages)
    _once(NODE_MODULES, inputs, lambda: _install_node(npm, packages))


def _install_node(npm: str, packages: list[Path]) -> None:
    NODE_MODULES.parent.mkdir(exist_ok=True)
    for package in packages:
        shutil.copy(package, NODE_MODULES.parent)
    quiet = ["--no-audit", "--no-fund", "--silent"]
    toolchains.run([npm, "ci", *quiet], cwd=NODE_MODULES.parent)


def _require(program: Path) -> None:
    try:
        toolchains.run([str(program), "--version"])
    except (toolchains.BuildError, OSError) as exc:
        what = f"{program.name} for {platform.machine()}"
        raise MissingError(f"npm installed no {what}") from exc


def _build_rust(cargo: str, folder: Path) -> None:
    target = FOLDER / "rust-target"
    command = [cargo, "build", "--release", "--locked", "--target-dir", str(target)]
    toolchains.run(command, folder)
    # The old one may be running.
    RUST_PEER.unlink(missing_ok=True)
    shutil.copy(target / "release" / "peer", RUST_PEER)


def _contents(folder: Path) -> bytes:
    """Return the names and bytes of all files in a folder."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return b"".join(
        f"{file.relative_to(folder)}\0".encode() + file.read_bytes() for file in files
    )


def _install_python(pinned: Path, required: list[str]) -> None:
    venv.create(BIN.parent, with_pip=True, clear=True)
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet"]
    toolchains.run([*pip, "-r", str(pinned), *required])
