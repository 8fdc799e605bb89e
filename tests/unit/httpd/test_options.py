from __future__ import annotations

from typing import Any

import pytest

import sockio
from sockio.errors import ConfigError
from sockio.httpd.options import HttpOptions


def test_cookies_of_a_single_sign_on_fit() -> None:
    options = HttpOptions()

    assert options.max_line == 16384
    assert options.max_head == 65536


@pytest.mark.parametrize("name", ["max_line", "max_head"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "8192", True, None])
def test_a_size_is_a_number_of_bytes(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        HttpOptions(**{name: value})


def test_a_head_contains_its_lines() -> None:
    with pytest.raises(ConfigError, match="max_head >= max_line"):
        HttpOptions(max_line=1000, max_head=999)


@pytest.mark.parametrize(
    "name", ["head_timeout", "body_timeout", "keep_alive", "tls_timeout"]
)
@pytest.mark.parametrize("value", [0, -1, "60", True, float("inf"), float("nan")])
def test_a_time_is_a_number_of_seconds(name: str, value: Any) -> None:
    right: list[Any] = [None, 0.5]
    for each in right:
        HttpOptions(**{name: each})
    with pytest.raises(ConfigError, match=f"{name}=.* None"):
        HttpOptions(**{name: value})


def test_whoever_makes_a_server_is_told_of_a_wrong_option() -> None:
    io: sockio.Server[Any] = sockio.Server()

    for start in (sockio.create_server, io.listen, io.run):
        with pytest.raises(ConfigError, match="max_line"):
            start(max_line=0)
