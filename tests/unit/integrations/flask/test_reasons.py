"""The reasons of a disconnect, in Flask-SocketIO's words."""

from __future__ import annotations

import pytest

from sockio.integrations.flask.reasons import DisconnectReason, reason_of
from sockio.socket.reasons import Reason

THEIRS = {
    text for name, text in vars(DisconnectReason).items() if not name.startswith("_")
}


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_has_a_word_of_theirs(reason: Reason) -> None:
    assert reason_of(reason) in THEIRS
    assert reason_of(str(reason)) == reason_of(reason)


def test_the_words_say_who_ended_it() -> None:
    assert reason_of("client namespace disconnect") == "client disconnect"
    assert reason_of("server namespace disconnect") == "server disconnect"
    assert reason_of("ping timeout") == "ping timeout"
