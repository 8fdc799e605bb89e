"""Everything that ``sockio`` exports exists, and the API document has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sockio

API = (Path(__file__).parent.parent.parent / "docs" / "api.rst").read_text("utf-8")
#: Names that have an entry: a line of their own that starts with them.
ENTRIES = set(re.findall(r"^``(\w+)", API, re.MULTILINE))


@pytest.mark.parametrize("name", sockio.__all__)
def test_a_public_name_can_be_had(name: str) -> None:
    assert getattr(sockio, name) is not None
    assert name in dir(sockio)


@pytest.mark.parametrize("name", sockio.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    assert name in ENTRIES


def test_a_name_that_does_not_exist_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sockio.nothing  # noqa: B018
