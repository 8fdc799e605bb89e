from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from sockio.runtime.event_names import Event, event_name


class Colour(str, Enum):
    RED = "red!"


class Shade(Enum):
    DARK = "dark!"


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("chat", "chat"),
        ("", ""),
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (Event("chat"), "chat"),
        (Colour.RED, "red!"),
        (Shade.DARK, "dark!"),
    ],
)
def test_names(event: Any, name: str) -> None:
    assert event_name(event) == name
    assert type(event_name(event)) is str


@pytest.mark.parametrize("event", [None, True, ["chat"], b"chat", object()])
def test_what_is_no_name_is_refused(event: Any) -> None:
    with pytest.raises(TypeError, match="an event is a string"):
        event_name(event)
