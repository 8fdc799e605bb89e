"""The command line, in a process that is not to serve, and in one that does."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sockio
from sockio.__main__ import main
from sockio.cli.serving import facts
from tests.support.deployed import ROOT
from tests.support.http_wire import HttpConnection
from tests.support.ports import free_port

MODULES = {
    "chat.py": (
        "import sockio\n"
        "io = sockio.Server()\n"
        "app = io.attach(lambda environ, start: [])\n"
        "class Site: wsgi_app = app\n"
        "flask = Site()\n"
        "text = 'text'\n"
    ),
    "missing.py": "import no_such_package_of_anybody\n",
    "wrong.py": "value = 1 / 0\n",
    "shop/__init__.py": "",
    "shop/server.py": (
        "import sockio\n"
        "class live:\n"
        "    io = sockio.Server()\n"
        "nowhere = compile('lambda socket: None', '<nowhere>', 'eval')\n"
        "live.io.on('connection', eval(nowhere))\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder from which the program is started."""
    for name, text in MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for module in set(sys.modules) - before:
        del sys.modules[module]


@pytest.fixture
def mistake(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give what runs a command that is wrong, and returns the line that says why."""

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        told = capsys.readouterr().err
        assert told.startswith("sockio: ")
        assert told.count("\n") == 1
        return told

    return run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "required: COMMAND"),
        (["walk"], "invalid choice: 'walk'"),
        (["run"], "required: MODULE:NAME"),
        (["run", "chat:io", "--no-such-option"], "unrecognized arguments"),
        (["run", "chat:io", "-w", "many"], "invalid int value: 'many'"),
        (["schema"], "required: MODULE:NAME"),
        (["client"], "required: URL"),
        (["bench"], "required: URL"),
        (["bench", "x", "--clients", "many"], "invalid int value: 'many'"),
        (["doctor"], "required: MODULE:NAME"),
        (["doctor", "chat:io", "--timeout", "long"], "invalid float value: 'long'"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("chat", "'chat': give MODULE:NAME, as chat.server:io"),
        (":io", "give MODULE:NAME"),
        ("chat:", "give MODULE:NAME"),
        (".chat:io", "give MODULE:NAME"),
        ("nobody:io", "there is no module nobody"),
        ("shop.nobody:io", "there is no module shop.nobody"),
        ("nobody.server:io", "there is no module nobody"),
        ("chat:oi", "has no 'oi'"),
        ("chat:io.server.x", "has no 'server'"),
        ("chat:io..x", "has no ''"),
        ("chat:text", "'chat:text' is str: give a sockio.Server"),
    ],
)
def test_an_application_that_is_not_there(
    folder: Path, mistake: Callable[..., str], name: str, told: str
) -> None:
    assert told in mistake("run", name)


CERTIFICATE = str(ROOT / "tests" / "support" / "localhost.pem")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-w", "0"], "1 or more"),
        (["-w", "-1"], "1 or more"),
        (["-w", "1001"], "1 or more"),
        (["-b", "127.0.0.1:99999"], "127.0.0.1:99999' is no port"),
        (["-b", "http://127.0.0.1:1"], 'leave out http://, and write "127.0.0.1:1"'),
        (["--keyfile", "key.pem"], "--keyfile needs --certfile beside it"),
        (["--access-logformat", "%(h)s"], "needs --access-logfile beside it"),
        (["--access-logfile", "-", "--access-logformat", "%(z)s"], "which is unknown"),
        (["--certfile", "no.pem"], "--certfile no.pem: No such file"),
        (["--certfile", "chat.py"], "give files in PEM, or give its key"),
        (["--certfile", CERTIFICATE, "--keyfile", "chat.py"], "give files in PEM\n"),
        (["--reload-dir", "shop"], "need --reload"),
        (["--reload-include", "*.toml"], "need --reload"),
        (["--reload", "--reload-dir", "none"], "--reload-dir none: this is no folder"),
        (["--reloaded", "3"], "--reloaded is not for people"),
    ],
)
def test_what_cannot_be_served(
    folder: Path, mistake: Callable[..., str], arguments: list[str], told: str
) -> None:
    assert told in mistake("run", "chat:io", *arguments)


def test_reloading_needs_a_package(
    folder: Path, mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)

    assert "pip install 'sockio[cli]'" in mistake("run", "chat:io", "--reload")


def test_errors_of_the_application_keep_their_traceback(folder: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package_of_anybody"):
        main(["run", "missing:io"])
    with pytest.raises(ZeroDivisionError):
        main(["run", "wrong:io"])


def test_an_address_at_which_nobody_can_listen(folder: Path) -> None:
    with pytest.raises(SystemExit, match=r"^sockio: cannot listen: .*does not exist"):
        main(["run", "chat:io", "-b", "unix:/no/such/folder/s"])


# ------------------------------------------------------------------ help


@pytest.mark.parametrize("command", ["", "run", "client", "bench", "doctor", "schema"])
def test_help_teaches_by_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*([command] if command else []), "--help"])

    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert f"\n  python -m sockio {command}" in told.partition("\nexamples:")[2]
    assert not command or "\nexit codes: 0, " in told


# ------------------------------------------------------------------ schemas


def test_schemas_are_written_into_the_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["schema", "shop.server:live.io", "--ts", "--asyncapi"])

    assert "ClientToServerEvents" in (folder / "events.ts").read_text()
    title = json.loads((folder / "asyncapi.json").read_text())["info"]["title"]
    assert title == "shop.server:live.io"
    assert capsys.readouterr() == (
        "",
        "sockio: not read: the source of <lambda> is not there\n",
    )


def test_schemas_are_written_where_one_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["schema", "chat:io", "--ts", "shop/maps.ts", "--asyncapi", "-"])

    assert (folder / "shop" / "maps.ts").read_text().startswith("// Written by")
    assert json.loads(capsys.readouterr().out)["asyncapi"] == "3.0.0"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chat:io"], "schema: say what to write: --ts, --asyncapi or both"),
        (["chat:oi", "--ts"], "has no 'oi'"),
        (["chat:io", "--ts", "no/folder"], "cannot write no/folder: No such file"),
    ],
)
def test_schemas_that_cannot_be_written(
    folder: Path, mistake: Callable[..., str], arguments: list[str], told: str
) -> None:
    assert told in mistake("schema", *arguments)


# ------------------------------------------------------------------ the doctor


def test_what_the_doctor_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["doctor", "chat:io", "--gunicorn=-k sync"])

    assert caught.value.code == 1
    told = capsys.readouterr().out
    assert "error    worker class" in told
    assert "-> gunicorn -k gevent\n" in told
    assert "errors: 1, " in told


def test_the_doctor_tells_scripts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["doctor", "chat:app", "--json", "--url", f"127.0.0.1:{free_port()}"])

    assert caught.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert told["errors"] == 1
    (error,) = [each for each in told["findings"] if each["level"] == "error"]
    assert error["subject"] == "url"
    assert error["advice"] == "start the server, or mend the address"


def test_the_doctor_finds_nothing_to_mend(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    arguments = "-k gevent --keep-alive 75"
    try:
        main(["doctor", "chat:io", f"--gunicorn={arguments}"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chat:oi"], "has no 'oi'"),
        (["chat:io", "--url", "ftp://x"], "give a URL such as"),
        (["chat:io", "--url", "x", "--timeout", "0"], "a number of seconds above 0"),
        (["chat:io", "--url", "x", "--cafile", "no.pem"], "certificates of 'no.pem'"),
        (["chat:io", "--gunicorn=--walk"], "gunicorn does not know these arguments"),
    ],
)
def test_what_the_doctor_cannot_examine(
    folder: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["doctor", *arguments])

    assert caught.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


# ------------------------------------------------------------------ a process


class Program:
    """``python -m sockio``, in a process."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sockio", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self._process.stderr is not None
        return self._process.stderr.readline()

    def end(self, signum: int | None = signal.SIGTERM) -> tuple[int, str]:
        """Return its exit code, and what else it wrote."""
        if signum is not None:
            self._process.send_signal(signum)
        _, rest = self._process.communicate(timeout=60)
        return self._process.returncode, rest

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def start(*arguments: str) -> Program:
        programs.append(Program(*arguments))
        return programs[-1]

    yield start
    for program in programs:
        program.kill()


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        ("chat:io", 1),
        ("chat:app", 2),
        ("chat:flask", 1),
        ("shop.server:live", 1),
        ("shop.server:live.io", 2),
    ],
)
def test_it_serves_until_a_signal_comes(
    start: Callable[..., Program], name: str, workers: int
) -> None:
    program = start("run", name, "-b", "unix:s", "-w", str(workers))

    told = program.line()

    assert " serves on unix:" in told
    assert ("with 2 workers" in told) == (workers == 2)
    if workers == 1:
        # With several workers, the first one that serves tells it.
        assert program.line() == "  transports  polling, websocket; path /socket.io/\n"
        assert program.line().startswith("  adapter     none: ")
        assert program.line().startswith("  versions    sockio ")
        assert program.end() == (0, "")
    else:  # that may be before its workers have begun
        assert program.end()[0] == 0


