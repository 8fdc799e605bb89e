from __future__ import annotations

import gc
from typing import Any

import gevent
import gevent.event
import pytest

import sockio
from sockio.testing import FakeClock, TestClient
from sockio.testing.activity import Activity, activity_of
from tests.support.leaks import nothing_to_collect


def nothing() -> None:
    """Check nothing."""


def test_the_clients_of_a_server_share_one(io: sockio.Server[Any]) -> None:
    activity = activity_of(io)
    activity.join()
    activity.join()
    assert activity_of(io) is activity
    activity.leave()
    assert len(io.reactor.around.makers) == 1

    activity.leave()

    assert not io.reactor.around.makers
    assert activity_of(io) is activity


def test_it_does_not_keep_its_server() -> None:
    with nothing_to_collect("sockio.testing"):
        io: sockio.Server[Any] = sockio.Server()
        with TestClient(io) as client:
            client.emit("x")
        io.close()
        del io, client
        gc.collect()


@pytest.mark.parametrize(
    ("kind", "error", "noted"),
    [
        ("event", KeyError("k"), True),
        ("event", sockio.Disconnected(), False),
        ("middleware", KeyError("k"), True),
        ("middleware", sockio.ConnectError("no"), False),
        ("http", sockio.Forbidden("no"), False),
        ("task", KeyError("k"), True),
        ("guard", KeyError("k"), False),
    ],
)
def test_what_is_raised_again(
    io: sockio.Server[Any], kind: Any, error: Exception, noted: bool
) -> None:
    activity = activity_of(io)
    activity.join()

    def call() -> None:
        raise error

    with pytest.raises(type(error)):
        io.reactor.around.call(kind, call, ())

    assert activity.take_errors() == [error] * noted
    assert activity.take_errors() == []
    activity.leave()


def test_a_fact_that_comes_true(io: sockio.Server[Any]) -> None:
    io.start()
    activity = Activity(io)
    facts: list[int] = []
    later = gevent.spawn_later(0.01, facts.append, 1)

    assert activity.wait_until(lambda: facts, 60, nothing)
    assert not activity.wait_until(lambda: False, 0.01, nothing)
    later.join()


def test_a_task_is_not_waited_for(io: sockio.Server[Any]) -> None:
    io.start()
    activity = activity_of(io)
    activity.join()
    go = gevent.event.Event()

    with activity.settling(60, nothing):
        task = io.spawn(go.wait)

    assert not task.done
    go.set()
    task.wait()
    activity.leave()


def test_something_real_is_waited_for_beside_a_fake_clock() -> None:
    io: sockio.Server[Any] = sockio.Server(clock=FakeClock())
    io.start()
    activity = activity_of(io)
    activity.join()
    ended: list[str] = []
    pause = io.sleep

    def real() -> None:
        io.run_in_thread(lambda: None)
        ended.append("real")

    def fake() -> None:
        pause(1)
        ended.append("fake")

    around = io.reactor.around
    with activity.settling(60, nothing):
        for fn in (real, fake):
            io.reactor.workers.spawn(around.call, "event", fn, ())
    assert ended == ["real"]

    io.reactor.clock.advance(1)  # type: ignore[attr-defined]
    assert ended == ["real", "fake"]
    activity.leave()
    io.close()
