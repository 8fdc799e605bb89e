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


@pytest.mark.parametrize("name", ["max_line", "max_head", "max_fields"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "8192", True, None])
def test_a_size_is_a_number(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name}=.* whole number of"):
        HttpOptions(**{name: value})


def test_a_request_line_has_the_limit_of_all_lines_or_its_own() -> None:
    assert HttpOptions(max_line=1000).longest_request_line == 1000
    assert HttpOptions(max_request_line=2000).longest_request_line == 2000
    with pytest.raises(ConfigError, match="max_request_line=0"):
        HttpOptions(max_request_line=0)


@pytest.mark.parametrize("name", ["max_line", "max_request_line"])
def test_a_head_contains_its_lines(name: str) -> None:
    sizes: dict[str, Any] = {"max_line": 500, name: 1000}
    with pytest.raises(ConfigError, match=f"max_head >= {name}"):
        HttpOptions(**sizes, max_head=999)


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
