"""Reloading: the same command in another process, again when its files have changed.

This process holds the listening socket, so that clients that come back meanwhile wait
and are not refused. It imports nothing of the application.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from sockio.errors import ConfigError
from sockio.httpd.listening_socket import Address, ListeningSocket
from sockio.httpd.listening_socket import listen as bind
from sockio.httpd.server import BACKLOG
from sockio.runtime.signals import ENDING
from sockio.runtime.standard_streams import say
from sockio.socket.server.workers import exiting

from .project import Project, mistake_in
from .reports import FILE, LEAVING, SERVING

__all__ = ["check_installed", "serve_reloaded"]

#: Milliseconds for which changes are awaited, before something else is looked at.
_PATIENCE = 100
#: Milliseconds without a change after which some belong together, and at most.
_PAUSE, _LONGEST = 50, 1000
#: Seconds that its workers get to accept nobody any more.
_LEAVING = 1.0
#: Seconds that the process gets to end before it is killed.
_GRACE = 15.0
#: Bytes of reports that are read at a time.
_SIZE = 65536


def check_installed() -> None:
    """Look for the package that watches files.

    Raises:
        ConfigError: It is not installed.
    """
    if find_spec("watchfiles") is None:
        raise ConfigError(
            "--reload needs the package watchfiles: python -m pip install 'sockio[cli]'"
        )


def serve_reloaded(address: Address, project: Project) -> None:
    """Run this process's command in another one, again when a file has changed.

    Raises:
        SystemExit: A signal has ended it; or nobody can listen at the address.

    Blocks:
        The whole process, until then.
    """
    with exiting():
        listening = bind(address, BACKLOG)
    try:
        with _noted(ENDING) as signals:
            code = _Reloader(listening, project, signals).run()
    finally:
        listening.close()
    if code:
        raise SystemExit(code)


@contextmanager
def _noted(signums: tuple[signal.Signals, ...]) -> Iterator[list[int]]:
    """Note signals instead of obeying them."""
    arrived: list[int] = []
    before: dict[int, Any] = {}
    for each in signums:
        if each == signal.SIGHUP and signal.getsignal(each) is signal.SIG_IGN:
            continue  # nohup
        before[each] = signal.signal(each, lambda signum, _: arrived.append(signum))
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Reloader:
    """Starts the process, watches the files, and starts it again."""

    def __init__(
        self, listening: ListeningSocket, project: Project, signals: list[int]
    ) -> None:
        self._listening = listening
        self._project = project
        self._signals = signals
        self._watch = _Watch()
        #: The folders of the project, and those of modules from elsewhere.
        self._own = project.own_folders()
        self._others: frozenset[str] = frozenset()
        self._process: _Process | None = None
        #: Modules whose syntax is wrong.
        self._broken: set[str] = set()

    def run(self) -> int:
        """Return an exit code when a signal has come, and the process has ended."""
        self._watch.look(
            self._own | self._others
        )  # what changes from now on is noticed
        self._start()
        while not self._signals:
            changed = self._watch.look(self._own | self._others)
            self._hear()
            if any(map(os.path.isdir, changed)):
                changed |= self._look_for_folders()
            serving = self._process is not None and self._process.serving
            found = {
                file for file in changed if self._project.matters(file, serving=serving)
            }
            if found:
                self._follow(found)
        return 0 if self._process is None else self._process.obey(self._signals)

    def _start(self) -> None:
        self._process = _Process(self._listening)

    def _hear(self) -> None:
        """Take what the process has reported, and note whether it has ended."""
        if self._process is None:
            return
        new = [file for file in self._process.reported() if self._project.add(file)]
        if new:
            self._others = self._project.folders_of_modules()
        code = self._process.code
        if code is not None:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._process.close()
            self._process = None
            _say(f"the program has ended ({how}); it starts again when a file is saved")

    def _look_for_folders(self) -> set[str]:
        """Watch the folders that are new; return the files in them."""
        former, self._own = self._own, self._project.own_folders()
        found: set[str] = set()
        for folder in self._own - former:
            with suppress(FileNotFoundError):
                found |= {os.path.join(folder, name) for name in os.listdir(folder)}
        return found

    def _follow(self, found: set[str]) -> None:
        """Start again, unless a module that was saved cannot even be read."""
        former, self._broken = self._broken, set()
        for file in sorted(found | former):
            mistake = mistake_in(file)
            if mistake is not None:
                self._broken.add(file)
                _say(f"{self._project.shown(file)}, {mistake}")
        if self._broken:
            state = "the former code serves on" if self._process else "nothing serves"
            _say(f"{state} until this is mended")
            return
        names = ", ".join(sorted(map(self._project.shown, found)))
        _say(f"{names} changed, so the program starts again")
        if self._process is not None:
            self._process.end(self._signals)
            self._process = None
        if not self._signals:
            self._start()


class _Process:
    """The process that serves, with the workers that it may have."""

    def __init__(self, listening: ListeningSocket) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._rest = b""
        #: The numbers of its workers: which have served, and which take no newcomers.
        self._served: set[str] = set()
        self._leaving: set[str] = set()
        given = (listening.sock.fileno(), theirs.fileno())
        # A session of its own: a terminal tells this process alone of Ctrl-C, which
        # passes it on.
        self._popen = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:], "--reloaded", "{},{}".format(*given)],
            pass_fds=given,
            start_new_session=True,
        )
        theirs.close()

    @property
    def code(self) -> int | None:
        """Its exit code; None: it has not ended."""
        return self._popen.poll()

    @property
    def serving(self) -> bool:
        """Whether it has said that it serves."""
        return bool(self._served)

    def reported(self) -> list[str]:
        """Return the files that it has reported since the last call."""
        with suppress(BlockingIOError, ConnectionError):
            while received := self._ours.recv(_SIZE):
                self._rest += received
        *lines, self._rest = self._rest.split(b"\n")
        said: dict[str, list[str]] = {FILE: [], SERVING: [], LEAVING: []}
        for line in map(os.fsdecode, lines):
            word, _, about = line.partition(" ")
            said[word].append(about)
        self._served.update(said[SERVING])
        self._leaving.update(said[LEAVING])
        return said[FILE]

    def end(self, signals: list[int]) -> None:
        """End it as if it were told to close; a signal of this process goes on to it.

        Blocks:
            Until it has ended; after ``_GRACE`` it is killed.
        """
        self._end_accepting(signals)
        # It does not drain: that is for servers whose clients find another one.
        self._send(signal.SIGQUIT if self.serving else signal.SIGTERM)
        self._wait(signals)
        self.close()

    def obey(self, signals: list[int]) -> int:
        """Pass signals on to it; return its exit code.

        Blocks:
            Until it has ended.
        """
        code = self._wait(signals, grace=float("inf"))
        self.close()
        return 128 - code if code < 0 else code

    def close(self) -> None:
        """Forget it."""
        self._ours.close()

    def _end_accepting(self, signals: list[int]) -> None:
        """Have none of its workers accept another client.

        Otherwise one of them would take clients that another one has disconnected, and
        soon disconnect them again, perhaps before they have joined a namespace.

        Blocks:
            At most ``_LEAVING`` seconds, or until a signal comes.
        """
        self._ours.shutdown(socket.SHUT_WR)
        end = time.monotonic() + _LEAVING
        while any(map(_lives, self._served - self._leaving)) and not signals:
            left = end - time.monotonic()
            if left <= 0:
                return
            select.select([self._ours], [], [], min(left, _PATIENCE / 1000))
            self.reported()

    def _wait(self, signals: list[int], grace: float = _GRACE) -> int:
        passed = 0
        while True:
            for signum in signals[passed:]:
                self._send(signum)
            passed = len(signals)
            try:
                return self._popen.wait(_PATIENCE / 1000)
            except subprocess.TimeoutExpired:
                grace -= _PATIENCE / 1000
            if grace <= 0:
                with suppress(ProcessLookupError):
                    os.killpg(self._popen.pid, signal.SIGKILL)
            # It must not wait for us to read.
            self.reported()

    def _send(self, signum: int) -> None:
        with suppress(ProcessLookupError):
            self._popen.send_signal(signum)


def _lives(worker: str) -> bool:
    try:
        os.kill(int(worker), 0)
    except ProcessLookupError:
        return False
    return True


class _Watch:
    """Sees which files in some folders have changed."""

    def __init__(self) -> None:
        self._folders: frozenset[str] = frozenset()
        self._changes: Any = iter([()])
        #: What each file was like when its change was told.
        self._told: dict[str, tuple[int, ...]] = {}

    def look(self, folders: frozenset[str]) -> set[str]:
        """Return the files and folders that have changed since the last call.

        Blocks:
            Until there are some, at most twice ``_PATIENCE`` milliseconds.
        """
        found: list[Any] = []
        try:
            if folders != self._folders:
                # The new watch begins before the old one ends: nothing is missed, but
                # both may see the same.
                former, self._changes = self._changes, _watched(folders)
                self._folders = folders
                found += next(self._changes)
                found += next(former)
            else:
                found += next(self._changes)
        except FileNotFoundError:  # a folder has just been removed
            self._folders, self._changes = frozenset(), iter([()])
        return {file for _, file in found if self._is_news(file)}

    def _is_news(self, file: str) -> bool:
        try:
            stat = os.stat(file)
        except OSError:
            now: tuple[int, ...] = ()
        else:
            now = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        before = self._told.get(file)
        self._told[file] = now
        return now != before


def _watched(folders: frozenset[str]) -> Any:
    from watchfiles import watch

    return watch(
        *sorted(filter(os.path.isdir, folders)),
        watch_filter=None,
        debounce=_LONGEST,
        step=_PAUSE,
        rust_timeout=_PATIENCE,
        yield_on_timeout=True,
        raise_interrupt=False,
        recursive=False,
        ignore_permission_denied=True,
    )


def _say(line: str) -> None:
    say(f"sockio: {line}\n")
