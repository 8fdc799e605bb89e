"""Colours and bars, where there may be some."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout

import pytest

from sockio.cli.screen import Screen

RED = "\x1b[31m"


class Terminal(io.StringIO):
    """Text that somebody would see."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an environment that knows colours, and does not ask for them."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def written(use: Callable[[], object], file: io.StringIO | None = None) -> str:
    """Return what is written to standard output and error, as to a terminal."""
    file = Terminal() if file is None else file
    with redirect_stdout(file), redirect_stderr(file):
        use()
    return file.getvalue()


def show_a_bar() -> None:
    with Screen(error=True).bar() as show:
        show("sending", 0.5, "3 answers")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no package for colours."""
    for name in list(sys.modules):
        if name.partition(".")[0] == "rich":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)


def test_an_error_is_red() -> None:
    told = written(lambda: Screen().write("[b]no markup[/b] :smile: 3", "error"))

    assert told == f"{RED}[b]no markup[/b] :smile: 3\x1b[0m\n"


def test_a_long_line_is_not_broken() -> None:
    assert written(lambda: Screen().write("x " * 200, "error")).count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "unknown")]
)
def test_who_wants_no_colours_gets_none(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert written(lambda: Screen().write("wrong", "error")) == "wrong\n"


def test_json_and_files_have_no_colours() -> None:
    json = written(lambda: Screen(colours=False).write("{}", "error"))
    file = written(lambda: Screen().write("wrong", "error"), io.StringIO())

    assert (json, file) == ("{}\n", "wrong\n")


def test_a_pipe_has_colours_if_somebody_asks_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    told = written(lambda: Screen().write("wrong", "error"), io.StringIO())

    assert told.startswith(RED)


@pytest.mark.usefixtures("plain")
def test_without_the_package_it_is_plain_text() -> None:
    assert written(lambda: Screen().write("wrong", "error")) == "wrong\n"
    assert written(show_a_bar) == "\r\x1b[Ksending 50% 3 answers\r\x1b[K"


def test_a_bar() -> None:
    told = written(show_a_bar)

    assert "sending" in told
    assert "3 answers" in told


def test_there_is_no_bar_where_a_line_cannot_be_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert written(show_a_bar, io.StringIO()) == ""
    monkeypatch.setenv("TERM", "dumb")
    assert written(show_a_bar) == ""


def test_without_standard_error_a_remark_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    Screen(error=True).write("wrong", "error")
    show_a_bar()

    assert capsys.readouterr().out == ""
