from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters.buses.mongo.texts import SUFFIX, Question, ask
from tests.support.mongo_server import MongoServer


@pytest.fixture
def beside(mongo_server: MongoServer) -> Any:
    """Give a collection; its calls block the loop, where nothing else runs."""
    return mongo_server.documents


@pytest.fixture
def texts(beside: Any) -> Any:
    """Give the one that the texts are in."""
    return beside.database[beside.name + SUFFIX]


def test_questions_are_answered_in_order(beside: Any) -> None:
    first = [Question("a", "$first", 30), Question("b"), Question("a")]
    assert ask(beside, first) == ["$first", None, "$first"]

    second = [Question("b", "x", 30), Question("a", "second", 30), Question("b")]
    assert ask(beside, second) == ["x", "$first", "x"]


def test_what_has_run_out_is_replaced_and_removed(beside: Any, texts: Any) -> None:
    assert ask(beside, [Question("a", "first", -1), Question("b", "x", -1)]) == [
        "first",
        "x",
    ]

    assert ask(beside, [Question("a")]) == [None]
    assert ask(beside, [Question("a", "second", 30)]) == ["second"]
    assert [each["_id"] for each in texts.find()] == ["a"]


def test_a_text_that_is_claimed_again_lasts_longer(beside: Any, texts: Any) -> None:
    ask(beside, [Question("a", "first", 30), Question("b", "first", 30)])
    (before,) = [each["until"] for each in texts.find({"_id": "a"})]

    ask(beside, [Question("a", "first", 60), Question("b", "second", 60)])

    untils = {each["_id"]: each["until"] for each in texts.find()}
    assert untils["a"] >= before + 30_000
    assert untils["b"] < before + 30_000


def test_one_is_refused_and_the_others_are_kept(beside: Any, texts: Any) -> None:
    texts.create_index("text", unique=True)

    one, two, three = ask(beside, [Question(n, t, 30) for n, t in ("ax", "bx", "cy")])

    assert (one, three) == ("x", "y")
    assert isinstance(two, OSError)
    assert str(two).startswith("the broker refuses: ")


def test_all_are_refused(beside: Any) -> None:
    unspeakable = beside.database["x" * 300]

    refused = ask(unspeakable, [Question("a", "x", 30), Question("b")])

    assert [type(each) for each in refused] == [OSError, OSError]
