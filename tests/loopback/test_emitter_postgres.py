"""Emitters whose PostgreSQL goes away, does not let them in, or refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sockio
from tests.support.postgres import Postgres
from tests.support.waiting import PATIENCE

from .test_emitter_faults import failure


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Give a server that a test may end."""
    with Postgres(tcp=True) as server:
        yield server


def test_a_server_that_goes_and_comes(postgres: Postgres) -> None:
    address = f"127.0.0.1:{postgres.port}/postgres"
    with sockio.Emitter(postgres.url, timeout=PATIENCE) as emitter:
        emitter.emit("n", 1)
        postgres.kill()
        error = failure(emitter)
        postgres.start()
        emitter.emit("n", 2)
        postgres.kill()
        postgres.start()
        emitter.emit("n", 3)

    assert str(error).startswith(f"{address}: ")
    assert not error.uncertain


def test_passwords_are_needed_and_not_shown(postgres: Postgres) -> None:
    postgres.sql("CREATE ROLE ann LOGIN PASSWORD 's3cret'")
    url = postgres.url.replace("postgres@", "ann:{}@")
    with sockio.Emitter(url.format("wr0ng"), timeout=PATIENCE) as emitter:
        error = failure(emitter)
        assert "password" in str(error)
        assert not error.uncertain
        assert "wr0ng" not in f"{error!r}{error.__cause__!r}{emitter!r}"
    with sockio.Emitter(url.format("s3cret"), timeout=PATIENCE) as emitter:
        emitter.emit("n", 1)
        error = failure_of_bytes(emitter)
        assert "socket_io_attachments" in str(error)  # nobody has made the table
        assert not error.uncertain
        emitter.emit("n", 2)


def failure_of_bytes(emitter: sockio.Emitter) -> sockio.BrokerError:
    with pytest.raises(sockio.BrokerError) as it:
        emitter.emit("n", b"\x00")
    return it.value


def test_a_question_to_nobody_has_no_answers(postgres: Postgres) -> None:
    with sockio.Emitter(postgres.url, timeout=PATIENCE) as emitter:
        assert emitter.server_side_emit_with_ack("who") == []
        postgres.kill()
        with pytest.raises(sockio.BrokerError) as it:
            emitter.server_side_emit_with_ack("who")
        postgres.start()

    assert not it.value.uncertain
