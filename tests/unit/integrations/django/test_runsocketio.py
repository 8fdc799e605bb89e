from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from django.utils import autoreload
from gevent import monkey

import sockio
import tests.support.django_project  # noqa: F401 - Django has to be set up
from sockio.errors import ConfigError
from sockio.integrations.django import application
from sockio.integrations.django.application import mount
from sockio.integrations.django.management.commands import runsocketio
from sockio.integrations.django.management.commands.runsocketio import Command

HERE = "tests.unit.integrations.django.test_runsocketio"
io: sockio.Server[Any] = sockio.Server()
OPTIONS = {
    "certfile": None,
    "keyfile": None,
    "workers": 1,
    "verbosity": 0,
    "nostatic": True,
}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["port"], "'port' is not a valid port number"),
        (["--workers", "2"], "--workers: several processes need --noreload"),
    ],
)
def test_arguments_that_are_wrong_are_named(arguments: list[str], error: str) -> None:
    with pytest.raises(CommandError, match=error):
        call_command("runsocketio", *arguments)


def test_hosts_must_be_named() -> None:
    with (
        override_settings(ALLOWED_HOSTS=[]),
        pytest.raises(CommandError, match="ALLOWED_HOSTS"),
    ):
        call_command("runsocketio")


@pytest.mark.parametrize(
    ("given", "ipv6", "address"),
    [
        ("8000", False, ("127.0.0.1", 8000)),
        ("8000", True, ("::1", 8000)),
        ("0.0.0.0:80", False, ("0.0.0.0", 80)),
        ("shop.example:80", False, ("shop.example", 80)),
        ("[::]:81", False, ("::", 81)),
    ],
)
def test_addresses_are_those_of_runserver(
    given: str, ipv6: bool, address: tuple[str, int]
) -> None:
    assert runsocketio._address(given, ipv6) == address


@pytest.mark.parametrize(
    ("installed", "debug", "nostatic", "insecure", "served"),
    [
        (True, True, False, False, True),
        (True, True, True, False, False),
        (True, False, False, False, False),
        (True, False, False, True, True),
        (False, True, False, False, False),
    ],
)
def test_static_files_are_served_as_by_runserver(
    installed: bool, debug: bool, nostatic: bool, insecure: bool, served: bool
) -> None:
    apps = ["django.contrib.staticfiles"] if installed else []
    options = {"nostatic": nostatic, "insecure": insecure}
    with override_settings(INSTALLED_APPS=apps, DEBUG=debug):
        assert runsocketio._serves_static(options) is served


# ------------------------------------------------------------------ what is served


def outside(environ: Any, start_response: Any) -> Any:
    """Stand for something that was put around the application."""
    raise NotImplementedError


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a server of this test, and what a ``wsgi.py`` may make of it."""
    module = sys.modules[__name__]
    monkeypatch.setattr(module, "io", sockio.Server())
    monkeypatch.setattr(module, "plain", get_wsgi_application(), raising=False)


def serving(wsgi: str | None, server: str | None = f"{HERE}.io") -> Any:
    setting = None if server is None else {"server": server}
    return override_settings(
        WSGI_APPLICATION=wsgi, SOCKIO=setting, STATIC_URL="static/"
    )


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize(
    "wsgi", [None, f"{HERE}.plain", "sockio.integrations.django.application"]
)
def test_the_server_is_put_in_front_of_the_project(
    wsgi: str | None, static: bool
) -> None:
    with serving(wsgi):
        assert runsocketio._server(static=static) is io
        pages = mount(io).pages
    assert isinstance(pages.app, StaticFilesHandler) is static
    assert io._lifecycle.front is not pages


def test_an_application_knows_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "own", application(io), raising=False)
    with serving(f"{HERE}.own", None):
        assert runsocketio._server(static=False) is io


@pytest.mark.parametrize("static", [False, True])
def test_what_is_around_the_application_sees_all_requests(static: bool) -> None:
    application(io)
    with serving(f"{HERE}.outside"):
        assert runsocketio._server(static=static) is io
    front: Any = io._lifecycle.front
    assert (front.application if static else front) is outside


def test_there_must_be_a_server() -> None:
    with serving(None, None):
        with pytest.raises(ConfigError, match="SOCKIO is not set"):
            runsocketio._server(static=False)
        with pytest.raises(CommandError, match="SOCKIO is not set"):
            Command()._serve(("127.0.0.1", 0), OPTIONS)


# ------------------------------------------------------------------ the processes


def test_a_reloader_starts_the_command_that_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "manage.py"
    program.write_text("import sys; sys.exit(5 if sys.argv[1:] == ['go'] else 6)")
    monkeypatch.setattr(sys, "orig_argv", ["python", str(program), "go"])
    monkeypatch.setattr(sys, "argv", [str(program), "go"])

    with pytest.raises(SystemExit) as ended:
        call_command("runsocketio")

    assert ended.value.code == 5


@pytest.mark.parametrize("watching", [False, True])
def test_a_patched_process_serves(
    monkeypatch: pytest.MonkeyPatch, watching: bool
) -> None:
    for name in ("threading", "socket"):
        monkeypatch.setitem(monkey.saved, name, {})
    monkeypatch.setenv("RUN_MAIN", "true")
    monkeypatch.setattr(autoreload, "get_reloader", Unchanging)

    with serving(None, None), pytest.raises(CommandError, match="SOCKIO is not set"):
        call_command("runsocketio", "0", *([] if watching else ["--noreload"]))


class Unchanging(autoreload.BaseReloader):  # type: ignore[misc]
    """The code does not change."""

    def run_loop(self) -> None: ...


# ------------------------------------------------------------------ serving


def test_it_serves_until_a_signal_comes(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[int] = []

    @io.every(0.01)
    def ask() -> None:
        if not asked:
            asked.append(1)
            signal.raise_signal(signal.SIGINT)

    with serving(None):
        Command()._serve(("127.0.0.1", 0), OPTIONS)

    out, err = capsys.readouterr()
    assert "Quit the server with CONTROL-C." in out
    assert "serves on http://127.0.0.1:" in err
    assert asked


def test_an_address_that_is_taken_is_told_in_one_line() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        serving(None),
        pytest.raises(CommandError, match="cannot listen") as failed,
    ):
        Command()._serve(taken.getsockname(), OPTIONS)
    assert failed.value.returncode == 2
