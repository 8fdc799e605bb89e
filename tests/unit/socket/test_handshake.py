from __future__ import annotations

import dataclasses
import json

import pytest

from sockio.socket.handshake import Handshake, time_text

HANDSHAKE = Handshake(
    headers={"host": "localhost"},
    time="Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)",
    address="127.0.0.1",
    xdomain=False,
    secure=False,
    issued=1_700_000_000_000,
    url="/socket.io/?EIO=4",
    query={"EIO": "4"},
    auth={"token": "t"},
)


def test_a_handshake_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        HANDSHAKE.auth = {}  # type: ignore[misc]


def test_as_dict_can_travel() -> None:
    shown = HANDSHAKE.as_dict()

    assert json.loads(json.dumps(shown)) == {
        "headers": {"host": "localhost"},
        "time": "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)",
        "address": "127.0.0.1",
        "xdomain": False,
        "secure": False,
        "issued": 1_700_000_000_000,
        "url": "/socket.io/?EIO=4",
        "query": {"EIO": "4"},
        "auth": {"token": "t"},
    }


def test_as_dict_is_the_receivers_own() -> None:
    HANDSHAKE.as_dict()["headers"]["host"] = "elsewhere"

    assert HANDSHAKE.headers["host"] == "localhost"


def test_each_namespace_has_its_own_auth() -> None:
    other = dataclasses.replace(HANDSHAKE, auth={"token": "other"})

    assert other.auth != HANDSHAKE.auth
    assert other.headers is HANDSHAKE.headers


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)"),
        (
            1_700_000_000.9,
            "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)",
        ),
    ],
)
def test_time_is_written_as_javascript_does(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
