"""Two machines, each with two workers, behind a balancer that knows no sessions."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crowd import Crowd
from tests.support.deployed import Deployed, gunicorn
from tests.support.nginx import Nginx
from tests.support.node import Driver
from tests.support.ports import free_port
from tests.support.python_socketio import Kind, PythonDriver
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

CROWD = "tests.deployment.apps.crowd:app"
TWO = ("-w", "2")


class Machine(Deployed):
    """A server that the other machine reaches at its port."""

    def __init__(self, kind: str, broker: RedisServer) -> None:
        address = f"127.0.0.1:{free_port()}"
        if kind == "ours":
            command = ["-m", "sockio", "run", CROWD, *TWO, "-b", address]
        else:
            command = gunicorn(kind, CROWD, *TWO, "--keep-alive", "75")
            command[command.index("127.0.0.1:0")] = address
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ADAPTER", broker.url)
            patch.setenv("ADVERTISE", address)
            super().__init__(*command)

    def kill_all(self) -> None:
        """Kill it with its workers, so that none of them notices."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        for pid in (self.pid, *map(int, children.split())):
            os.kill(pid, signal.SIGKILL)


Pair = list[Machine]


def started(kind: str, broker: RedisServer) -> Iterator[Pair]:
    machines = [Machine(kind, broker) for _ in range(2)]
    yield machines
    for machine in machines:
        machine.kill()


@pytest.fixture(scope="module", params=["gevent", "ours"])
def machines(
    request: pytest.FixtureRequest, redis_server: RedisServer
) -> Iterator[Pair]:
    """Give two machines of each kind."""
    yield from started(request.param, redis_server)


@pytest.fixture
def mortals(redis_server: RedisServer) -> Iterator[Pair]:
    """Give two machines that may die."""
    yield from started("gevent", redis_server)


@pytest.mark.parametrize("keep", [True, False], ids=["keep-alive", "new connections"])
def test_all_hear_all_once_and_in_order(
    machines: Pair, tmp_path: Path, keep: bool
) -> None:
    ports = [machine.port for machine in machines]
    with Nginx(tmp_path, *ports, keep=keep) as nginx, Crowd(nginx.url) as crowd:
        heard = crowd.speak()

        assert heard.connected == crowd.clients
        assert heard.errors == {}
        assert heard.faults == (0, 0, 0)
    assert nginx.log == ""
    for machine in machines:
        machine.assert_quiet()


def test_clients_of_python(
    machines: Pair, tmp_path: Path, python: PythonDriver
) -> None:
    kinds: list[Kind] = ["Client", "AsyncClient"]
    ways = [["polling"], ["websocket"], ["polling", "websocket"]]
    with Nginx(tmp_path, *(machine.port for machine in machines)) as nginx:
        for kind in kinds:
            for transports in ways:
                client = python.client(kind)
                client.connect(nginx.url, transports=transports)
                for number in range(4):
                    assert client.call("call", "echo", number) == number


def test_who_dies_takes_nobody_along(
    mortals: Pair, tmp_path: Path, node: Driver
) -> None:
    one, two = mortals
    others = [
        node.connect(two.url, transports=[way], reconnection=False)
        for way in ("polling", "websocket")
    ]
    with (
        Nginx(tmp_path, one.port, two.port) as nginx,
        Crowd(nginx.url, clients=12) as crowd,
    ):
        one.kill_all()

        wait_until(lambda: crowd.answered, 0.1)
        heard = crowd.speak()

        assert heard.faults == (0, 0, 0)
        for client in others:
            assert client.emit_with_ack("echo", "there") == ["there"]
    two.assert_quiet()
