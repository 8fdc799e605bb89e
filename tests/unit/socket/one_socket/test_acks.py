from __future__ import annotations

import contextvars
import sys
import traceback
from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
import pytest

from sockio.errors import AckTimeout, Disconnected
from sockio.runtime.workers import Workers
from sockio.socket.one_socket.acks import PendingAcks
from sockio.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def acks(clock: FakeClock) -> PendingAcks:
    workers = Workers(keep=0)
    workers.attach()
    return PendingAcks(clock, workers.run)


class Calls(list[Any]):
    """A callback that remembers what it was given."""

    def __call__(self, *args: Any) -> None:
        self.append(args)


def outcome(task: gevent.Greenlet) -> Any:
    """Return what a finished task returned or raised."""
    assert task.ready(), "still waiting"
    return task.value if task.exception is None else task.exception


def waiting(acks: PendingAcks, clock: FakeClock, *args: Any) -> gevent.Greenlet:
    """Start a greenlet that waits for an answer, and returns it or the error."""

    def wait() -> Any:
        try:
            return acks.wait(*args)
        except (AckTimeout, Disconnected) as exc:
            return exc

    task = gevent.spawn(wait)
    clock.settle()
    return task


# ------------------------------------------------------------------ wait


def test_wait_returns_the_arguments(acks: PendingAcks, clock: FakeClock) -> None:
    task = waiting(acks, clock, 1, 5.0)

    assert acks.resolve(1, ["a", 2])

    clock.settle()
    assert outcome(task) == ["a", 2]
    assert len(acks) == 0
    assert clock.armed == 0


def test_wait_ends_when_the_time_is_up(acks: PendingAcks, clock: FakeClock) -> None:
    task = waiting(acks, clock, 1, 5.0)
    clock.advance(4.9)
    assert not task.ready()

    clock.advance(0.1)

    assert isinstance(outcome(task), AckTimeout)
    assert isinstance(outcome(task), TimeoutError)
    assert str(outcome(task)) == "operation has timed out"
    assert not acks.resolve(1, ["late"])


def test_wait_without_timeout_lasts_as_long_as_the_socket(
    acks: PendingAcks, clock: FakeClock
) -> None:
    task = waiting(acks, clock, 1)
    clock.advance(1_000_000)
    assert not task.ready()

    acks.close("transport close")

    clock.settle()
    assert isinstance(outcome(task), Disconnected)
    assert outcome(task).reason == "transport close"


def test_wait_on_a_closed_socket_ends_at_once(
    acks: PendingAcks, clock: FakeClock
) -> None:
    acks.close("ping timeout")

    with pytest.raises(Disconnected, match="ping timeout"):
        acks.wait(1, 5.0)

    assert clock.armed == 0


def test_an_answer_that_came_before_the_close_counts(
    acks: PendingAcks, clock: FakeClock
) -> None:
    task = waiting(acks, clock, 1, 5.0)

    acks.resolve(1, ["in time"])
    acks.close("client namespace disconnect")

    clock.settle()
    assert outcome(task) == ["in time"]


def test_a_killed_waiter_is_forgotten(acks: PendingAcks, clock: FakeClock) -> None:
    task = waiting(acks, clock, 1, 5.0)

    task.kill()

    assert len(acks) == 0
    assert clock.armed == 0


# ------------------------------------------------------------------ callbacks


def test_a_callback_gets_the_arguments(acks: PendingAcks, clock: FakeClock) -> None:
    calls = Calls()
    acks.add_callback(1, calls)

    assert acks.resolve(1, ["a", 2])

    assert calls == [], "it must not run in the caller"
    clock.settle()
    assert calls == [("a", 2)]


def test_a_callback_with_timeout_gets_no_error_first(
    acks: PendingAcks, clock: FakeClock
) -> None:
    calls = Calls()
    acks.add_callback(1, calls, timeout=5.0)

    acks.resolve(1, ["a"])

    clock.advance(10)
    assert calls == [(None, "a")]
    assert clock.armed == 0


