"""Restarting: the same command again, in a process that gevent has patched.

The standard library must be patched before Django is imported, and a command of
``manage.py`` runs after that. So the command line is executed anew, behind ``patched``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError
from django.utils import autoreload

from sockio.runtime.patching import threads_are_greenlets
from sockio.runtime.standard_streams import flush

from . import patched

__all__ = [
    "FAILED",
    "RELOAD",
    "patched_command",
    "reloading",
    "supervise",
    "with_patch",
]

#: The exit code of a process that wants to be started again, which Django has chosen.
RELOAD = 3
#: The exit code of Python after an error, and of commands that have failed.
FAILED = 1
#: Seconds that the reloader gets to look at the code first.
_LONGEST = 10.0
_BY_HAND = (
    "runsocketio cannot find out how it was started; make this the first line of the "
    "program: from gevent import monkey; monkey.patch_all()"
)


def with_patch() -> None:
    """Go on in a patched process: execute the command anew if this one is not.

    Raises:
        CommandError: It has been, or nobody knows how.
    """
    if threads_are_greenlets():
        return
    if os.environ.get(patched.MARK) == str(os.getpid()):
        raise CommandError("gevent could not patch this process")
    command = patched_command(sys.orig_argv, sys.argv)
    flush()
    os.execv(command[0], command)


def patched_command(original: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Return the command that does the same in a patched process.

    Args:
        original: The command line, with the options of Python.
        arguments: What the program has got of it, with the name of the program.

    Raises:
        CommandError: There is no such command: the program is no file and no module.
    """
    own = list(arguments[1:])
    head = list(original[1 : len(original) - len(own)])
    if list(original[len(original) - len(own) :]) != own:
        raise CommandError(_BY_HAND)
    options, program = _split(head)
    return [sys.executable, *options, patched.__file__, *program, *own]


def _split(head: list[str]) -> tuple[list[str], list[str]]:
    """Tell the options of Python from the program: a script, or ``-m`` and a module."""
    place = 0
    while place < len(head):
        word = head[place]
        if word == "--check-hash-based-pycs":
            place += 1
        elif word.startswith("-") and not word.startswith("--") and word != "-":
            taker = next((at for at, flag in enumerate(word) if flag in "cmWX"), 0)
            if taker and word[taker] == "c":
                break
            if taker and word[taker] == "m":
                flags = [word[:taker]] if taker > 1 else []
                module = [word[taker + 1 :]] if word[taker + 1 :] else head[place + 1 :]
                return head[:place] + flags, ["-m", *module]
            if taker and taker == len(word) - 1:
                place += 1  # its value is the next word
        elif not word.startswith("-"):
            return head[:place], head[place:]
        place += 1
    raise CommandError(_BY_HAND)


# ------------------------------------------------------------------ the reloader


def supervise(
    command: Sequence[str], tell: Callable[[str], object], patience: float = 1.0
) -> int:
    """Run a command, again and again while its code changes; return its exit code.

    Args:
        command: The command; ``reloading`` watches the code there.
        tell: Prints a line.
        patience: Seconds after which it gets a SIGINT that it may not have got from
            the terminal.

    Blocks:
        Until it ends by itself, or a signal ends it.
    """
    environ = {**os.environ, autoreload.DJANGO_AUTORELOAD_ENV: "true"}
    while True:
        code = _run(command, environ, patience)
        if code == FAILED:
            tell("runsocketio has failed, and starts again when the code has changed.")
            try:
                _watch(lambda: None)
            except KeyboardInterrupt:
                return 0
        elif code != RELOAD:
            return 128 - code if code < 0 else code


def _run(command: Sequence[str], environ: dict[str, str], patience: float) -> int:
    """Run a command that gets the signals of this process; return its exit code."""
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []
    reminders: list[threading.Timer] = []

    def hand_on(signum: int, _: object) -> None:
        if process is None:
            early.append(signum)
        elif signum == signal.SIGTERM:
            process.terminate()
        else:
            # A terminal has told the command too, unless it had not begun.
            reminders.append(threading.Timer(patience, process.send_signal, [signum]))
            reminders[-1].start()

    before = {
        signum: signal.signal(signum, hand_on)
        for signum in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        process = subprocess.Popen(command, env=environ)
        for signum in early:
            process.send_signal(signum)
        return _ended(process)
    finally:
        for reminder in reminders:
            reminder.cancel()
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Return the exit code of a command, when it has ended.

    A handler of Python would not run for a signal that arrives just before a system
    call that waits, so there is none: ``wait`` with a timeout looks again and again.
    """
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=60)


def reloading(serve: Callable[[], object], pause: float = 1.0) -> None:
    """Call ``serve``, and end it with a SIGINT when the code has changed.

    Args:
        serve: The function.
        pause: Seconds after which it gets another signal; it may not have been ready
            for the first one.

    Raises:
        SystemExit: With ``RELOAD``, when the code has changed.

    Blocks:
        As long as ``serve`` does.
    """
    changed = ended = False

    def end() -> None:
        nonlocal changed
        changed = True
        while not ended:
            with suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(pause)

    watching = threading.Event()

    def begun(**_: object) -> None:
        watching.set()

    watcher = threading.Thread(target=_watch, args=(end,), daemon=True)
    autoreload.autoreload_started.connect(begun)
    try:
        with suppress(KeyboardInterrupt):
            watcher.start()
            watching.wait(_LONGEST)  # what changes from now on is noticed
            serve()
    finally:
        ended = True
        autoreload.autoreload_started.disconnect(begun)
    if changed:
        raise SystemExit(RELOAD)


def _watch(then: Callable[[], Any]) -> None:
    """Wait until the code has changed. Blocks until then."""
    try:
        autoreload.get_reloader().run(threading.main_thread())
    except SystemExit:
        then()
