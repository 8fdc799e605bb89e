from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.utils import autoreload
from gevent import monkey

import tests.support.django_project  # noqa: F401 - Django has to be set up
from sockio.integrations.django import patched
from sockio.integrations.django.restarting import (
    patched_command,
    reloading,
    supervise,
    with_patch,
)
from sockio.runtime.patching import threads_are_greenlets
from tests.support.deployed import ROOT
from tests.support.waiting import wait_until

#: Prints what a program knows of how it was started.
TELL = """
import json, socket, sys
from gevent.monkey import is_module_patched
tell = [is_module_patched("socket"), sys.argv, sys.path[0], __name__, sys.warnoptions]
print(json.dumps(tell))
"""


# ------------------------------------------------------------------ the command line


@pytest.mark.parametrize(
    ("options", "program"),
    [
        ([], ["manage.py"]),
        (["-X", "dev", "-W", "error", "-Xutf8", "-Wd", "-u"], ["../my site/manage.py"]),
        (["-IO", "--check-hash-based-pycs", "always"], ["/venv/bin/django-admin"]),
        (["-bX", "dev"], ["-m", "django"]),
        ([], ["-m", "mysite.manage"]),
    ],
)
def test_options_of_python_and_the_program_are_kept(
    options: list[str], program: list[str]
) -> None:
    arguments = ["runsocketio", "-X", "8000"]

    command = patched_command(
        ["python", *options, *program, *arguments], [program[-1], *arguments]
    )

    assert command == [sys.executable, *options, patched.__file__, *program, *arguments]


@pytest.mark.parametrize(
    ("written", "options"), [(["-mdjango"], []), (["-Im", "django"], ["-I"])]
)
def test_a_module_may_stand_behind_other_flags(
    written: list[str], options: list[str]
) -> None:
    command = patched_command(["python", *written, "check"], ["x", "check"])

    assert command[1:] == [*options, patched.__file__, "-m", "django", "check"]


@pytest.mark.parametrize(
    ("original", "arguments"),
    [
        (["python", "-c", "from x import y", "runsocketio"], ["-c", "runsocketio"]),
        (["python", "-"], ["-"]),
        (["python"], [""]),
        (["python", "manage.py"], ["manage.py", "runsocketio"]),
    ],
)
def test_what_is_no_file_must_be_patched_by_hand(
    original: list[str], arguments: list[str]
) -> None:
    with pytest.raises(CommandError, match=r"monkey\.patch_all\(\)"):
        patched_command(original, arguments)


def test_the_program_runs_in_a_patched_process(tmp_path: Path) -> None:
    script = tmp_path / "site" / "tell.py"
    script.parent.mkdir()
    script.write_text(TELL)

    def run(*program: str) -> Any:
        command = patched_command(
            ["python", "-Wd", *program, "-x"], [program[-1], "-x"]
        )
        path = {"PYTHONPATH": f"{script.parent}{os.pathsep}{ROOT}"}
        done = subprocess.check_output(
            command, cwd=tmp_path, env={**os.environ, **path}
        )
        return json.loads(done)

    folder = str(script.parent.resolve())
    assert run("site/tell.py") == [
        True,
        ["site/tell.py", "-x"],
        folder,
        "__main__",
        ["d"],
    ]
    is_patched, arguments, path, name, _ = run("-m", "tell")
    assert (is_patched, name) == (True, "__main__")
    assert arguments == [f"{folder}/tell.py", "-x"]
    assert Path(path).resolve() == tmp_path.resolve()


@pytest.mark.parametrize("module", [True, False])
def test_a_program_finds_itself_started_as_by_python(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: bool,
) -> None:
    (tmp_path / "tell_me.py").write_text(TELL)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "path", ["ours", str(tmp_path), *sys.path])
    program = ["-m", "tell_me"] if module else [str(tmp_path / "tell_me.py")]

    patched.run_program([*program, "one"])

    _, arguments, path, name, _ = json.loads(capsys.readouterr().out)
    assert arguments[1:] == ["one"]
    assert name == "__main__"
    assert Path(path).resolve() == (Path.cwd() if module else tmp_path.resolve())


