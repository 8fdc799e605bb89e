"""``python -m sockio run --reload``: files are saved, and clients get the new code."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import gevent.socket
import gevent.subprocess
import pytest

from tests.support.deployed import ROOT
from tests.support.node import Driver
from tests.support.raw_client import RawClient
from tests.support.raw_websocket import RawWebSocket
from tests.support.waiting import wait_until

SERVES = re.compile(r"serves on http://127\.0\.0\.1:(\d+)")
SERVER = """\
import sockio
from part import version

io = sockio.Server()
app = io.attach(lambda environ, start: start("200 OK", []) and [])


@io.on("connection")
def connected(socket):
    socket.on("version", lambda: version)
"""


class Reloaded:
    """The command, in the folder of a project."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        command = ["-m", "sockio", "run", "server:io", "-b", "127.0.0.1:0", "--reload"]
        self._process = gevent.subprocess.Popen(
            [sys.executable, *command, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stderr=gevent.subprocess.PIPE,
        )
        self.log = ""
        line = self.wait_for("serves on")
        found = SERVES.search(line)
        assert found is not None, line
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.wait_for("  versions ")

    def wait_for(self, text: str) -> str:
        """Read what it says until a line has ``text``; return that."""
        while True:
            line: str = self._process.stderr.readline().decode()
            assert line, self.log
            self.log += line
            if text in line:
                return line

    def save(self, name: str, text: str) -> None:
        """Save a file as careful editors do: a new one takes the old one's place."""
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(f"{path.name}~")
        beside.write_text(text)
        beside.rename(path)

    def wait_until_it_serves_again(self) -> None:
        """Wait until its next process says that it serves."""
        self.wait_for("  versions ")

    def version(self, client: RawClient | None = None) -> str:
        """Ask the server of a client, or of a new one, for the version of its code."""
        with client or RawClient(self.url, "/socket.io/") as asking:
            session = asking.open_session()
            session.post("40")
            session.post('420["version"]')
            answer = ""
            while '430["' not in answer:
                answer = session.poll().text
        return answer.partition('430["')[2].partition('"')[0]

    @property
    def answers(self) -> bool:
        """Whether anybody listens at its port."""
        try:
            gevent.socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def end(self, signum: int) -> int:
        """Send it a signal; return its exit code."""
        self._process.send_signal(signum)
        self.log += self._process.communicate(timeout=60)[1].decode()
        code: int = self._process.returncode
        return code

    def close(self) -> None:
        """End it, if it runs."""
        if self._process.poll() is None:
            self.end(signal.SIGINT)
        self._process.stderr.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Reloaded]]:
    """Give a function that starts the command in a new project."""
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "part.py").write_text("version = 'one'\n")
    running: list[Reloaded] = []

    def start(*arguments: str) -> Reloaded:
        running.append(Reloaded(tmp_path, *arguments))
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_clients_are_disconnected_and_come_back_to_the_new_code(
    node: Driver, start: Callable[..., Reloaded], workers: str
) -> None:
    server = start("-w", workers)
    client = node.connect(server.url, reconnection=True, reconnectionDelay=1)
    client.next("connect")
    assert client.emit_with_ack("version") == ["one"]

    server.save("part.py", "version = 'two'\n")

    # It is an ordinary close, and nobody is refused while nothing serves.
    assert client.next("disconnect").args[0] == "transport close"
    assert client.next().event == "connect"
    assert client.emit_with_ack("version") == ["two"]
    assert server.end(signal.SIGTERM) == 0
    assert server.log.count("part.py changed, so the program starts again") == 1
    assert "Traceback" not in server.log
    assert not server.answers


def test_who_comes_back_at_once_is_served_by_the_new_code(
    start: Callable[..., Reloaded],
) -> None:
    # Of four workers, one disconnects its clients before another one hears of the end.
    server = start("-w", "4")
    clients = [RawClient(server.url, "/socket.io/") for _ in range(10)]
    sockets = [client.open_socket() for client in clients]

    def come_back(client: RawClient, socket: RawWebSocket) -> str:
        socket.wait_closed()
        return server.version(client)

    back = list(map(gevent.spawn, repeat(come_back), clients, sockets))
    server.save("part.py", "version = 'two'\n")

    assert [each.get(timeout=60) for each in back] == ["two"] * 10


def test_mistakes_are_told_and_mended(start: Callable[..., Reloaded]) -> None:
    server = start()

    server.save("part.py", "version = (\n")
    told = server.wait_for("part.py, line 1: ")
    server.wait_for("the former code serves on until this is mended")
    former = server.version()
    server.save("part.py", "1 / 0\n")
    server.wait_for("ZeroDivisionError")
    server.wait_for("the program has ended (exit code 1)")
    server.save("part.py", "version = 'mended'\n")
    server.wait_until_it_serves_again()

    assert "'(' was never closed" in told
    assert former == "one"
    assert server.version() == "mended"


def test_only_what_the_program_uses_matters(start: Callable[..., Reloaded]) -> None:
    server = start("--reload-include", "*.toml", "--reload-exclude", "made.html")

    server.save("tests.py", "")
    server.save(".part.py.swp", "")
    server.save("made.html", "")
    server.save("pages/page.html", "<p>")
    server.wait_for("pages/page.html changed")
    server.wait_until_it_serves_again()
    server.save("settings.toml", "")
    server.wait_for("settings.toml changed")
    server.wait_until_it_serves_again()

    assert server.log.count(" changed, so") == 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_is_left_when_it_is_killed(
    start: Callable[..., Reloaded], workers: str
) -> None:
    server = start("-w", workers)

    assert server.end(signal.SIGKILL) == -signal.SIGKILL

    wait_until(lambda: not server.answers)


def test_ctrl_c_ends_it_while_it_waits_for_the_next_save(
    start: Callable[..., Reloaded],
) -> None:
    server = start()

    server.save("server.py", f"{SERVER}\ndel io\n")
    server.wait_for("has no 'io'")
    server.wait_for("the program has ended (exit code 2)")
    code = server.end(signal.SIGINT)

    assert code == 0