def test_one_of_several_workers_tells_the_facts(start: Callable[..., Program]) -> None:
    program = start("run", "chat:io", "-b", "unix:s", "-w", "3")

    told = [program.line().split()[0] for _ in range(4)]
    code, rest = program.end()

    assert told == ["sockio", "transports", "adapter", "versions"]
    assert (code, rest) == (0, "")


def test_the_broker_is_named_without_its_password() -> None:
    told = "\n".join(facts(sockio.Server(adapter="redis://:secret@127.0.0.1:1")))

    assert "  adapter     <RedisBus " in told
    assert "127.0.0.1:1>" in told
    assert "secret" not in told


@pytest.mark.parametrize("name", ["nobody:io", "chat:text"])
def test_with_several_workers_a_mistake_is_told_in_a_line_too(
    start: Callable[..., Program], name: str
) -> None:
    program = start("run", name, "-b", "127.0.0.1:0", "-w", "2")

    code, told = program.end(None)

    assert code == 2
    lines = {line for line in told.splitlines() if "with 2 workers" not in line}
    assert lines == {
        "sockio: there is no module nobody"
        if name == "nobody:io"
        else "sockio: 'chat:text' is str: give a sockio.Server, or what its "
        "attach(app) has returned"
    }


def test_with_several_workers_errors_of_the_application_keep_their_traceback(
    start: Callable[..., Program],
) -> None:
    program = start("run", "wrong:io", "-b", "127.0.0.1:0", "-w", "2")

    code, told = program.end(None)

    assert code == 1
    assert "ZeroDivisionError" in told
    assert "wrong.py" in told


