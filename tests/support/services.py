"""Services: what some tests need of the machine; without it, they skip or fail."""

from __future__ import annotations

import os
import shutil
import sys
from glob import glob
from pathlib import Path
from typing import NoReturn

import pytest

#: Programs, and the names under which they may be installed.
PROGRAMS = {
    "node": ("node", "nodejs"),
    "npm": ("npm",),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "curl": ("curl",),
    "nginx": ("nginx",),
    "haproxy": ("haproxy",),
    "caddy": ("caddy",),
    "systemd": ("systemd-socket-activate",),
    "hadolint": ("hadolint",),
    "kubernetes-validate": ("kubernetes-validate",),
    "redis": ("redis-server",),
    "postgres": ("postgres",),
    "java": ("java",),
    "javac": ("javac",),
    "mvn": ("mvn",),
    "go": ("go",),
    "rust": ("cargo",),
}
#: Where Python keeps the programs of its packages.
_SCRIPTS = str(Path(sys.executable).parent)
#: Where programs are kept that may be in no search path, the newest version last.
FOLDERS = {
    "go": "/usr/local/go/bin",
    "rust": str(Path.home() / ".cargo" / "bin"),
    "hadolint": _SCRIPTS,
    "kubernetes-validate": _SCRIPTS,
    "postgres": "/usr/lib/postgresql/*/bin",
    "nginx": "/usr/sbin",
    "haproxy": "/usr/sbin",
}


def required() -> set[str]:
    """Return the services that must be there: ``SOCKIO_REQUIRE=node,chromium,ipv6``."""
    return set(filter(None, os.environ.get("SOCKIO_REQUIRE", "").split(",")))


def missing(service: str, what: str) -> NoReturn:
    """Skip the test that needs ``service``; fail it if the service is required."""
    if service in required():
        pytest.fail(f"{service} is required here, but {what}", pytrace=False)
    pytest.skip(f"{service}: {what}", allow_module_level=True)


def program(service: str) -> str:
    """Return the path of a service's program; without it, see ``missing``."""
    folders = [os.environ.get("PATH", os.defpath)]
    folders += sorted(glob(FOLDERS[service])) if service in FOLDERS else []
    for name in PROGRAMS[service]:
        for folder in folders:
            if path := shutil.which(name, path=folder):
                return path
    missing(service, f"there is no program named {' or '.join(PROGRAMS[service])}")


def node_modules(folder: Path) -> Path:
    """Return ``folder``'s installed npm packages; without them, see ``missing``."""
    packages = folder / "node_modules"
    if not packages.is_dir():
        missing("node", f"`npm ci` has not been run in {folder}")
    return packages
