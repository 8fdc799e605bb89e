"""A socket as the page sees it: dates, and what ties sockets together."""

from __future__ import annotations

import re

import pytest

from sockio.admin.portrait import client_id, date


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1795962876.0659, "2026-11-29T14:34:36.065Z"),
        (1795962876.9999, "2026-11-29T14:34:36.999Z"),
    ],
)
def test_dates_are_those_of_javascript(seconds: float, expected: str) -> None:
    assert date(seconds) == expected


@pytest.mark.parametrize("sid", ["0123456789abcdefghij", "ann", "", "\ud800"])
def test_what_ties_sockets_together_says_nothing_of_the_session(sid: str) -> None:
    told = client_id(sid)

    assert re.fullmatch("[0-9a-f]{12}", told)
    assert told == client_id(sid)
    assert told != client_id(sid + "x")
    assert not sid or sid[:4] not in told
