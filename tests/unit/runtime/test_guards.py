from __future__ import annotations

from typing import Any

import pytest

from sockio.errors import ConfigError, Forbidden
from sockio.runtime import guards
from tests.support.deferring import HIDDEN, PLAIN_TO_SEE


def check(fn: Any) -> None:
    guards.check("use()", fn, "the socket", 1, "return to go on")


@pytest.mark.parametrize("fn", PLAIN_TO_SEE)
def test_a_guard_that_would_do_nothing_is_refused(fn: Any) -> None:
    with pytest.raises(ConfigError, match="write a plain function"):
        check(fn)


def test_a_guard_with_other_arguments_is_refused() -> None:
    with pytest.raises(
        ConfigError,
        match=r"use\(\): <lambda>\(a, b\) takes 2 arguments, but it is called with "
        "the socket alone: return to go on",
    ):
        check(lambda a, b: None)


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="callable"):
        check(5)


@pytest.mark.parametrize("fn", HIDDEN)
def test_a_guard_that_has_not_looked_does_not_agree(fn: Any) -> None:
    check(fn)

    with pytest.raises(ConfigError, match="which nothing would ever"):
        guards.passes(fn, fn())


@pytest.mark.parametrize("verdict", [None, True, 0, "", "no", [], {}, 1, object()])
def test_other_results_let_pass(verdict: Any) -> None:
    assert guards.passes(print, verdict) is True


def test_false_refuses() -> None:
    assert guards.passes(print, False) is False


@pytest.mark.parametrize("verdict", [Forbidden("no"), Forbidden])
def test_an_exception_that_is_returned_counts_as_raised(verdict: Any) -> None:
    with pytest.raises(Forbidden):
        guards.passes(print, verdict)
