"""systemd: the units that docs/systemd.rst prints, its sockets, what it is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import gevent.socket
import pytest

from tests.deployment.contract import assert_echoes
from tests.support import services
from tests.support.deployed import ROOT, Deployed
from tests.support.http_wire import HttpConnection
from tests.support.printed import printed
from tests.support.raw_websocket import RawWebSocket
from tests.support.waiting import wait_until

RUN = ("-W", "error", "-m", "tests.deployment.apps.run")
WORKERS = ("-m", "sockio", "run", "tests.deployment.apps.echo:io", "-w", "2", "-b")
#: In front of a program, and of its arguments: another program than Python.
PROGRAM = ("-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])")
#: In front of a descriptor, and of Python's arguments: what systemd does.
PASSING = (
    "-c",
    "import os, sys; os.dup2(int(sys.argv[1]), 3);"
    "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])",
)


# ------------------------------------------------------------------ units


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Give a folder with the units, as printed but for the program's path."""
    folder = {
        "chat.service": "/srv/chat/venv/bin/python",
        "chat-gunicorn.service": "/srv/chat/venv/bin/gunicorn",
        "chat.service.d/socket.conf": "/srv/chat/venv/bin/python",
        "chat.socket": "",
    }
    for file, program in folder.items():
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        replaced = {program: sys.executable} if program else {}
        path.write_text(printed("systemd.rst", path.name, replaced))
    return tmp_path


def verify(*units: Path) -> str:
    """Return what systemd finds wrong with some units."""
    services.program("systemd")
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return found.stdout + found.stderr


def test_the_units_are_right(units: Path) -> None:
    assert verify(*units.glob("*.s*t"), *units.glob("*.service")) == ""


def test_a_wrong_unit_would_be_found(units: Path) -> None:
    addition = units / "chat.service.d" / "socket.conf"
    addition.write_text(addition.read_text() + "WatchdogSecs=30\n")

    assert "Unknown key 'WatchdogSecs'" in verify(units / "chat.service")


# ------------------------------------------------------------------ sockets


def test_systemd_starts_the_server_for_its_first_client(tmp_path: Path) -> None:
    path = tmp_path / "chat.sock"

    def come() -> RawWebSocket:
        wait_until(lambda: is_listened_on(path))
        connection = HttpConnection(str(path), "localhost")
        return RawWebSocket(connection, "/socket.io/?EIO=4&transport=websocket")

    first = gevent.spawn(come)
    activate = [services.program("systemd"), "-l", str(path), "--fdname=chat"]
    activate += [f"-EPYTHONPATH={ROOT}", sys.executable, *RUN, "systemd:chat"]
    with Deployed(*PROGRAM, *activate) as server:
        websocket = first.get(timeout=60)
        websocket.receive()
        websocket.send("40")
        websocket.receive()

        assert_echoes(websocket)

        websocket.close()
        server.end_quietly()
    assert path.exists()


def is_listened_on(path: Path) -> bool:
    """Look whether somebody listens on a Unix socket, without connecting to it."""
    sockets = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    # The fourth field has the flags: __SO_ACCEPTCON is the one of listening sockets.
    return any(each[3] == "00010000" and each[-1] == str(path) for each in sockets)


def test_clients_wait_while_the_server_starts_anew() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        address = listening.getsockname()
        with Deployed(
            *PASSING, str(number), *RUN, "systemd", pass_fds=[number]
        ) as first:
            first.end_quietly()
        waiting = HttpConnection(address, "localhost")
        waiting.send("GET", "/socket.io/?EIO=4&transport=polling")

        with Deployed(
            *PASSING, str(number), *WORKERS, "systemd", pass_fds=[number]
        ) as second:
            assert second.port == address[1]
            assert waiting.receive(60).text.startswith('0{"sid":')
            waiting.close()
            second.end_quietly()


def test_without_a_socket_it_says_why() -> None:
    ended = subprocess.run(
        [sys.executable, *WORKERS, "systemd:chat"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stderr == (
        "sockio: systemd:chat: systemd has passed no socket: LISTEN_FDS is not set; "
        "start the program by a socket unit\n"
    )


# ------------------------------------------------------------------ what it is told


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[gevent.socket.socket]:
    """Give the socket of the service manager of the servers that start now."""
    with gevent.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
        yield manager


def test_one_process_tells_how_it_is(
    told: gevent.socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    with Deployed(*RUN, "127.0.0.1:0") as server:
        serves = f"serves on http://127.0.0.1:{server.port}"
        assert told.recv(4096).decode() == f"READY=1\nSTATUS={serves}"
        for _ in range(3):
            assert told.recv(4096) == b"WATCHDOG=1"

        server.end_quietly()

    assert last_word(told).startswith(b"STOPPING=1\n")


def test_several_workers_tell_how_they_are(
    told: gevent.socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", str(3600 * 10**6))
    with Deployed(*WORKERS, "127.0.0.1:0") as server:
        serves = f"serves on http://127.0.0.1:{server.port}, with 2 workers"
        words = {told.recv(4096) for _ in range(2)}

        assert words == {b"WATCHDOG=1", f"READY=1\nSTATUS={serves}".encode()}
        server.send(signal.SIGTERM)
        assert told.recv(4096).startswith(b"STOPPING=1\n")
        assert server.wait() == 0, server.log


def test_a_watchdog_of_another_process_is_not_ours(
    told: gevent.socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with Deployed(*RUN, "127.0.0.1:0") as server:
        assert told.recv(4096).startswith(b"READY=1\n")
        server.end_quietly()

    assert told.recv(4096).startswith(b"STOPPING=1\n")


def last_word(told: gevent.socket.socket) -> bytes:
    """Return the last thing that was told, but for signs of life."""
    words = []
    told.setblocking(False)
    while True:
        try:
            words.append(told.recv(4096))
        except BlockingIOError:
            return bytes([word for word in words if word != b"WATCHDOG=1"][-1])