def test_a_process_that_was_patched_in_vain_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(patched.MARK, str(os.getpid()))
    if threads_are_greenlets():
        with_patch()  # returns
        return

    with pytest.raises(CommandError, match="could not patch"):
        with_patch()


@pytest.fixture
def looks_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("threading", "socket"):
        monkeypatch.setitem(monkey.saved, name, {})


@pytest.mark.usefixtures("looks_patched")
def test_a_patched_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", [])

    with_patch()


def test_a_process_becomes_a_patched_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", "manage.py", "x"])
    monkeypatch.setattr(sys, "argv", ["manage.py", "x"])
    monkeypatch.setitem(monkey.saved, "threading", {})
    monkeypatch.delitem(monkey.saved, "threading")
    executed: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *command: executed.append(command))

    with_patch()

    options = ["-X", "dev", patched.__file__, "manage.py", "x"]
    assert executed == [(sys.executable, [sys.executable, *options])]


# ------------------------------------------------------------------ the reloader


class Reloader(autoreload.BaseReloader):  # type: ignore[misc]
    """The code has changed as soon as somebody looks."""

    def run_loop(self) -> None:
        raise SystemExit(3)


class Interrupted(autoreload.BaseReloader):  # type: ignore[misc]
    """Somebody presses Ctrl-C."""

    def run_loop(self) -> None:
        raise KeyboardInterrupt


def exiting(folder: Path, *codes: int) -> list[str]:
    """Return a command that ends with one code after the other."""
    (folder / "codes").write_text(json.dumps(codes))
    program = (
        "import json, os, sys; codes = json.load(open('codes')); "
        "code = codes.pop(0); json.dump(codes, open('codes', 'w')); "
        "assert os.environ['RUN_MAIN'] == 'true'; "
        "code < 0 and os.kill(os.getpid(), -code); sys.exit(code)"
    )
    return [sys.executable, "-I", "-S", "-c", program]


@pytest.mark.parametrize(
    ("codes", "code"), [((3, 3, 0), 0), ((2,), 2), ((-9,), 137), ((1, 3, 5), 5)]
)
def test_a_command_runs_again_while_its_code_changes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    codes: tuple[int, ...],
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(autoreload, "get_reloader", Reloader)
    told: list[str] = []

    assert supervise(exiting(tmp_path, *codes), told.append) == code
    assert len(told) == codes.count(1)


def test_waiting_for_a_change_can_be_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(autoreload, "get_reloader", Interrupted)

    assert supervise(exiting(tmp_path, 1, 5), len) == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_command(tmp_path: Path, signum: int) -> None:
    program = f"""
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [{int(signum)}])
os.kill(os.getppid(), {int(signum)})
signal.sigwait([{int(signum)}])
sys.exit(7)
"""

    assert supervise([sys.executable, "-I", "-S", "-c", program], len, 0.01) == 7


def test_a_change_ends_what_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoreload, "get_reloader", Reloader)
    arrived: list[int] = []

    def serve() -> None:
        before = signal.signal(signal.SIGINT, lambda signum, _: arrived.append(signum))
        try:
            wait_until(lambda: arrived)
        finally:
            signal.signal(signal.SIGINT, before)

    with pytest.raises(SystemExit) as ended:
        reloading(serve, pause=0.01)

    assert ended.value.code == 3


def test_what_ends_by_itself_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(autoreload, "get_reloader", Watching)
    served: list[str] = []

    reloading(lambda: served.append("served"))

    assert served == ["served"]
    Watching.end.set()


class Watching(autoreload.BaseReloader):  # type: ignore[misc]
    """The code does not change."""

    end = threading.Event()

    def run_loop(self) -> None:
        self.end.wait(30)
