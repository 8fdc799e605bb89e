"""Lines, taken apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sockio.cli.command_lines import arguments_in, words_in
from sockio.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ["", ""]),
        ("  emit say  hi \n", ["emit", "say  hi"]),
        ("help", ["help", ""]),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert words_in(line, 1) == words


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ('1 "a b" {"a": [1, null]} true', [1, "a b", {"a": [1, None]}, True]),
        ("word 10:30 3d", ["word", "10:30", "3d"]),
        ("[1]\t[2]", [[1], [2]]),
    ],
)
def test_arguments(text: str, values: list[Any]) -> None:
    assert arguments_in(text) == values


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(b"\x00\x01")

    assert arguments_in(f"@{file} 1") == [b"\x00\x01", 1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a"', "this is no JSON"),
        ('"a', "this is no JSON"),
        ("@no/file", "@no/file: No such file"),
    ],
)
def test_mistakes(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        arguments_in(text)
