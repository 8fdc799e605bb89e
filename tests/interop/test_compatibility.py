"""The tables of clients are those of what is tested, and hold what they promise."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.interop import compatibility
from tests.interop.checks import CHECKS
from tests.interop.compatibility import broken_promises, expected, with_tables
from tests.interop.sources import SOURCES, Source
from tests.support.form_client import Form


def test_the_tables_are_those_of_what_is_tested() -> None:
    text = compatibility.DOCUMENT.read_text()

    assert with_tables(text, expected()) == text
    assert compatibility.told(text) == expected()


def test_the_tables_may_not_promise_more_than_came_out() -> None:
    two, three = dict.fromkeys(expected(), 2), dict.fromkeys(expected(), 3)
    text = with_tables(compatibility.DOCUMENT.read_text(), two)

    assert broken_promises(text, two) == []
    assert broken_promises(text, three) == []
    for kind in expected():
        assert broken_promises(text, {**two, kind: 1})


def test_tables_of_other_clients_are_no_good() -> None:
    text = compatibility.DOCUMENT.read_text()
    total = f"/{len(CHECKS)}"

    for known, other in (("2.5.0", "2.4.0"), ("2.1.2", "2.1.1"), (total, f"{total}0")):
        assert broken_promises(text.replace(known, other), expected())


@pytest.mark.parametrize("source", SOURCES, ids=lambda it: f"{it.name} {it.version}")
def test_each_source_that_was_read_has_forms(source: Source) -> None:
    module = import_module(f"tests.conformance.{source.tests}")

    forms = [each for each in vars(module).values() if isinstance(each, Form)]

    assert any(source.form in form.name for form in forms)
    assert source.version in (module.__doc__ or "")