# ------------------------------------------------------------------ nobody reads it


@pytest.fixture
def unread() -> Iterator[int]:
    """Give a pipe whose reader has gone, as after ``| head``."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("lost", ["closed", "full", "unread"])
def test_it_serves_although_nobody_reads_what_it_says(
    folder: Path, unread: int, lost: str, workers: int
) -> None:
    close = "exec >&- 2>&-;" if lost == "closed" else ""
    command = ["-m", "sockio", "run", "chat:io", "-b", "unix:s", "-w", str(workers)]
    notify = str(folder / "notify")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        open("/dev/full", "w") as full,
    ):
        manager.settimeout(60)
        manager.bind(notify)
        file = full if lost == "full" else unread
        program = subprocess.Popen(
            ["sh", "-c", f'{close} exec "$0" "$@"', sys.executable, *command],
            env={**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": notify},
            stdout=file,
            stderr=file,
        )
        try:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=serves on unix:")
            connection = HttpConnection("s", "localhost")
            connection.send("GET", "/socket.io/?EIO=4&transport=polling")
            assert connection.receive().status == 200
            connection.wire.close()
            program.send_signal(signal.SIGTERM)
            assert program.wait(60) == 0
        finally:
            program.kill()
            program.wait()


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor", "chat:io"),
        ("doctor", "chat:io", "--json"),
        ("schema", "chat:io", "--asyncapi", "-"),
    ],
)
@pytest.mark.parametrize("lost", ["full", "unread"])
@pytest.mark.parametrize("colours", ["", "1"])
def test_a_command_ends_when_nobody_reads_it(
    folder: Path, unread: int, lost: str, colours: str, arguments: tuple[str, ...]
) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "sockio", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": colours},
            stdout=full if lost == "full" else unread,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )

    assert (ended.returncode, ended.stderr) == (
        (1, "sockio: cannot write: No space left on device\n")
        if lost == "full"
        else (141, "")
    )
