"""Everything that ``sockio`` exports exists, and the API document has it."""

from __future__ import annotations

import inspect
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


@pytest.mark.parametrize("name", inspect.signature(sockio.Server).parameters)
def test_an_option_of_the_server_is_documented(name: str) -> None:
    assert f"``{name}``" in API or f"Server({name}=" in API


@pytest.mark.parametrize(
    "settings",
    ["Cors", "Cookie", "HttpCompression", "Deflate", "BufferPolicy", "Recovery"],
)
def test_the_fields_of_an_option_are_documented(settings: str) -> None:
    entry = re.search(rf"^``{settings}\(.*", API, re.MULTILINE)
    assert entry is not None

    for name in inspect.signature(getattr(sockio, settings)).parameters:
        assert f"{name}=" in entry[0] or f"``{name}``" in API, name


def test_a_name_that_does_not_exist_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sockio.nothing  # noqa: B018
