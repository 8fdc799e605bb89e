from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.runtime.surroundings import Call, Surroundings


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


def test_without_any_it_is_a_call(around: Surroundings) -> None:
    assert around.call("event", lambda *args, b: [args, b], (1, 2), {"b": 3}) == [
        (1, 2),
        3,
    ]


def test_the_first_is_outermost(around: Surroundings) -> None:
    seen: list[str] = []

    def first(call: Call) -> Iterator[None]:
        seen.append("first in")
        yield
        seen.append("first out")

    @contextmanager
    def second(call: Call) -> Iterator[None]:
        seen.append("second in")
        yield
        seen.append("second out")

    def called() -> str:
        seen.append("call")
        return "result"

    around.add(first)
    around.add(second)
    result = around.call("event", called, ())

    assert result == "result"
    assert seen == ["first in", "second in", "call", "second out", "first out"]


def test_it_is_told_what_is_called(around: Surroundings) -> None:
    calls: list[Call] = []

    def tell(call: Call) -> Any:
        calls.append(call)
        return nullcontext()

    around.add(tell)
    around.call("ack", lambda *args: None, (1, 2), socket="s", namespace="/", event="e")

    assert calls == [
        Call(
            kind="ack", socket="s", namespace="/", event="e", args=(1, 2), request=None
        )
    ]


def test_it_sees_errors_and_cannot_swallow_them(around: Surroundings) -> None:
    seen: list[BaseException] = []

    def swallow(call: Call) -> Iterator[None]:
        try:
            yield
        except ZeroDivisionError as exc:
            seen.append(exc)

    around.add(swallow)

    with pytest.raises(ZeroDivisionError):
        around.call("event", lambda: 1 / 0, ())
    assert len(seen) == 1


def test_it_may_replace_them(around: Surroundings) -> None:
    outer: list[str] = []

    def look(call: Call) -> Iterator[None]:
        try:
            yield
        except Exception as exc:
            outer.append(type(exc).__name__)
            raise

    def replace(call: Call) -> Iterator[None]:
        try:
            yield
        except ZeroDivisionError as exc:
            raise KeyError("mine") from exc

    around.add(look)
    around.add(replace)

    with pytest.raises(KeyError, match="mine"):
        around.call("event", lambda: 1 / 0, ())
    assert outer == ["KeyError"]


def test_what_it_raises_first_is_the_failure(around: Surroundings) -> None:
    def refuse(call: Call) -> Iterator[None]:
        raise PermissionError("no")
        yield

    around.add(refuse)

    with pytest.raises(PermissionError, match="no"):
        around.call("event", lambda: pytest.fail("it was called"), ())


def test_a_killed_handler_is_seen(around: Surroundings) -> None:
    seen: list[str] = []

    def look(call: Call) -> Iterator[None]:
        try:
            yield
        finally:
            seen.append("out")

    def killed() -> None:
        raise SystemExit

    around.add(look)

    with pytest.raises(SystemExit):
        around.call("event", killed, ())
    assert seen == ["out"]


def test_a_coroutine_is_a_failure_that_is_seen(around: Surroundings) -> None:
    seen: list[BaseException] = []

    def look(call: Call) -> Iterator[None]:
        try:
            yield
        except ConfigError as exc:
            seen.append(exc)
            raise

    async def handler() -> None: ...

    around.add(look)

    with pytest.raises(ConfigError, match="await"):
        around.call("event", lambda: handler(), ())
    assert len(seen) == 1


async def coroutine(call: Call) -> None: ...


async def asynchronous(call: Call) -> Any:
    yield


@pytest.mark.parametrize("fn", [coroutine, asynchronous])
def test_what_is_async_is_refused(around: Surroundings, fn: Any) -> None:
    with pytest.raises(ConfigError, match="is async: give a generator function"):
        around.add(fn)


@pytest.mark.parametrize("fn", [lambda: None, lambda a, b: None])
def test_it_takes_the_call(around: Surroundings, fn: Any) -> None:
    with pytest.raises(ConfigError, match="with one argument, the call"):
        around.add(fn)


def test_what_is_no_function_is_refused(around: Surroundings) -> None:
    with pytest.raises(TypeError):
        around.add(7)  # type: ignore[arg-type]


def test_what_returns_no_context_manager_is_told(around: Surroundings) -> None:
    around.add(lambda call: None)  # type: ignore[arg-type]

    with pytest.raises(ConfigError, match="returned None: give a generator function"):
        around.call("event", lambda: None, ())


def test_what_is_added_can_be_ended(around: Surroundings) -> None:
    seen: list[str] = []

    @contextmanager
    def within(call: Call) -> Iterator[None]:
        seen.append(call.kind)
        yield

    end = around.add(within)
    around.call("task", lambda: None, ())
    end()
    around.call("event", lambda: None, ())

    assert seen == ["task"]
    assert around.makers == ()


def test_what_encloses_is_outermost_until_it_ends(around: Surroundings) -> None:
    seen: list[str] = []

    @contextmanager
    def outer(call: Call) -> Iterator[None]:
        seen.append("outer in")
        yield
        seen.append("outer out")

    def inner(call: Call) -> Iterator[None]:
        seen.append("inner in")
        yield

    around.add(inner)
    end = around.enclose(outer)
    around.call("event", seen.append, ("call",))
    assert seen == ["outer in", "inner in", "call", "outer out"]

    end()
    around.call("event", seen.append, ("call",))

    assert seen[4:] == ["inner in", "call"]


class Steps:
    """A trail that is a number."""

    def __init__(self) -> None:
        self.at = "1"
        self.followed: list[str] = []

    def words(self) -> dict[str, str]:
        return {"at": self.at}

    def follow(self, words: Mapping[str, str]) -> None:
        self.followed.append(words["at"])


def test_a_later_call_follows_the_present_one(around: Surroundings) -> None:
    trail = around.trail = Steps()
    later = around.later(lambda value: value + 1)
    trail.at = "2"

    assert around.call("ack", later, (1,)) == 2
    assert trail.followed == ["1"]
    assert later(5) == 6  # called by somebody else, it is what it was


def test_nothing_is_followed_where_nobody_wants_to_know(around: Surroundings) -> None:
    assert around.later(len) is len
    around.follow({"at": "1"})
    around.trail = trail = Steps()
    around.follow(None)

    assert trail.followed == []
