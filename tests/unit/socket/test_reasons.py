from __future__ import annotations

import json

import pytest

from sockio.engine import reasons
from sockio.socket.reasons import RECOVERABLE, Reason


def test_a_reason_is_its_text() -> None:
    reason: str = Reason.TRANSPORT_CLOSE

    assert reason == "transport close"
    assert str(Reason.TRANSPORT_CLOSE) == "transport close"
    assert f"{Reason.TRANSPORT_CLOSE:>16}" == " transport close"
    assert json.dumps(Reason.TRANSPORT_CLOSE) == '"transport close"'
    assert {"transport close": 1}[Reason.TRANSPORT_CLOSE] == 1


def test_a_reason_is_found_by_its_text() -> None:
    assert Reason("ping timeout") is Reason.PING_TIMEOUT


def test_what_the_engine_says_is_a_reason() -> None:
    said = {text for name, text in vars(reasons).items() if name.isupper()}

    assert len(said) == 5
    assert said <= set(Reason)


@pytest.mark.parametrize(
    "text",
    [
        "transport error",
        "transport close",
        "forced close",
        "forced server close",
        "ping timeout",
        "server shutting down",
    ],
)
def test_recoverable_reasons(text: str) -> None:
    assert text in RECOVERABLE
    assert Reason(text) in RECOVERABLE


@pytest.mark.parametrize(
    "text",
    [
        "parse error",
        "client namespace disconnect",
        "server namespace disconnect",
    ],
)
def test_reasons_after_which_nothing_is_kept(text: str) -> None:
    assert Reason(text) not in RECOVERABLE