def test_a_callback_with_timeout_gets_the_error_once(
    acks: PendingAcks, clock: FakeClock
) -> None:
    calls = Calls()
    acks.add_callback(1, calls, timeout=5.0)

    clock.advance(5)

    [(error,)] = calls
    assert isinstance(error, AckTimeout)
    assert not acks.resolve(1, ["late"])
    acks.close("transport close")
    clock.settle()
    assert len(calls) == 1


def test_a_callback_with_timeout_is_told_of_the_disconnect(
    acks: PendingAcks, clock: FakeClock
) -> None:
    calls = Calls()
    acks.add_callback(1, calls, timeout=5.0)

    acks.close("transport close")

    clock.advance(10)
    [(error,)] = calls
    assert isinstance(error, Disconnected)
    assert error.reason == "transport close"
    assert clock.armed == 0


def test_a_callback_without_timeout_is_not_called_after_a_disconnect(
    acks: PendingAcks, clock: FakeClock
) -> None:
    calls = Calls()
    acks.add_callback(1, calls)

    acks.close("transport close")

    assert not acks.resolve(1, ["late"])
    clock.settle()
    assert calls == []


def test_a_callback_whose_answer_came_before_the_disconnect_is_called(
    acks: PendingAcks, clock: FakeClock
) -> None:
    calls = Calls()
    acks.add_callback(1, calls)

    acks.resolve(1, ["bye"])
    acks.close("client namespace disconnect")

    clock.settle()
    assert calls == [("bye",)]


def test_a_callback_given_to_a_closed_socket(
    acks: PendingAcks, clock: FakeClock
) -> None:
    plain, timed = Calls(), Calls()
    acks.close("transport close")

    acks.add_callback(1, plain)
    acks.add_callback(2, timed, timeout=5.0)

    clock.settle()
    assert plain == []
    [(error,)] = timed
    assert isinstance(error, Disconnected)
    assert clock.armed == 0
    assert len(acks) == 0


def test_callbacks_run_one_at_a_time_in_order_of_arrival(
    acks: PendingAcks, clock: FakeClock
) -> None:
    gate = gevent.event.Event()
    calls = Calls()

    def blocks() -> None:
        gate.wait()
        calls("first")

    acks.add_callback(1, lambda: calls("third"))
    acks.add_callback(2, blocks)
    acks.add_callback(3, lambda: calls("second"))

    acks.resolve(2, [])
    clock.settle()
    acks.resolve(3, [])
    acks.resolve(1, [])
    clock.settle()
    assert calls == []

    gate.set()
    clock.settle()
    assert calls == [("first",), ("second",), ("third",)]


def test_a_callback_may_wait_for_another_answer(
    acks: PendingAcks, clock: FakeClock
) -> None:
    calls = Calls()
    acks.add_callback(1, lambda: calls(acks.wait(2, 5.0)))

    acks.resolve(1, [])
    clock.settle()
    acks.resolve(2, ["inner"])

    clock.settle()
    assert calls == [(["inner"],)]


