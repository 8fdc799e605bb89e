"""Tests of the quiz, with clients that need no network.

    python -m pytest examples/script

The fixture ``sockio_client`` comes with sockio: it connects clients to the server that
the fixture ``sockio_server`` returns.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from quiz import QUESTIONS, io

import sockio
from sockio.testing import TestClient

Connect = Callable[..., TestClient]


@pytest.fixture
def sockio_server() -> sockio.Server:
    return io


def test_all_answers_are_right(sockio_client: Connect) -> None:
    player = sockio_client()
    player.on("question", lambda question: f" {QUESTIONS[question].upper()} ")

    assert player.emit_with_ack("play") == {"points": 3, "of": 3}


def test_two_play_at_once(sockio_client: Connect) -> None:
    first, second = sockio_client(), sockio_client()
    points: list[object] = []

    first.emit("play", ack=points.append)
    second.on("question", lambda question: "8")
    assert second.emit_with_ack("play") == {"points": 1, "of": 3}

    assert points == []
    for answer in ("8", "41", "Jupiter"):
        first.expect("question").ack(answer)
        first.settle()
    assert points == [{"points": 2, "of": 3}]


def test_a_player_who_leaves(sockio_client: Connect) -> None:
    player = sockio_client()

    player.emit("play")
    player.disconnect()

    assert not io.engine.clients
