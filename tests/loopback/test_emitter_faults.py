"""Emitters whose Redis is away, hangs, ends, or does not let them in."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest
from gevent.event import Event

import sockio
from sockio.errors import BrokerError, EncodeError
from tests.contract.emitters import in_thread
from tests.support.redis_server import RedisServer
from tests.support.waiting import PATIENCE, wait_until

from .conftest import Serve


@pytest.fixture
def broker() -> Iterator[RedisServer]:
    """Give a broker that a test may stop."""
    server = RedisServer()
    yield server
    server.close()


def failure(emitter: sockio.Emitter) -> BrokerError:
    """Emit, which must fail; return the error."""
    with pytest.raises(BrokerError) as it:
        emitter.emit("n", 1)
    return it.value


def emits(emitter: sockio.Emitter) -> bool:
    """Emit; say whether the broker has taken it."""
    try:
        emitter.emit("n", 1)
    except BrokerError:
        return False
    return True


def test_a_broker_that_goes_and_comes(broker: RedisServer) -> None:
    with sockio.Emitter(broker.url, timeout=PATIENCE) as emitter:
        emitter.emit("n", 1)
        broker.kill()
        error = failure(emitter)
        broker.start()
        emitter.emit("n", 2)

    assert str(error).startswith(f"127.0.0.1:{broker.port}: ")
    assert not error.uncertain


def test_a_broker_that_ended_since_the_last_message(broker: RedisServer) -> None:
    with sockio.Emitter(broker.url, timeout=PATIENCE) as emitter:
        emitter.emit("n", 1)
        broker.kill()
        broker.start()
        emitter.emit("n", 2)


def test_a_broker_that_hangs(broker: RedisServer) -> None:
    with sockio.Emitter(broker.url, timeout=0.1) as emitter:
        broker.stop()
        assert not failure(emitter).uncertain  # it has not even been let in
        broker.go_on()
        wait_until(lambda: emits(emitter))
        broker.stop()
        assert failure(emitter).uncertain
        broker.go_on()
        wait_until(lambda: emits(emitter))


def test_passwords_are_needed_and_not_shown() -> None:
    broker = RedisServer("--requirepass", "s3cret")
    try:
        with sockio.Emitter(broker.url) as emitter:
            error = failure(emitter)
            assert "auth" in str(error).lower()
            assert not error.uncertain
        with sockio.Emitter(broker.url.replace("//", "//:wr0ng@")) as emitter:
            error = failure(emitter)
            assert not error.uncertain
            assert "wr0ng" not in f"{error!r}{error.__cause__!r}{emitter!r}"
        with sockio.Emitter(broker.url.replace("//", "//:s3cret@")) as emitter:
            emitter.emit("n", 1)
    finally:
        broker.close()


def test_a_broker_that_ends_while_answers_are_awaited(
    serve: Serve, broker: RedisServer
) -> None:
    served = serve(adapter=broker.url)
    asked = Event()
    served.io.on("question", lambda *, ack: asked.set())
    served.io.start()
    wait_until(lambda: served.io.sockets.adapter.server_count() == 1)
    with sockio.Emitter(broker.url, timeout=PATIENCE) as emitter:
        ask = emitter.server_side_emit_with_ack
        asking = gevent.spawn(in_thread, ask, "question", timeout=PATIENCE)
        assert asked.wait(PATIENCE)
        broker.kill()

        with pytest.raises(BrokerError) as it:
            asking.get(timeout=PATIENCE)

    assert it.value.uncertain


def test_no_server_is_there(redis_server: RedisServer) -> None:
    with sockio.Emitter(f"{redis_server.url}?prefix=nobody") as emitter:
        emitter.emit("n", 1)

        assert emitter.server_side_emit_with_ack("question") == []


def test_a_message_may_be_too_large(redis_server: RedisServer) -> None:
    with (
        sockio.Emitter(f"{redis_server.url}?max_message=1000") as emitter,
        pytest.raises(EncodeError, match="max_message="),
    ):
        emitter.emit("n", "x" * 1000)
