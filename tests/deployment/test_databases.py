"""Django's database connections do not outlive the handlers that opened them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployed import Deployed, gunicorn
from tests.support.postgres import Postgres
from tests.support.raw_websocket import RawWebSocket

COMMAND = gunicorn("gevent", "tests.deployment.apps.database:app")
PROJECT = gunicorn("gevent", "tests.deployment.apps.shop:app")
MANY = 40


def ask(client: RawWebSocket, event: str, *args: Any) -> Any:
    """Emit an event and return the first argument of its ack."""
    client.send("420" + json.dumps([event, *args]))
    answer = client.receive_message()
    assert isinstance(answer, str)
    assert answer.startswith("430["), answer
    return json.loads(answer[3:])[0]


def ask_all(clients: list[RawWebSocket], count: int) -> None:
    """Let the handler of each client open a connection, all at the same time."""
    for client in clients:
        client.send(f'420["ask with others",{count}]')
    for client in clients:
        assert client.receive_message(timeout=30) == "430[7]"


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with Postgres() as postgres:
        yield postgres


def on_postgres(postgres: Postgres, **options: Any) -> str:
    """Return Django's settings for a PostgreSQL server."""
    where = {"HOST": str(postgres.folder), "USER": "postgres", "NAME": "postgres"}
    engine = "django.db.backends.postgresql"
    return json.dumps({"ENGINE": engine, **where, "OPTIONS": options})


def wait_until_zero(count: Callable[[], int]) -> None:
    """Ask until nothing is open; the test's time limit ends it."""
    while count():
        pass


def test_a_file_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "db.sqlite3")
    settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": path}
    monkeypatch.setenv("DATABASE", json.dumps(settings))
    with Deployed(*COMMAND) as server:
        clients = [server.client().open_socket() for _ in range(MANY)]

        for event in ("ask", "ask in a task", "ask in a thread"):
            assert ask(clients[0], event) == 7
            wait_until_zero(lambda: ask(clients[0], "open files", path))
        ask_all(clients, MANY)
        wait_until_zero(lambda: ask(clients[0], "open files", path))

        server.end_quietly()


def test_a_database_that_was_restarted_answers_again(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE", on_postgres(postgres))
    with Deployed(*COMMAND) as server:
        clients = [server.client().open_socket() for _ in range(MANY)]
        ask_all(clients, MANY)
        wait_until_zero(postgres.connections)

        postgres.shut_down()
        postgres.start()

        for client in clients:
            assert ask(client, "ask") == 7
        wait_until_zero(postgres.connections)
        server.end_quietly()


def test_a_pool_keeps_its_connections_for_all(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = {"min_size": 1, "max_size": 4}
    monkeypatch.setenv("DATABASE", on_postgres(postgres, pool=pool))
    with Deployed(*COMMAND) as server:
        clients = [server.client().open_socket() for _ in range(MANY)]

        for _ in range(3):
            ask_all(clients[:4], 4)
            for client in clients:
                assert ask(client, "ask") == 7

        assert 1 <= postgres.connections() <= 4
        server.end_quietly()


def test_a_project_keeps_no_connection(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE", on_postgres(postgres))
    with Deployed(*PROJECT) as server:
        clients = [server.client().open_socket() for _ in range(25)]
        poll = server.client().open_session()
        poll.post("40")

        for event in ("count", "task", "thread"):
            for client in clients:
                assert ask(client, event) == 0
        for client in clients:
            client.send('42["ask"]')
            question = str(client.receive_message())
            assert question.endswith('["question"]')
            client.send(f'43{question[2:].partition("[")[0]}["yes"]')
            assert client.receive_message() == '42["thanks",0]'
        clients.pop().close()

        wait_until_zero(postgres.connections)
        server.end_quietly()


@pytest.mark.parametrize(
    "options", [{}, {"pool": {"min_size": 1, "max_size": 2}}], ids=["alone", "pool"]
)
def test_an_unfinished_transaction_does_not_reach_the_next_event(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setenv("DATABASE", on_postgres(postgres, **options))
    with Deployed(*PROJECT) as server:
        client = server.client().open_socket()

        for _ in range(2):
            client.send('42["begin","unfinished"]')
            client.send('42["fail"]')
            assert ask(client, "state") == [True, False]
            assert ask(client, "count") == 0

        if options:
            assert 1 <= postgres.connections() <= 2
        else:
            wait_until_zero(postgres.connections)
