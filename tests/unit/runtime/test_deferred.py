from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.runtime.deferred import deferred, deferring, done
from tests.support.deferring import (
    HIDDEN,
    PLAIN_TO_SEE,
    Awaitable,
    asynchronous,
    generator,
    wrapped,
)


class Callable_:
    def __call__(self) -> None: ...

    @staticmethod
    def static() -> None: ...

    @classmethod
    def of_class(cls) -> None: ...


@pytest.mark.parametrize("fn", PLAIN_TO_SEE)
def test_what_would_do_nothing_is_seen(fn: Any) -> None:
    assert "nothing would ever" in (deferring(fn) or "")


@pytest.mark.parametrize(
    "fn",
    [
        print,
        len,
        int,
        dict.get,
        {}.get,
        lambda: None,
        Callable_,
        Callable_(),
        Callable_.static,
        Callable_.of_class,
        wrapped(asynchronous),
        5,
        None,
    ],
)
def test_other_functions_are_well(fn: Any) -> None:
    assert deferring(fn) is None


@pytest.mark.parametrize("fn", [*PLAIN_TO_SEE, *HIDDEN])
def test_a_result_that_is_no_result_is_named(fn: Any) -> None:
    # Unawaited coroutines would warn, which is an error here.
    with pytest.raises(ConfigError, match="which nothing would ever"):
        done(fn, fn())
    gc.collect()


@pytest.mark.parametrize(
    "result", [None, False, 0, "", b"", [], {}, (), set(), object(), print, iter([1])]
)
def test_other_results_are_results(result: Any) -> None:
    assert deferred(result) is None
    assert done(print, result) is result


def test_a_coroutine_that_runs_elsewhere_is_not_disturbed() -> None:
    steps: list[str] = []

    class Once:
        def __await__(self) -> Any:
            yield

    async def work() -> str:
        await Once()
        steps.append("done")
        return "result"

    coroutine = work()
    coroutine.send(None)

    assert deferred(coroutine) is not None
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert steps == ["done"]


def test_the_remedy_is_told() -> None:
    with pytest.raises(ConfigError, match=r"a coroutine.*write a plain function"):
        _ = done(asynchronous, asynchronous())
    with pytest.raises(ConfigError, match=r"a generator.*write a plain function"):
        done(generator, generator())
    with pytest.raises(ConfigError, match=r"an awaitable.*write a plain function"):
        done(print, Awaitable())


def test_a_future_is_an_awaitable() -> None:
    loop = asyncio.new_event_loop()
    try:
        assert "awaitable" in (deferred(loop.create_future()) or "")
    finally:
        loop.close()
