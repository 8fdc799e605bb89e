from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from sockio.engine.http.compression import HttpCompression, choose, compress
from sockio.errors import ConfigError

BODY = b"hello " * 200


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("deflate, gzip", "gzip"),
        ("gzip;q=0.5, deflate;q=0.9", "deflate"),
        ("gzip ; q=0.5 , deflate; q=0.4", "gzip"),
        ("*", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0, *", "deflate"),
        ("*;q=0.2, deflate;q=0.3", "deflate"),
        ("gzip;q=0", None),
        ("gzip;q=0, deflate", "deflate"),
        ("identity", None),
        ("identity, gzip;q=0.1", "gzip"),
        ("br, zstd", None),
        ("GZIP", "gzip"),
        ("gzip;q=abc", None),
        ("gzip;q=nan", None),
        ("gzip;x=1;Q=0", None),
        ("", None),
        (";,;q=1,,", None),
    ],
)
def test_choice(accept: str, encoding: str | None) -> None:
    assert choose(accept) == encoding


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip, br;q=0.9", "gzip"),
        ("*", "br"),
        ("br;q=0, *;q=0.1", "gzip"),
        ("identity", None),
    ],
)
def test_choice_among_others(accept: str, encoding: str | None) -> None:
    assert choose(accept, ("br", "gzip", "deflate")) == encoding


def test_gzip() -> None:
    packed = compress(BODY, "gzip", 1024)

    assert packed is not None
    assert packed[1] == "gzip"
    assert gzip.decompress(packed[0]) == BODY


def test_deflate_is_the_zlib_format() -> None:
    packed = compress(BODY, "deflate", 1024)

    assert packed is not None
    assert packed[1] == "deflate"
    assert zlib.decompress(packed[0]) == BODY


@pytest.mark.parametrize(("size", "is_packed"), [(1023, False), (1024, True)])
def test_only_bodies_from_the_threshold_on_are_compressed(
    size: int, is_packed: bool
) -> None:
    assert (compress(b"x" * size, "gzip", 1024) is not None) is is_packed


@pytest.mark.parametrize("accept", [None, "", "br"])
def test_a_client_that_reads_neither_gets_the_body_as_it_is(accept: str | None) -> None:
    assert compress(BODY, accept, 0) is None


def test_option_forms() -> None:
    mine = HttpCompression(threshold=0)

    assert HttpCompression.of(None) is None
    assert HttpCompression.of(False) is None
    assert HttpCompression.of(True) == HttpCompression(threshold=1024)
    assert HttpCompression.of(mine) is mine


@pytest.mark.parametrize("threshold", [-1, 1.5, True, "1024", None])
def test_wrong_threshold(threshold: Any) -> None:
    with pytest.raises(ConfigError, match="number of bytes"):
        HttpCompression(threshold=threshold)


def test_wrong_option() -> None:
    with pytest.raises(ConfigError, match="give True, False or HttpCompression"):
        HttpCompression.of({"threshold": 1})  # type: ignore[arg-type]
