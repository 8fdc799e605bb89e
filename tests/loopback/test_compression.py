"""Compression of polling answers."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

import sockio

from .conftest import StartEngine

LONG = "x" * 2000
UNPACK: dict[str | None, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    None: bytes,
}


# Threshold and Accept-Encoding
@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("deflate, gzip", "gzip"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("*", "gzip"),
        ("br", None),
        ("identity", None),
        ("gzip;q=0", None),
        (None, None),
    ],
)
def test_a_long_answer_is_packed_as_the_client_likes(
    start_engine: StartEngine, accept: str | None, encoding: str | None
) -> None:
    engine = start_engine()
    session = engine.raw.open_session()
    engine.session.send(LONG)

    answer = session.poll(headers={} if accept is None else {"Accept-Encoding": accept})

    assert answer.headers.get("content-encoding") == encoding
    assert UNPACK[encoding](answer.body).decode() == "4" + LONG
    assert answer.headers["content-length"] == str(len(answer.body))


# Body bytes >= threshold, on by default at 1024
@pytest.mark.parametrize(
    ("option", "length", "packed"),
    [
        (True, 1022, False),
        (True, 1023, True),
        (sockio.HttpCompression(threshold=100), 98, False),
        (sockio.HttpCompression(threshold=100), 99, True),
        (sockio.HttpCompression(threshold=0), 0, True),
        (False, 100_000, False),
    ],
)
def test_the_threshold_is_an_option(
    start_engine: StartEngine, option: Any, length: int, packed: bool
) -> None:
    engine = start_engine(http_compression=option)
    session = engine.raw.open_session()
    engine.session.send("x" * length)

    answer = session.poll(headers={"Accept-Encoding": "gzip"})

    assert ("content-encoding" in answer.headers) == packed


# Bytes count, not characters
def test_the_threshold_counts_bytes(start_engine: StartEngine) -> None:
    engine = start_engine()
    session = engine.raw.open_session()
    engine.session.send("€" * 400)

    answer = session.poll(headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"


# The compress flag
@pytest.mark.parametrize(
    ("flags", "packed"),
    [([False], False), ([False, False], False), ([False, True], True), ([True], True)],
)
def test_one_packet_that_may_be_packed_is_enough(
    start_engine: StartEngine, flags: list[bool], packed: bool
) -> None:
    engine = start_engine()
    session = engine.raw.open_session()
    for flag in flags:
        engine.session.send(LONG, compress=flag)

    answer = session.poll(headers={"Accept-Encoding": "gzip"})

    assert ("content-encoding" in answer.headers) == packed


# Answers to posts and refusals are short, and are sent as they are
def test_other_answers_are_not_packed(start_engine: StartEngine) -> None:
    session = start_engine(
        http_compression=sockio.HttpCompression(threshold=0)
    ).raw.open_session()

    answer = session.post("4a", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in answer.headers
