from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sockio.adapters.accounting import Account, AdapterStats
from sockio.runtime.lag import PERIOD, Lag
from sockio.socket.server.health import Health
from tests.support.late_clock import LateClock


class Patient:
    """A server in the state that a test wants."""

    def __init__(self) -> None:
        self.clock = LateClock()
        self.ending = False
        self.starts = 0
        self.account: Account | None = None

    def start(self) -> None:
        self.starts += 1

    def adapter_stats(self) -> AdapterStats | None:
        return None if self.account is None else self.account.stats()


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.fixture
def lag(patient: Patient) -> Iterator[Lag]:
    lag = Lag(patient)
    yield lag
    lag.close()


@pytest.fixture
def health(patient: Patient, lag: Lag) -> Health:
    return Health(patient, lag, 1.0)


def ask(page: Any) -> tuple[str, Any]:
    told: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    body = page(environ, lambda *args: told.extend(args))
    return told[0], json.loads(b"".join(body))


def test_a_server_that_answers_is_alive(health: Health, patient: Patient) -> None:
    patient.ending = True

    assert ask(health.alive) == ("200 OK", {"status": "alive"})


def test_ready(health: Health) -> None:
    assert ask(health.ready) == ("200 OK", {"status": "ready"})


def test_who_asks_starts_the_server(health: Health, patient: Patient) -> None:
    # Before it is ready it may get no other request, and would never start.
    ask(health.ready)

    assert patient.starts == 1


def test_not_while_it_closes(health: Health, patient: Patient) -> None:
    patient.ending = True

    assert ask(health.ready) == (
        "503 Service Unavailable",
        {"status": "not ready", "because": ["the server is closing"]},
    )


def test_not_without_its_broker(health: Health, patient: Patient) -> None:
    patient.account = Account(connected=False)

    assert health.obstacles() == ["the adapter is not connected"]

    patient.account.connected = True

    assert health.obstacles() == []


def test_not_while_the_loop_is_late(health: Health, patient: Patient, lag: Lag) -> None:
    lag.start()
    patient.clock.late = PERIOD + 2.5

    assert health.obstacles() == ["the loop is 2.5 s late"]

    patient.clock.late = 0.0

    assert health.obstacles() == []


def test_it_may_be_as_late_as_it_is_if_there_is_no_limit(
    patient: Patient, lag: Lag
) -> None:
    lag.start()
    patient.clock.late = PERIOD + 2.5

    assert Health(patient, lag, None).obstacles() == []
