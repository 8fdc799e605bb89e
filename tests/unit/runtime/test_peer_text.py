from __future__ import annotations

import traceback

import pytest

from sockio.runtime.peer_text import LONGEST, Lines, Told, told, traceback_text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain /chat", "plain /chat"),
        ("Müller 日本 🎉", "Müller 日本 🎉"),
        ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
        ("\x1b[31mred\x9b0m", "\\x1b[31mred\\x9b0m"),
        ("\x85 \u2028 \u2029 \u202e \ud800", "\\x85 \\u2028 \\u2029 \\u202e \\ud800"),
        ("a\\nb", "a\\nb"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, line: str) -> None:
    assert told(text) == line
    assert told(text).isprintable()
    told(text).encode()


def test_long_text_is_cut() -> None:
    assert told("x" * LONGEST) == "x" * LONGEST
    assert told("x" * 5000, 10) == "x" * 10 + "... (5000 characters)"


def test_an_object_is_told_by_its_text_and_its_representation() -> None:
    class Hostile:
        def __str__(self) -> str:
            return "a\nb"

        def __repr__(self) -> str:
            return "<\x1b>"

    assert f"{Told(Hostile())!s} {Told(Hostile())!r}" == "a\\nb <\\x1b>"


def test_lines_of_ours_stay_lines() -> None:
    assert str(Lines("one\n  two\x1b\n")) == "one\n  two\\x1b"


def test_a_message_begins_no_line_of_a_traceback() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as first:
            raise ValueError("no\x1b[2J\n2026-01-01 INFO forged\n\n  x") from first
    except ValueError as exc:
        lines = traceback_text(exc, exc.__traceback__).split("\n")

    assert lines.count("Traceback (most recent call last):") == 2
    assert lines[-4:] == [
        "ValueError: no\\x1b[2J",
        "    2026-01-01 INFO forged",
        "",
        "  x",
    ]


def test_an_ordinary_traceback_is_pythons() -> None:
    with pytest.raises(ValueError, match="why") as raised:
        raise ValueError("why") from KeyError("b")

    usual = "".join(traceback.format_exception(raised.value))
    assert f"{traceback_text(raised.value, raised.tb)}\n" == usual
