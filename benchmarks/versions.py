"""What is measured: the versions of the servers, and of what they run on."""

from __future__ import annotations

import platform
import re

import installation
import toolchains


def revision() -> str:
    """Return the commit of the working tree."""
    git = ["git", "-C", str(installation.ROOT), "describe", "--always", "--dirty"]
    try:
        return toolchains.run(git).strip()
    except toolchains.BuildError:
        return "unknown"


def node() -> str:
    """Return the versions of Node and socket.io."""
    version = toolchains.run([str(installation.NODE), "--version"]).strip()
    return f"Node {version.removeprefix('v')}, {_socketio()}"


def bun() -> str:
    """Return the versions of Bun, its engine and socket.io."""
    engine = "@socket.io/bun-engine"
    version = toolchains.run([str(installation.BUN), "--version"]).strip()
    return f"Bun {version}, {engine} {pinned('package.json', engine)}, {_socketio()}"


def go() -> str:
    """Return the versions of Go and of the server."""
    module = "github.com/zishang520/socket.io/servers/socket/v3"
    compiler = toolchains.GO.version().split()[2].removeprefix("go")
    return f"Go {compiler}, {module} {pinned('go/go.mod', module)}"


def rust() -> str:
    """Return the versions of Rust and of the server."""
    cargo = toolchains.CARGO.version().split()[1]
    names = ("socketioxide", "axum", "tokio")
    pins = ", ".join(f"{name} {pinned('rust/Cargo.toml', name)}" for name in names)
    return f"Rust {cargo}, {pins}"


def python_socketio() -> str:
    """Return the versions of Python, python-socketio and gevent."""
    names = ("python-socketio", "gevent")
    pins = ", ".join(f"{name} {pinned('requirements.txt', name)}" for name in names)
    return f"Python {platform.python_version()}, {pins}"


def sockio() -> str:
    """Return the versions of Python, gevent and the working tree."""
    gevent = pinned("requirements.txt", "gevent")
    return f"Python {platform.python_version()}, gevent {gevent}, revision {revision()}"


def _socketio() -> str:
    return f"socket.io {pinned('package.json', 'socket.io')}"


def pinned(file: str, name: str) -> str:
    """Return the version of a package that a peer's file names."""
    text = (installation.PEERS / file).read_text()
    found = re.search(rf'^[\s"]*{re.escape(name)}(?![-\w])[^\d\n]*([\d.]+)', text, re.M)
    if found is None:
        raise LookupError(f"{file} does not name {name}")
    return found[1]
