"""PendingAcks against a table: each wait ends exactly once, and as it should."""

from __future__ import annotations

from functools import partial
from typing import Any

import gevent
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sockio.errors import AckTimeout, Disconnected
from sockio.runtime.workers import Workers
from sockio.socket.one_socket.acks import PendingAcks
from sockio.testing import FakeClock

TIMEOUTS = st.sampled_from([None, 1.0, 2.0, 3.0])


class AcksMachine(RuleBasedStateMachine):
    """The model: what still waits, until when, and how the other waits have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        workers = Workers(keep=0)
        workers.attach()
        self.acks = PendingAcks(self.clock, workers.run)
        self.closed = False
        #: id -> (kind, when its time is up)
        self.pending: dict[int, tuple[str, float | None]] = {}
        self.expected: list[tuple[int, str]] = []
        self.heard: list[tuple[int, str]] = []
        self.ids = 0

    def hear(self, ack_id: int, what: Any) -> None:
        outcome = type(what).__name__ if isinstance(what, Exception) else "answer"
        self.heard.append((ack_id, outcome))

    def end(self, ack_id: int, outcome: str) -> None:
        kind, _ = self.pending.pop(ack_id)
        if outcome == "answer" or kind != "callback":
            self.expected.append((ack_id, outcome))

    def begin(self, kind: str, timeout: float | None) -> int:
        self.ids += 1
        due = None if timeout is None else self.clock.now() + timeout
        self.pending[self.ids] = (kind, due)
        if self.closed:
            self.end(self.ids, "Disconnected")
        return self.ids

    # ---- what can be done

    @rule(timeout=TIMEOUTS)
    def wait(self, timeout: float | None) -> None:
        ack_id = self.begin("waiter", timeout)

        def wait() -> None:
            try:
                self.hear(ack_id, self.acks.wait(ack_id, timeout))
            except (AckTimeout, Disconnected) as exc:
                self.hear(ack_id, exc)

        gevent.spawn(wait)

    @rule(timeout=TIMEOUTS)
    def add_callback(self, timeout: float | None) -> None:
        ack_id = self.begin("callback" if timeout is None else "timed", timeout)
        self.acks.add_callback(ack_id, partial(self.hear_callback, ack_id), timeout)

    def hear_callback(self, ack_id: int, *args: Any) -> None:
        self.hear(ack_id, args[0])

    @rule()
    def expect(self) -> None:
        ack_id = self.begin("broadcast", None)
        self.acks.expect(
            ack_id,
            partial(self.hear, ack_id),
            partial(self.hear, ack_id, Disconnected()),
        )

    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        ack_id = data.draw(st.integers(0, self.ids + 1))
        waits = ack_id in self.pending
        if waits:
            self.end(ack_id, "answer")

        assert self.acks.resolve(ack_id, ["yes"]) is waits

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        ack_id = data.draw(st.integers(0, self.ids + 1))
        kind, _ = self.pending.get(ack_id, ("", None))
        if kind == "waiter":  # a greenlet that waits is never cancelled
            return
        self.pending.pop(ack_id, None)

        assert self.acks.cancel(ack_id) is bool(kind)

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0]))
    def advance(self, seconds: float) -> None:
        now = self.clock.now() + seconds
        for ack_id, (_, due) in list(self.pending.items()):
            if due is not None and due <= now:
                self.end(ack_id, "AckTimeout")

        self.clock.advance(seconds)

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        self.closed = True
        for ack_id in list(self.pending):
            self.end(ack_id, "Disconnected")
        self.pending.clear()

        self.acks.close("transport close")

    # ---- what holds after each

    @invariant()
    def each_has_heard_what_it_should_and_once(self) -> None:
        self.clock.settle()

        assert sorted(self.heard) == sorted(self.expected)
        assert len(self.acks) == len(self.pending)
        timed = [due for _, due in self.pending.values() if due is not None]
        assert self.clock.armed == len(timed)

    def teardown(self) -> None:
        self.acks.close("transport close")
        self.clock.settle()


AcksMachine.TestCase.settings = settings(stateful_step_count=20)
TestAcks = AcksMachine.TestCase
