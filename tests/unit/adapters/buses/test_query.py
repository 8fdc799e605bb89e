from __future__ import annotations

import pytest

from sockio.adapters.buses.query import Query, secret, wrong
from sockio.errors import ConfigError

KNOWN = ("count", "name", "seconds", "yes")


def query(**given: str) -> Query:
    return Query("x", given.items(), KNOWN, {"old": "write new"})


def test_what_is_given() -> None:
    given = query(count="7", name="a", seconds="2.5", yes="TRUE")

    assert given.number("count", 1) == 7
    assert given.text("name", "b", "[a-z]") == "a"
    assert given.seconds("seconds", 1.0) == 2.5
    assert given.truth("yes", False) is True


def test_what_is_not_given() -> None:
    given = query()

    assert given.number("count", 1) == 1
    assert given.text("name", "b") == "b"
    assert given.seconds("seconds", 1.0) == 1.0
    assert given.truth("yes", False) is False


def test_values_that_cannot_be() -> None:
    given = query(count="7", name="A", seconds="5000", yes="maybe")

    with pytest.raises(ConfigError, match="count= is no number of 8 or more"):
        given.number("count", 1, least=8)
    with pytest.raises(ConfigError, match="count= is 6 at most"):
        given.number("count", 1, most=6)
    with pytest.raises(ConfigError, match="name= is no small letter"):
        given.text("name", "b", "[a-z]", "small letter")
    with pytest.raises(ConfigError, match="not in milliseconds"):
        given.seconds("seconds", 1.0)
    with pytest.raises(ConfigError, match="yes= is true or false"):
        given.truth("yes", False)


@pytest.mark.parametrize(
    ("name", "text"), [("coun", "did you mean count"), ("old", "write new")]
)
def test_names_that_do_not_exist(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        query(**{name: "secret"})


def test_an_option_that_is_given_twice() -> None:
    with pytest.raises(ConfigError, match="twice"):
        Query("x", [("count", "1"), ("count", "2")], KNOWN, {})


def test_secrets() -> None:
    assert secret("a%40b", "c") == "a@b"
    assert secret(None, "c") == "c"
    assert secret("", "") is None
    assert "secret" not in str(wrong("a secret", "text"))