def test_a_callback_that_raises_is_logged_and_the_next_one_runs(
    acks: PendingAcks, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    calls = Calls()
    acks.add_callback(1, lambda: 1 / 0)
    acks.add_callback(2, calls)

    acks.resolve(1, [])
    acks.resolve(2, ["fine"])

    clock.settle()
    assert calls == [("fine",)]
    assert "ZeroDivisionError" in caplog.text


def test_a_callback_that_is_killed_does_not_take_the_next_one_along(
    acks: PendingAcks, clock: FakeClock
) -> None:
    calls = Calls()

    def ends() -> None:
        raise gevent.GreenletExit

    acks.add_callback(1, ends)
    acks.add_callback(2, calls)

    acks.resolve(1, [])
    acks.resolve(2, ["fine"])

    clock.settle()
    assert calls == [("fine",)]


def test_each_callback_has_a_context_of_its_own(
    acks: PendingAcks, clock: FakeClock
) -> None:
    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []

    def callback() -> None:
        seen.append(user.get())
        user.set("somebody")

    acks.add_callback(1, callback)
    acks.add_callback(2, callback)

    acks.resolve(1, [])
    acks.resolve(2, [])

    clock.settle()
    assert seen == ["nobody", "nobody"]


# ------------------------------------------------------------------ broadcasts


def test_expect_is_told_at_once(acks: PendingAcks) -> None:
    answered, lost = Calls(), Calls()
    acks.expect(1, answered, lost)

    acks.resolve(1, ["yes"])
    acks.close("transport close")

    assert answered == [(["yes"],)]
    assert lost == []


def test_expect_is_told_of_a_loss(acks: PendingAcks) -> None:
    answered, lost = Calls(), Calls()
    acks.expect(1, answered, lost)

    acks.close("transport close")

    assert answered == []
    assert lost == [()]
    assert not acks.resolve(1, ["late"])


def test_expect_of_a_closed_socket_is_lost(acks: PendingAcks) -> None:
    lost = Calls()
    acks.close("transport close")

    acks.expect(1, Calls(), lost)

    assert lost == [()]


# ------------------------------------------------------------------ the table


def test_unknown_ids_are_ignored(acks: PendingAcks) -> None:
    assert not acks.resolve(7, [])
    assert not acks.cancel(7)


def test_a_second_answer_is_ignored(acks: PendingAcks, clock: FakeClock) -> None:
    calls = Calls()
    acks.add_callback(1, calls)

    assert acks.resolve(1, ["one"])
    assert not acks.resolve(1, ["two"])

    clock.settle()
    assert calls == [("one",)]


@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_cancelled_one_never_hears_anything(
    acks: PendingAcks, clock: FakeClock, timeout: float | None
) -> None:
    calls = Calls()
    acks.add_callback(1, calls, timeout)

    assert acks.cancel(1)

    assert not acks.resolve(1, [])
    acks.close("transport close")
    clock.advance(10)
    assert calls == []
    assert clock.armed == 0


def test_a_cancelled_broadcast_is_not_told_of_the_close(acks: PendingAcks) -> None:
    lost = Calls()
    acks.expect(1, Calls(), lost)

    assert acks.cancel(1)
    acks.close("transport close")

    assert lost == []


def test_closing_twice_keeps_the_first_reason(
    acks: PendingAcks, clock: FakeClock
) -> None:
    task = waiting(acks, clock, 1)

    acks.close("ping timeout")
    acks.close("transport close")

    clock.settle()
    assert outcome(task).reason == "ping timeout"
    with pytest.raises(Disconnected, match="ping timeout"):
        acks.wait(2)


@pytest.mark.parametrize(
    "end",
    [
        lambda acks, clock: acks.resolve(1, []),
        lambda acks, clock: acks.cancel(1),
        lambda acks, clock: acks.close("transport close"),
        lambda acks, clock: clock.advance(5),
    ],
    ids=["resolve", "cancel", "close", "timeout"],
)
def test_nothing_is_left_of_one_that_ended(
    acks: PendingAcks, clock: FakeClock, end: Callable[[PendingAcks, FakeClock], None]
) -> None:
    acks.add_callback(1, Calls(), timeout=5.0)
    assert len(acks) == 1

    end(acks, clock)

    clock.settle()
    assert len(acks) == 0
    assert clock.armed == 0


def test_who_waited_in_vain_is_told_for_what() -> None:
    error = AckTimeout([1, 2], 3, "question", 5.0)

    assert str(error) == "operation has timed out"
    assert (error.event, error.seconds, error.missing) == ("question", 5.0, 3)
    assert repr(error) == "AckTimeout(event='question', seconds=5.0, missing=3)"
    if sys.version_info >= (3, 11):
        text = "".join(traceback.format_exception(error))
        assert "event 'question': no answer in 5 s (3 of 5 are missing)" in text
