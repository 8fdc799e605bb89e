"""Emitters whose MongoDB goes away, or is not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sockio
from sockio.errors import ConfigError, EncodeError
from tests.support.mongo_server import MongoServer
from tests.support.waiting import PATIENCE, wait_until

from .test_emitter_faults import emits, failure


@pytest.fixture(scope="module")
def mongo() -> Iterator[MongoServer]:
    """Give a server that a test may end."""
    server = MongoServer()
    with server.new_collection():
        pass  # a client that looks into it would connect again when a test restarts it
    yield server
    server.close()


def test_a_server_that_goes_and_comes(mongo: MongoServer) -> None:
    url = mongo.url.replace("//", "//ann:s3cret@")
    with sockio.Emitter(url, timeout=1) as emitter:
        mongo.kill()
        error = failure(emitter)
        assert str(error).startswith(f"127.0.0.1:{mongo.port}/tests.")
        assert not error.uncertain
        assert "s3cret" not in f"{error!r}{error.__cause__!r}{emitter!r}"
    with sockio.Emitter(mongo.url, timeout=PATIENCE) as emitter:
        mongo.start()
        emitter.emit("n", 1)
        mongo.kill()
        mongo.start()
        wait_until(lambda: emits(emitter))


def test_a_message_may_be_too_large(mongo: MongoServer) -> None:
    with (
        sockio.Emitter(f"{mongo.url}?max_message=1000") as emitter,
        pytest.raises(EncodeError, match="max_message="),
    ):
        emitter.emit("n", "x" * 1000)


def test_an_option_that_pymongo_refuses() -> None:
    with pytest.raises(ConfigError, match="mongodb"):
        sockio.Emitter("mongodb://localhost/shop?w=-7")


def test_a_question_to_nobody_has_no_answers(mongo: MongoServer) -> None:
    with sockio.Emitter(mongo.url, timeout=PATIENCE) as emitter:
        assert emitter.server_side_emit_with_ack("who") == []
