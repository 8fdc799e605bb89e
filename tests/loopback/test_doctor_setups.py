"""What the page says about ten broken set-ups, and what the doctor says about them.

The doctor runs as people run it, and the servers that it visits in this process.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, TypeAlias

import gevent
import gevent.subprocess
import pytest

import sockio
from sockio.types import Environ, StartResponse
from tests.support.deployed import ROOT
from tests.support.loopback import Loopback
from tests.support.ports import free_port

PAGE = (ROOT / "docs" / "cli.rst").read_text("utf-8")
SERVER = "import sockio\nio = sockio.Server(serve_client=False)\n"
#: A set-up: the module of its application, and the arguments of the doctor.
SetUp: TypeAlias = "tuple[str, list[str]]"

#: The subject of each finding on the page, and the set-up.
SET_UPS: dict[str, Callable[[Loopbacks], SetUp]] = {
    "worker class": lambda _: (SERVER, ["--gunicorn=-w 4 --keep-alive 75"]),
    "keep-alive": lambda _: (SERVER, ["--gunicorn=-k gevent -w 4"]),
    "patching": lambda _: (f"import requests\n{SERVER}", []),
    "patching, a part": lambda _: (
        f"from gevent import monkey\nmonkey.patch_socket()\n{SERVER}",
        [],
    ),
    "descriptors": lambda _: (SERVER, []),
    "adapter": lambda _: (
        f"import sockio\nio = sockio.Server(adapter='redis://127.0.0.1:{free_port()}')",
        [],
    ),
    "client": lambda _: ("import sockio\nio = sockio.Server(client_dist='dist')\n", []),
    "sessions": lambda visited: (SERVER, ["--url", visited.not_sticky()]),
    "websocket": lambda visited: (SERVER, ["--url", visited.without_websockets()]),
    "proxy": lambda visited: (SERVER, ["--url", visited.behind_nginx()]),
}


class Loopbacks:
    """Servers in this process, and what is in front of them."""

    def __init__(self) -> None:
        self._servers: list[sockio.Server[Any]] = []
        self._running: list[Loopback] = []

    def close(self) -> None:
        for each in self._running:
            each.close()
        for server in self._servers:
            server.close()

    def _server(self) -> sockio.Server[Any]:
        self._servers.append(sockio.Server(serve_client=False))
        return self._servers[-1]

    def _run(self, app: Any) -> str:
        self._running.append(Loopback(app))
        return self._running[-1].url

    def not_sticky(self) -> str:
        """Return the URL of two servers that get requests in turn."""
        one, two = self._server(), self._server()
        servers = cycle([one, two, one, one, two])
        return self._run(lambda environ, start: next(servers)(environ, start))

    def without_websockets(self) -> str:
        """Return the URL of a server whose proxy drops what it does not know."""
        server = self._server()

        def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
            environ.pop("HTTP_UPGRADE", None)
            return server(environ, start)

        return self._run(app)

    def behind_nginx(self) -> str:
        """Return the URL of a server whose answers nginx signs."""
        server = self._server()

        def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
            def begin(status: str, headers: Any, *exc_info: Any) -> Any:
                return start(status, [*headers, ("Server", "nginx/1.26.3")])

            return server(environ, begin)

        return self._run(app)


@pytest.fixture
def visited() -> Iterator[Loopbacks]:
    """Give the servers that the doctor visits."""
    loopbacks = Loopbacks()
    yield loopbacks
    loopbacks.close()


def doctor(folder: Path, module: str, *arguments: str) -> str:
    """Return what the doctor says about a module, where descriptors are few."""
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "socket.io.js").write_text("/*!\n * Socket.IO v2.5.0\n */")
    (folder / "chat.py").write_text(module)
    command = [sys.executable, "-m", "sockio", "doctor", "chat:io", *arguments]
    limited = ["sh", "-c", 'ulimit -S -n 1024; exec "$@"', "sh", *command]
    program = gevent.subprocess.Popen(
        limited,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GUNICORN_CMD_ARGS": ""},
        stdout=gevent.subprocess.PIPE,
        stderr=gevent.subprocess.PIPE,
    )
    out, err = program.communicate(timeout=100)
    assert not err, err.decode()
    return str(out.decode())


def shape(text: str) -> str:
    """Return a text without what differs from machine to machine."""
    return re.sub(r"\d[\d.]*", "N", re.sub(r"\s+", " ", text)).strip()


def finding(told: str, subject: str) -> str:
    """Return the lines about a subject that are not well."""
    found = re.search(
        rf"^(?:warning|error) +{subject}  .*\n +-> .*$", told, re.MULTILINE
    )
    assert found is not None, told
    return found[0]


def blocks(heading: str) -> list[str]:
    """Return the literal blocks below a heading of the page."""
    section = PAGE.split(f"\n{heading}\n", 1)[1]
    section = re.split(r"\n\S.*\n(?:-{4,}|~{4,})\n", section)[0]
    return re.findall(r"::\n\n((?:    .*\n|\n)+)", section)


def test_ten_broken_set_ups(visited: Loopbacks, tmp_path: Path) -> None:
    set_ups = {name: make(visited) for name, make in SET_UPS.items()}
    running = {
        name: gevent.spawn(doctor, tmp_path / str(number), module, *arguments)
        for number, (name, (module, arguments)) in enumerate(set_ups.items())
    }

    found = [
        shape(finding(each.get(), name.partition(",")[0]))
        for name, each in running.items()
    ]

    assert found == [shape(block) for block in blocks("Ten broken set-ups")]
    assert len(found) == 10


def test_the_example_of_the_page(visited: Loopbacks, tmp_path: Path) -> None:
    url = visited.not_sticky()

    told = doctor(tmp_path / "a", SERVER, "--gunicorn=-k gevent -w 4", "--url", url)

    shown = blocks("doctor")[0].partition("\n")[2]
    assert lines_of(told) == lines_of(shown)


def lines_of(told: str) -> list[str]:
    """Return the shape of each line, without those that tell of this machine."""
    lines = told.replace("\n    ", "\n").splitlines()
    own = re.compile(r" *(ok|hint) +(build|backlog) |.*(C compiler|somaxconn)")
    return [shape(line) for line in lines if line.strip() and not own.match(line)]
