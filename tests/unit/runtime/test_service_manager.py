from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockio.runtime.service_manager import BEATS, Beat, ServiceManager
from sockio.testing import FakeClock


@pytest.fixture(params=["path", "abstract name"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Heard]:
    name = str(tmp_path / "notify")
    if request.param == "abstract name":
        name = f"@sockio-test-{os.getpid()}"
    heard = Heard(name)
    yield heard
    heard.sock.close()


class Heard:
    """The socket of a service manager."""

    def __init__(self, name: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(name.replace("@", "\0"))
        self.sock.setblocking(False)
        self.environ = {"NOTIFY_SOCKET": name}

    def watching(self, microseconds: str = "3000000", **more: str) -> ServiceManager:
        self.environ.update(WATCHDOG_USEC=microseconds, **more)
        return ServiceManager(self.environ)

    def all(self) -> list[list[str]]:
        """Take what it was told: the lines of each datagram."""
        found = []
        while True:
            try:
                found.append(self.sock.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return found


def test_what_is_told(heard: Heard) -> None:
    manager = ServiceManager(heard.environ)

    manager.ready("serves on port 3000")
    manager.alive()
    manager.stopping()

    assert heard.all() == [
        ["READY=1", "STATUS=serves on port 3000"],
        ["WATCHDOG=1"],
        ["STOPPING=1", "STATUS=disconnects its clients, and ends"],
    ]


def test_other_programs_do_not_speak_for_it(heard: Heard) -> None:
    heard.watching(WATCHDOG_PID=str(os.getpid()), OTHER="1")

    assert heard.environ == {"OTHER": "1"}


def test_nobody_listens() -> None:
    manager = ServiceManager({"WATCHDOG_USEC": "3000000"})

    assert not manager.listens
    assert manager.pause is None
    manager.ready("serves")
    manager.stopping()


@pytest.mark.parametrize("name", ["relative", "@", "/", "vsock:2:1234"])
def test_a_name_that_is_none(name: str, caplog: pytest.LogCaptureFixture) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": name})

    assert not manager.listens
    assert f"NOTIFY_SOCKET is no path and no abstract name: {name!r}" in caplog.text


def test_that_it_cannot_be_told_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")})

    manager.ready("serves")
    manager.alive()

    assert len(caplog.records) == 1
    assert "the service manager was not told 'READY=1': [Errno 2]" in caplog.text


# ------------------------------------------------------------------ signs of life


def test_signs_of_life_come_from_the_loop(heard: Heard) -> None:
    clock = FakeClock()
    beat = Beat(heard.watching("3000000"), clock)

    assert heard.all() == [["WATCHDOG=1"]]
    clock.advance(0.9)
    assert heard.all() == []
    clock.advance(9.1)
    assert heard.all() == [["WATCHDOG=1"]] * 10
    beat.close()
    clock.advance(10)
    assert heard.all() == []


def test_signs_come_in_time(heard: Heard) -> None:
    manager = heard.watching("3000000")

    assert manager.patience == 3.0
    assert manager.pause == manager.patience / BEATS


@pytest.mark.parametrize(
    "wanted",
    [
        {"microseconds": ""},
        {"microseconds": "0"},
        {"microseconds": "soon"},
        {"microseconds": "-5"},
        {"WATCHDOG_PID": "1"},
    ],
    ids=str,
)
def test_nobody_wants_signs_of_life(heard: Heard, wanted: dict[str, str]) -> None:
    clock = FakeClock()

    Beat(heard.watching(**wanted), clock).close()

    clock.advance(100)
    assert heard.all() == []
