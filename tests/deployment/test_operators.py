"""Workers as load balancers, Kubernetes and Prometheus see them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.deployed import OUR_WORKER, Deployed, gunicorn
from tests.support.http_wire import Answer
from tests.support.raw_websocket import RawWebSocket
from tests.support.scrape import OPEN_METRICS, Scrape
from tests.support.waiting import wait_until

APP = "tests.deployment.apps.operated:io"


@pytest.fixture(
    scope="module",
    params=[
        gunicorn("gevent", APP, "-w", "2"),
        gunicorn(OUR_WORKER, APP, "-w", "2"),
        ("-m", "sockio", "run", APP, "-w", "2", "-b", "127.0.0.1:0"),
    ],
    ids=["gunicorn", "our worker", "ours"],
)
def server(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    """Give two workers that have found each other."""
    with Deployed(*request.param) as server:
        wait_until(lambda: connected(server) == 2)
        yield server


def get(server: Deployed, path: str) -> Answer:
    with server.client("/") as client:
        return client.http().request("GET", path, None, {"Accept": OPEN_METRICS})


def scrape(server: Deployed) -> Scrape:
    return Scrape(get(server, "/metrics"))


def pids(read: Scrape) -> dict[str, str]:
    """Return the process of each worker."""
    return {
        labels["worker"]: labels["pid"]
        for labels in read.all("sockio_info")
        if "worker" in labels
    }


def connected(server: Deployed) -> int:
    """Return how many workers hear all others, as they say."""
    read = scrape(server)
    values = [read.value("sockio_adapter_connected", worker=w) for w in pids(read)]
    return values.count(1)


def pid_of(websocket: RawWebSocket) -> int:
    websocket.send('420["who"]')
    answer = str(websocket.receive_message())
    return int(answer.removeprefix("430[").removesuffix("]"))


def test_whichever_worker_answers_tells_of_both(server: Deployed) -> None:
    assert get(server, "/health").status == 200
    assert get(server, "/ready").status == 200
    with server.client() as client:
        websockets = [client.open_socket() for _ in range(6)]
        by_pid = [str(pid_of(websocket)) for websocket in websockets]

        workers = pids(scrape(server))
        for _ in range(4):
            read = scrape(server)

            for worker, pid in workers.items():
                count = by_pid.count(pid)
                sockets = read.value("sockio_sockets", worker=worker, namespace="/")
                assert (sockets or 0) == count
                events = read.value("sockio_events_total", worker=worker, event="who")
                assert (events or 0) == count


def test_a_worker_that_was_killed_is_no_more_in_the_sum(server: Deployed) -> None:
    before = pids(scrape(server))
    worker, pid = next(iter(before.items()))

    def replaced() -> bool:
        workers = pids(scrape(server))
        return worker not in workers and len(workers) == 2

    os.kill(int(pid), signal.SIGKILL)

    wait_until(replaced)
    assert scrape(server).value("sockio_silent_workers") == 0
