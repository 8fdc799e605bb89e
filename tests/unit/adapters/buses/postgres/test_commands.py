from __future__ import annotations

import json

import msgpack
import pytest

from sockio.adapters.buses.postgres.commands import Commands, listen, unlisten
from sockio.adapters.buses.postgres.url import Options
from sockio.adapters.buses.postgres.wire import Attached
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import EncodeError


def event(*args: object) -> Message:
    data = {"packet": ["x", *args]}
    return Message("me", "/", MessageType.SERVER_SIDE_EMIT, data)


def test_a_notification() -> None:
    command, size = Commands(Options()).say(b"socket.io#/", event(1))

    assert command.sql == "SELECT pg_notify($1::text, $2::text)"
    channel, text = command.values
    assert channel == b"socket.io#/"
    assert json.loads(text)["data"] == {"packet": ["x", 1]}
    assert size == len(text)


def test_a_row() -> None:
    command, size = Commands(Options(table_name="t")).say(b"c", event(b"\x00"))

    assert "INSERT INTO t (payload) VALUES ($1)" in command.sql
    payload, channel, before, behind = command.values
    assert msgpack.unpackb(payload)["data"] == {"packet": ["x", b"\x00"]}
    assert channel == b"c"
    assert json.loads(before + b"7" + behind)["attachmentId"] == "7"
    assert size == len(payload)
    fetch = Commands(Options(table_name="t")).fetch(Attached("me", 7))
    assert fetch.sql == "SELECT payload FROM t WHERE id = $1::text::bigint"
    assert fetch.values == [b"7"]


def test_what_is_too_large() -> None:
    with pytest.raises(EncodeError, match="10 are the most"):
        Commands(Options(max_message=10)).say(b"c", event())


def test_names_of_channels_are_quoted() -> None:
    assert listen(b'a"b') == 'LISTEN "a""b"'
    assert unlisten(b"a#/") == 'UNLISTEN "a#/"'
