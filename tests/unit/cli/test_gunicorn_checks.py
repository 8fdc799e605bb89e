"""What is said about gunicorn's settings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sockio.cli.findings import Finding
from sockio.cli.gunicorn_checks import check_gunicorn, is_our_kind, settings
from sockio.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that gunicorn would be started in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GUNICORN_CMD_ARGS", raising=False)
    return tmp_path


def found(arguments: str) -> dict[str, Finding]:
    return {each.subject: each for each in check_gunicorn(settings(arguments))}


def test_nothing_says_that_gunicorn_is_used() -> None:
    assert settings(None) is None


@pytest.mark.parametrize("name", ["gevent", "gevent_pywsgi"])
def test_settings_that_are_right(name: str) -> None:
    arguments = f"-k {name} -w 3 --keep-alive 75 --worker-connections 9000"

    findings = found(arguments)

    assert {each.level for each in findings.values()} == {"ok"}
    assert findings["worker class"].text == f"{name}, 3 workers"
    assert is_our_kind(settings(arguments))


@pytest.mark.parametrize("name", ["sync", "gthread", "no.such.Worker"])
def test_a_worker_class_that_cannot_serve(name: str) -> None:
    finding = found(f"-k {name}")["worker class"]

    assert finding.level == "error"
    assert finding.advice == "gunicorn -k gevent"


def test_defaults_that_fail_now_and_then() -> None:
    findings = found("-k gevent --certfile cert.pem --keyfile key.pem")

    assert findings["keep-alive"].level == "warning"
    assert "after 2 s" in findings["keep-alive"].text
    assert findings["connections"].level == "hint"
    assert "TLS" in findings["connections"].text


def test_its_file_its_environment_and_its_arguments(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "gunicorn.conf.py").write_text(
        "import os\nworker_class = 'gevent'\nworkers = 2\nkeepalive = 75\n"
    )
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "-w 4 --keep-alive 80")

    config = settings("--keep-alive 90")

    assert config.worker_class_str == "gevent"
    assert (config.workers, config.keepalive) == (4, 90)
    assert settings(None).keepalive == 80


def test_gunicorn_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn", None)

    assert settings(None) is None
    with pytest.raises(ConfigError, match="pip install gunicorn"):
        settings("-w 2")


def test_another_file(folder: Path) -> None:
    (folder / "other.py").write_text("keepalive = 61\n")

    assert settings("-c other.py").keepalive == 61
    assert settings("-c file:other.py").keepalive == 61


def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="does not know these arguments"):
        settings("--no-such-option")
    assert "--no-such-option" in capsys.readouterr().err
    (folder / "gunicorn.conf.py").write_text("workers = 'many'\n")
    with pytest.raises(ConfigError, match=r"gunicorn: workers: .*many"):
        settings(None)
