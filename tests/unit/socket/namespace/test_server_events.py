from __future__ import annotations

from typing import Any

import pytest

from sockio.runtime.listeners import EventEmitter, Listeners
from sockio.socket.namespace.server_events import tell_listeners


class Namespace(EventEmitter):
    def __init__(self) -> None:
        self._listeners = Listeners()

    def emit(self, *args: Any) -> list[Any]:
        """Emit as another server does; return its answers."""
        answers: list[Any] = []
        call, failed = self._call_listener, self._failed
        tell_listeners(self._listeners, "e", args, answers.append, call, failed)
        return answers


@pytest.fixture
def nsp() -> Namespace:
    return Namespace()


def test_what_a_listener_returns_is_the_answer(nsp: Namespace) -> None:
    nsp.on("e", lambda *args: [*args])
    nsp.on("e", lambda *args: "the second answer")

    assert nsp.emit(1, 2) == [[1, 2]]


def test_one_with_an_ack_answers_by_it(nsp: Namespace) -> None:
    @nsp.on("e")
    def listener(*, ack: Any) -> str:
        ack("a", "left out")
        ack("too late")
        return "no answer"

    assert nsp.emit() == ["a"]


def test_nobody_answers_where_nobody_listens(nsp: Namespace) -> None:
    assert nsp.emit() == []


def test_arguments_are_fitted(nsp: Namespace) -> None:
    nsp.on("e", lambda a, b=None: [a, b])

    assert nsp.emit(1, 2, 3) == [[1, 2]]


def test_one_that_fails_ends_only_itself(
    nsp: Namespace, caplog: pytest.LogCaptureFixture
) -> None:
    nsp.on("e", lambda: 1 / 0)
    nsp.on("e", lambda: "second")

    assert nsp.emit() == ["second"]
    assert "ZeroDivisionError" in caplog.text


def test_one_that_wants_one_event_gets_one(nsp: Namespace) -> None:
    nsp.once("e", lambda: "once")

    assert [nsp.emit(), nsp.emit()] == [["once"], []]
