"""Process checks: patching, descriptors and the build of the process that serves."""

from __future__ import annotations

import platform
import sys
from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path

from sockio import build
from sockio.httpd.server import BACKLOG

from .findings import Finding

__all__ = ["PATCHED", "check_build", "check_descriptors", "check_patching"]

#: Modules of the standard library that code which waits needs patched, all or none.
PATCHED = ("socket", "ssl", "threading", "time")
#: Packages that wait in the standard library: patching makes their waits greenlets'.
_PATCHABLE = (
    "boto3",
    "django",
    "flask_sqlalchemy",
    "httpx",
    "psycopg",
    "pymongo",
    "pymysql",
    "redis",
    "requests",
    "sqlalchemy",
    "urllib3",
)
#: Packages that wait in C, where patching does not reach.
_IN_C = ("MySQLdb", "cx_Oracle", "psycopg2", "pymssql", "pyodbc")
#: Makes one of them wait in greenlets.
_REMEDIES = {"psycopg2": "psycogreen"}
#: The modules of ours that import one of them; they need no patching.
_OURS = {
    "psycopg": "sockio.adapters.buses.postgres.bus",
    "pymongo": "sockio.adapters.buses.mongo.bus",
    "redis": "sockio.adapters.buses.redis.bus",
}
#: A process that serves many clients needs as many descriptors.
_MANY = 10_000
_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


def check_patching(
    loaded: Collection[str], patched: Collection[str], *, by_worker: bool
) -> Iterator[Finding]:
    """Look at whether code that waits lets other greenlets run.

    Args:
        loaded: The names of the modules that are imported.
        patched: Those among ``PATCHED`` that gevent has patched.
        by_worker: Whether gunicorn's worker will patch the process.
    """
    subject = "patching"
    blocking = sorted(
        each
        for each in _PATCHABLE
        if each in loaded and _OURS.get(each, "") not in loaded
    )
    if 0 < len(patched) < len(PATCHED):
        yield Finding(
            "error",
            subject,
            "gevent has patched only a part of the standard library",
            "call gevent.monkey.patch_all() without arguments, in the first line of "
            "the program",
        )
    elif patched:
        yield Finding("ok", subject, "gevent has patched the standard library")
    elif by_worker:
        yield Finding("ok", subject, "gunicorn's worker patches the standard library")
    elif blocking:
        yield Finding(
            "warning",
            subject,
            f"nothing is patched, and {', '.join(blocking)} would hold up all clients "
            "while they wait",
            "let the first line of the program be: from gevent import monkey; "
            "monkey.patch_all()",
        )
    else:
        yield Finding("ok", subject, "nothing is patched, and nothing known needs it")
    for each in _IN_C:
        if each in loaded and _REMEDIES.get(each, "") not in loaded:
            remedy = _REMEDIES.get(each)
            yield Finding(
                "warning",
                subject,
                f"{each} waits in C and holds up all clients, patched or not",
                "call it in io.run_in_thread(fn, ...)"
                + (f", or install {remedy} and patch it" if remedy else ""),
            )


def check_descriptors(somaxconn: Path = _SOMAXCONN) -> Iterator[Finding]:
    """Look at how many connections the system lets this process have."""
    soft = _limit()
    subject = "descriptors"
    if soft is not None and soft < _MANY:
        yield Finding(
            "warning",
            subject,
            f"a process may have {soft}: one for each client, and some for itself",
            "raise the limit: ulimit -n 65536, LimitNOFILE=65536 (systemd), "
            "--ulimit nofile=65536 (docker)",
        )
    else:
        yield Finding("ok", subject, f"a process may have {soft or 'any number'}")
    try:
        waiting = int(somaxconn.read_text())
    except (OSError, ValueError):
        return  # only Linux tells
    if waiting < BACKLOG:
        yield Finding(
            "hint",
            "backlog",
            f"at most {waiting} new connections wait while the process is busy",
            f"sysctl -w net.core.somaxconn={BACKLOG}",
        )


def _limit() -> int | None:
    """Return how many descriptors the process may have; None: any number."""
    if sys.platform != "win32":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            return soft
    return None


def check_build() -> Iterator[Finding]:
    """Look at the versions, and at whether the path of a packet is compiled."""
    versions = (
        f"sockio {build.VERSION}, Python {platform.python_version()}, "
        f"gevent {version('gevent')}"
    )
    compiled = build.compiled
    yield Finding(
        "ok" if compiled else "hint",
        "build",
        f"{versions}; {'compiled' if compiled else 'plain Python, which is slower'}",
        "" if compiled else "install a C compiler, then install sockio again",
    )
