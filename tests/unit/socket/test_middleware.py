from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sockio.errors import ConnectError
from sockio.runtime.surroundings import Surroundings
from sockio.socket import middleware


def run(chain: Any, *args: Any) -> bool:
    """Call the guards as a namespace does, with nothing around the calls."""
    return middleware.run(chain, args, Surroundings(), "middleware")


def test_guards_run_in_order_with_the_arguments() -> None:
    seen: list[tuple[str, object, object]] = []
    chain = [
        lambda event, args: seen.append(("first", event, args)),
        lambda event, args: seen.append(("second", event, args)),
    ]

    run(chain, "chat", ["hi"])

    assert seen == [("first", "chat", ["hi"]), ("second", "chat", ["hi"])]


def test_an_empty_chain_lets_everything_pass() -> None:
    run((), object())


def test_the_first_error_wins_and_ends_the_chain() -> None:
    seen: list[str] = []

    def refuse(socket: object) -> None:
        raise ConnectError("not you", {"code": 7})

    with pytest.raises(ConnectError, match="not you") as caught:
        run([refuse, lambda socket: seen.append("later")], object())

    assert caught.value.data == {"code": 7}
    assert seen == []


def test_a_guards_own_bug_reaches_the_caller_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        run([lambda socket: 1 / 0], object())


def test_only_false_refuses() -> None:
    assert run([lambda socket: 0, lambda socket: "no"], object())
    assert not run([lambda socket: False, lambda socket: 1 / 0], object())


def test_a_guard_added_meanwhile_does_not_take_part() -> None:
    seen: list[str] = []
    chain: list[Callable[[object], None]] = []

    def first(socket: object) -> None:
        seen.append("first")
        chain.append(first)

    chain.append(first)

    run(chain, object())

    assert seen == ["first"]
