from __future__ import annotations

import io
import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.httpd.access_log import AccessLog, check
from sockio.httpd.response_head import ResponseHead

FORMAT = "%(m)s %(s)s %(b)s %(M)s"


def exchange(method: str = "GET") -> Any:
    environ = {"REQUEST_METHOD": method}
    return SimpleNamespace(environ=environ, head=ResponseHead("200 OK", []), sent=3)


def test_lines_go_into_a_file_that_is_open() -> None:
    file = io.StringIO()
    log = AccessLog(file, FORMAT)

    log.add(exchange(), 0.25)
    log.add(exchange("POST"), 1.0)
    log.close()

    assert file.getvalue() == "GET 200 3 250\nPOST 200 3 1000\n"


def test_lines_go_to_a_logger(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "of.requests")

    AccessLog(logging.getLogger("of.requests"), "%(m)s 100%%").add(exchange(), 0.0)

    assert caplog.messages == ["GET 100%"]


def test_lines_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    AccessLog("-", FORMAT).add(exchange(), 0.0)

    assert capsys.readouterr().out == "GET 200 3 0\n"


@pytest.mark.parametrize("kind", [str, Path])
def test_lines_are_added_to_a_file(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "access.log"
    path.write_text("before\n")
    log = AccessLog(kind(path), FORMAT)

    log.add(exchange(), 0.0)
    log.close()

    assert path.read_text() == "before\nGET 200 3 0\n"


def test_a_file_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(path, FORMAT)
    log.add(exchange("GET"), 0.0)

    os.rename(path, tmp_path / "access.log.1")
    log.add(exchange("PUT"), 0.0)
    log.close()

    assert (tmp_path / "access.log.1").read_text() == "GET 200 3 0\n"
    assert path.read_text() == "PUT 200 3 0\n"


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"access\.log.*No such file"):
        AccessLog(tmp_path / "nowhere" / "access.log")


@pytest.mark.parametrize("target", [5, True, object(), ["access.log"]])
def test_what_is_no_log_is_refused(target: Any) -> None:
    with pytest.raises(ConfigError, match="give a path, '-' for standard output"):
        check(target, None)


def test_a_format_needs_a_log() -> None:
    with pytest.raises(ConfigError, match="access_log_format needs log= beside it"):
        check(None, FORMAT)


@pytest.mark.parametrize("target", [None, "-", "access.log", io.StringIO()])
def test_what_is_right_is_accepted(target: Any) -> None:
    check(target, None)
