from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.runtime.option_fields import by, chosen, option, reads_given


def whole(name: str, value: object) -> int:
    if type(value) is not int:
        raise ConfigError(f"{name}={value!r}: give a whole number")
    return value


def milk(value: object) -> str | None:
    return "oat" if value is True else value or None  # type: ignore[return-value]


@reads_given
@dataclass(frozen=True, slots=True, kw_only=True)
class Tea:
    """Some options."""

    sugar: int = option(2, whole)
    milk: str | None = option(False, by(milk))


def tea(**given: Any) -> Tea:
    return Tea(**given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, None), ({"milk": True}, "oat"), ({"milk": "cow"}, "cow")],
)
def test_what_is_kept_is_what_the_reader_returns(given: Any, kept: str | None) -> None:
    assert tea(**given).milk == kept
    assert tea(**given).sugar == 2


def test_a_reader_knows_the_name() -> None:
    with pytest.raises(ConfigError, match="sugar='much': give a whole number"):
        tea(sugar="much")


def test_what_was_kept_may_be_given_again() -> None:
    assert replace(tea(milk=True), sugar=1) == tea(milk="oat", sugar=1)


def test_a_name_that_there_is_not_is_an_error() -> None:
    with pytest.raises(TypeError, match="lemon"):
        tea(lemon=1)


def test_they_never_change() -> None:
    with pytest.raises(FrozenInstanceError):
        tea().sugar = 1  # type: ignore[misc]
    assert Tea.__doc__ == "Some options."


def test_a_class_chooses_its_own() -> None:
    assert chosen(Tea, {"sugar": 1, "milk": True, "biscuit": 2}) == {
        "sugar": 1,
        "milk": True,
    }


def test_all_that_a_class_has_must_be_given() -> None:
    with pytest.raises(KeyError, match="milk"):
        chosen(Tea, {"sugar": 1})
