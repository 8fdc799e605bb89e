"""Handlers are called with what came, if it fits."""

from __future__ import annotations

from typing import Any

import pytest

from sockio.integrations.flask.arguments import Misfit, call_fitting
from sockio.runtime.listeners import Listener


@pytest.mark.parametrize(
    ("fn", "event", "args", "result"),
    [
        (lambda a, b=2: [a, b], "x", (1,), [1, 2]),
        (lambda *a: list(a), "x", (1, 2, 3), [1, 2, 3]),
        (lambda: "no auth", "connect", ({}, "auth"), "no auth"),
        (lambda auth: auth, "connect", ({}, "auth"), "auth"),
        (lambda: "no reason", "disconnect", ("reason",), "no reason"),
        (lambda reason: reason, "disconnect", ("reason",), "reason"),
    ],
)
def test_what_fits_is_passed(fn: Any, event: str, args: Any, result: Any) -> None:
    assert call_fitting(Listener(event, fn), event, args) == result


def test_what_does_not_fit_is_an_error_of_that_handler() -> None:
    listener = Listener("x", lambda a: a)

    with pytest.raises(TypeError, match="'x' came with 2 arguments") as caught:
        call_fitting(listener, "x", (1, 2))

    assert isinstance(caught.value, Misfit)
    assert caught.value.listener is listener
