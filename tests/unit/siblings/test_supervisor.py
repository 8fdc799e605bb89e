"""Programs that supervise, each in a process of its own, and what they tell."""

from __future__ import annotations

import faulthandler
import fcntl
import logging
import os
import pty
import resource
import select
import signal
import socket
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import pytest
from gevent.monkey import get_original
from gevent.socket import wait_read

from sockio.errors import ConfigError
from sockio.runtime.reactor import Reactor
from sockio.runtime.service_manager import ServiceManager
from sockio.runtime.signals import Signals
from sockio.siblings.supervisor import Supervisor, supervised
from tests import PATCHED
from tests.support.waiting import wait_until

fork: Callable[[], int] = get_original("os", "fork")
waitpid: Callable[[int, int], tuple[int, int]] = get_original("os", "waitpid")

#: What a worker does; it is given what tells the test, and what says that it serves.
Work = Callable[[Callable[[str], None], Callable[[], None]], object]


class Program:
    """A program with a supervisor."""

    def __init__(
        self,
        work: Work,
        count: int = 1,
        *,
        terminal: int | None = None,
        prepare: Callable[[], object] | None = None,
        said: str = "",
        environ: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Start it.

        Args:
            terminal: The descriptor of its terminal.
            prepare: What it does first.
            said: What it tells before it starts its workers.
            environ: What its service manager has given it.
            options: More of its supervisor's arguments.
        """
        self._reading, self._writing = os.pipe()
        self._received = b""
        self.pid = fork()
        if not self.pid:
            manager = ServiceManager(environ or {})

            def make(work: Callable[[Callable[[], None]], object]) -> Supervisor:
                return Supervisor(count, work, manager, **options)

            self._be_program(work, make, terminal, prepare, said)
        os.close(self._writing)

    def _be_program(
        self,
        work: Work,
        make: Callable[[Callable[[Callable[[], None]], object]], Supervisor],
        terminal: int | None,
        prepare: Callable[[], object] | None,
        said: str,
    ) -> None:
        def begin() -> str:
            if said:
                self.tell(said)
            return said

        try:
            os.setsid()
            # As a new program has them; who runs the tests may ignore them.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            if terminal is not None:
                fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
            logging.getLogger("sockio.siblings.supervisor").addHandler(
                _Telling(self.tell)
            )
            if prepare is not None:
                prepare()
            supervisor = make(lambda ready: work(self.tell, ready))
            self.tell(f"exits {supervisor.run(begin)}")
        finally:
            os._exit(0)

    def tell(self, line: str) -> None:
        os.write(self._writing, f"{line}\n".encode())

    def next(self) -> str:
        """Return what it tells next; "" if it has ended, with all its workers."""
        while b"\n" not in self._received:
            wait_read(self._reading, timeout=60)
            data = os.read(self._reading, 4096)
            if not data:
                return ""
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line.decode()

    def told(self, count: int) -> list[str]:
        return sorted(self.next() for _ in range(count))

    def pids(self, count: int) -> list[int]:
        """Return the process ids of workers that begin to serve."""
        lines = [self.next() for _ in range(count)]
        assert all(line.startswith("serves ") for line in lines), lines
        return [int(line.removeprefix("serves ")) for line in lines]

    def send(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        while self.next():
            pass
        os.close(self._reading)
        with suppress(ChildProcessError):  # gevent has waited for it
            waitpid(self.pid, 0)


class _Telling(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        # Process ids differ.
        words = record.getMessage().split()
        self._tell(" ".join(word for word in words if not word.isdigit()))


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def start(work: Work, *args: Any, **more: Any) -> Program:
        programs.append(Program(work, *args, **more))
        return programs[-1]

    yield start
    for program in programs:
        program.close()


def serve(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
    """Serve until a signal comes."""
    _serve(tell, ready, 1)


def serve_on(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
    """Serve until a second signal comes."""
    _serve(tell, ready, 2)


def _serve(tell: Callable[[str], None], ready: Callable[[], None], most: int) -> None:
    reactor = Reactor()
    reactor.start()
    signals = Signals(reactor)
    ready()
    tell(f"serves {os.getpid()}")
    for _ in range(most):
        signum = signals.wait()
        # While the loop has not run, a second signal would have its default action.
        gevent.idle()
        tell(f"told {signum}")


# ------------------------------------------------------------------ their number


def test_each_does_the_work_and_a_signal_ends_all(
    start: Callable[..., Program],
) -> None:
    program = start(serve, 3)
    assert len(set(program.pids(3))) == 3

    program.send(signal.SIGTERM)

    assert program.told(3) == ["told 15"] * 3
    assert [program.next(), program.next()] == ["exits 0", ""]


def test_a_process_knows_whether_it_is_supervised(
    start: Callable[..., Program],
) -> None:
    def work(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        tell(f"supervised: {supervised()}")
        serve(tell, ready)

    program = start(work)

    assert program.next() == "supervised: True"
    assert not supervised()


def test_one_that_ends_is_replaced(start: Callable[..., Program]) -> None:
    program = start(serve, 2)
    first, second = program.pids(2)

    os.kill(first, signal.SIGKILL)

    assert program.next() == (
        "worker has ended (signal 9); another one begins in 0.1 seconds"
    )
    (third,) = program.pids(1)
    assert third not in (first, second)
    os.kill(second, 0)


def test_it_is_replaced_later_and_later(start: Callable[..., Program]) -> None:
    def fail(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        ready()
        raise SystemExit(3)

    program = start(fail)

    for seconds in ("0.1", "0.2", "0.4"):
        assert program.next() == (
            f"worker has ended (exit code 3); another one begins in {seconds} seconds"
        )


def test_one_that_cannot_be_started_is_started_later(
    start: Callable[..., Program],
) -> None:
    def limit(count: int) -> None:
        resource.setrlimit(resource.RLIMIT_NPROC, (count, most))

    def leave_no_room() -> None:
        signal.signal(signal.SIGUSR1, lambda *_: limit(most))
        limit(0)
        if os.getuid() == 0:  # whom no limit holds
            os.setuid(65534)

    _, most = resource.getrlimit(resource.RLIMIT_NPROC)
    program = start(serve, prepare=leave_no_room)
    refused = "a worker cannot be started (Resource temporarily unavailable)"
    assert program.next() == f"{refused}; another one begins in 0.1 seconds"

    program.send(signal.SIGUSR1)

    line = program.next()
    while line.startswith(refused):
        line = program.next()
    assert line.startswith("serves ")
    program.send(signal.SIGTERM)
    assert program.told(2) == ["exits 0", "told 15"]


def test_while_one_waits_to_be_replaced_all_can_be_ended(
    start: Callable[..., Program],
) -> None:
    program = start(serve, 2)
    pids = program.pids(2)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for _ in pids:
        assert "another one begins" in program.next()

    program.send(signal.SIGTERM)

    last = program.next()
    while last.startswith(("serves", "told")):  # a successor had begun already
        last = program.next()
    assert [last, program.next()] == ["exits 0", ""]


# ------------------------------------------------------------------ who never serves


def test_nobody_is_replaced_if_none_could_serve(start: Callable[..., Program]) -> None:
    def fail(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        raise SystemExit(3)

    program = start(fail, 2)

    assert [program.next(), program.next()] == ["exits 3", ""]


def test_that_they_failed_together_is_noticed(start: Callable[..., Program]) -> None:
    gate, opening = os.pipe()

    def fail(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        tell(f"serves {os.getpid()}")
        os.read(gate, 1)
        raise SystemExit(3)

    program = start(fail, 2)
    ended = [os.pidfd_open(pid) for pid in program.pids(2)]
    program.send(signal.SIGSTOP)
    waitpid(program.pid, os.WUNTRACED)
    os.write(opening, b"xx")
    for descriptor in ended:
        wait_read(descriptor, timeout=60)

    program.send(signal.SIGCONT)

    assert [program.next(), program.next()] == ["exits 3", ""]
    for descriptor in (*ended, gate, opening):
        os.close(descriptor)


@pytest.mark.parametrize(
    ("error", "code"),
    [(SystemExit(), 1), (SystemExit(0), 1), (SystemExit(300 - 256), 44)],
    ids=["none", "0", "44"],
)
def test_the_exit_code_says_that_it_failed(
    start: Callable[..., Program], error: SystemExit, code: int
) -> None:
    def fail(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        raise error

    assert start(fail).next() == f"exits {code}"


def test_its_last_words_are_shown(
    start: Callable[..., Program], capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        raise SystemExit("the port is taken")

    program = start(fail)

    assert [program.next(), program.next()] == ["exits 1", ""]
    assert capfd.readouterr().err == "the port is taken\n"


def test_an_error_is_logged(start: Callable[..., Program]) -> None:
    def fail(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        raise ValueError("a mistake in the application")

    program = start(fail)

    assert [program.next(), program.next()] == ["a worker failed", "exits 1"]


def test_who_is_killed_before_it_serves_has_failed(
    start: Callable[..., Program],
) -> None:
    def die(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    assert start(die).next() == "exits 1"


# ------------------------------------------------------------------ signals


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_workers_are_told_the_signal_itself(
    start: Callable[..., Program], signum: int
) -> None:
    program = start(serve, 2)
    program.pids(2)

    program.send(signum)

    assert program.told(2) == [f"told {signum:d}"] * 2
    assert [program.next(), program.next()] == ["exits 0", ""]


def test_each_signal_is_passed_on(start: Callable[..., Program]) -> None:
    program = start(serve_on)
    program.pids(1)

    program.send(signal.SIGTERM)
    assert program.next() == "told 15"
    program.send(signal.SIGINT)

    assert [program.next(), program.next()] == ["told 2", "exits 0"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Provide a terminal: where somebody types, and where a program reads."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_a_terminal_tells_the_workers_itself(
    start: Callable[..., Program], terminal: tuple[int, int]
) -> None:
    typing, reading = terminal
    program = start(serve_on, 2, terminal=reading)
    program.pids(2)

    os.write(typing, b"\x03")
    assert program.told(2) == ["told 2"] * 2
    program.send(signal.SIGTERM)

    assert program.told(2) == ["told 15"] * 2
    assert program.next() == "exits 0"


def test_who_is_forked_after_the_signal_of_a_terminal_ends_too(
    start: Callable[..., Program], terminal: tuple[int, int]
) -> None:
    typing, reading = terminal

    def interrupt() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        os.write(typing, b"\x03")
        while signal.SIGINT not in signal.sigpending():
            os.sched_yield()

    def wait(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        while True:  # a signal just before the call would not end it
            select.select([], [], [], 0.01)

    program = start(wait, 3, terminal=reading, prepare=interrupt)

    assert [program.next(), program.next()] == ["exits 0", ""]


def test_an_interrupted_start_has_no_traceback(
    start: Callable[..., Program], terminal: tuple[int, int]
) -> None:
    typing, reading = terminal

    def wait(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        tell("begins")
        while True:  # a signal just before the call would not end it
            select.select([], [], [], 0.01)

    program = start(wait, 2, terminal=reading)
    assert program.told(2) == ["begins"] * 2

    os.write(typing, b"\x03")

    assert [program.next(), program.next()] == ["exits 0", ""]


def test_who_was_started_to_outlive_its_terminal_does_so(
    start: Callable[..., Program],
) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    program = start(serve, prepare=ignore)
    program.pids(1)

    program.send(signal.SIGHUP)
    program.send(signal.SIGTERM)

    assert [program.next(), program.next()] == ["told 15", "exits 0"]


@pytest.mark.skipif(PATCHED, reason="gevent's hooks of fork do not bear pytest")
def test_workers_end_when_their_parent_was_killed(
    start: Callable[..., Program],
) -> None:
    program = start(serve, 2)
    program.pids(2)

    program.send(signal.SIGKILL)

    assert program.told(2) == ["told 15"] * 2
    assert program.next() == ""


def test_what_is_to_be_said_is_said_when_a_signal_is_the_orderly_end(
    start: Callable[..., Program],
) -> None:
    def wait(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        signal.pause()

    program = start(wait, 3, said="it begins")
    assert program.next() == "it begins"

    program.send(signal.SIGTERM)

    assert [program.next(), program.next()] == ["exits 0", ""]


def test_what_is_to_be_said_stands_above_what_workers_say(
    start: Callable[..., Program],
) -> None:
    program = start(serve, 3, said="it begins")

    assert program.next() == "it begins"
    assert len(program.pids(3)) == 3


# ------------------------------------------------------------------ service managers


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[gevent.socket.socket]:
    """Give the socket of a service manager."""
    with gevent.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        yield manager


def test_a_service_manager_is_told_when_one_serves(
    start: Callable[..., Program], manager: gevent.socket.socket
) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname()}
    program = start(serve, 2, said="serves on port 3000", environ=environ)

    assert manager.recv(4096) == b"READY=1\nSTATUS=serves on port 3000"
    program.send(signal.SIGTERM)
    assert manager.recv(4096).startswith(b"STOPPING=1\n")
    while program.next():
        pass
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


def test_who_gives_no_sign_of_life_is_replaced(
    start: Callable[..., Program], manager: gevent.socket.socket
) -> None:
    def get_stuck(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        tell(f"serves {os.getpid()}")
        ready()
        while True:
            os.sched_yield()

    def leave_no_trace() -> None:
        faulthandler.disable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "90000"}
    program = start(get_stuck, prepare=leave_no_trace, environ=environ)
    first = program.pids(1)

    assert program.next() == "worker gave no sign for 0.1 s: it is killed"
    assert program.next() == (
        "worker has ended (signal 6); another one begins in 0.1 seconds"
    )
    assert program.pids(1) != first
    told = [manager.recv(4096) for _ in range(4)]
    assert b"READY=1\nSTATUS=" in told
    assert b"WATCHDOG=1" in told


# ------------------------------------------------------------------ reloads


class Generations:
    """Work of which the second generation differs."""

    def __init__(self, folder: Path, later: Work) -> None:
        self._flag = folder / "flag"
        self._later = later

    def __call__(self, tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        (self._later if self._flag.exists() else serve)(tell, ready)

    def begin(self, program: Program) -> None:
        """Begin the second one."""
        self._flag.touch()
        program.send(signal.SIGUSR2)


def fail(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
    raise SystemExit(3)


def hang(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
    tell("begins")
    signal.pause()


def test_all_are_replaced(start: Callable[..., Program]) -> None:
    program = start(serve, 2)
    old = set(program.pids(2))

    program.send(signal.SIGUSR2)

    # A worker may serve before it has told the test.
    *new, first, second = program.told(4)
    assert not old & {int(line.removeprefix("serves ")) for line in new}
    assert [first, second] == ["told 15"] * 2
    program.send(signal.SIGTERM)
    assert program.told(2) == ["told 15"] * 2
    assert [program.next(), program.next()] == ["exits 0", ""]


def test_if_a_new_one_fails_the_old_ones_go_on(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    work = Generations(tmp_path, fail)
    program = start(work, 2)
    old = program.pids(2)

    work.begin(program)

    assert program.next() == (
        "no reload: a new worker has ended (exit code 3); the old ones go on"
    )
    for pid in old:
        os.kill(pid, 0)
    program.send(signal.SIGTERM)
    assert program.told(2) == ["told 15"] * 2
    assert [program.next(), program.next()] == ["exits 0", ""]


def test_if_the_new_ones_hang_the_old_ones_go_on(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    # It may be ended before it can tell anything.
    work = Generations(tmp_path, lambda tell, ready: signal.pause())
    program = start(work, 1, starting=0.05)
    (old,) = program.pids(1)

    work.begin(program)

    assert program.next() == (
        "no reload: the new workers do not serve after 0.05 s; the old ones go on"
    )
    os.kill(old, 0)


def test_an_old_one_that_does_not_end_is_killed(
    start: Callable[..., Program], manager: gevent.socket.socket
) -> None:
    def stay(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tell(f"serves {os.getpid()}")
        ready()
        while True:
            signal.pause()

    environ = {"NOTIFY_SOCKET": manager.getsockname()}
    program = start(stay, ends=0.05, environ=environ)
    old = os.pidfd_open(*program.pids(1))
    assert manager.recv(4096).startswith(b"READY=1\n")

    program.send(signal.SIGUSR2)

    assert program.next().startswith("serves ")
    assert program.next() == "worker does not end: it is killed"
    wait_read(old, timeout=60)
    os.close(old)


def test_an_old_one_that_ends_meanwhile_is_not_replaced_twice(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    gate, opening = os.pipe()

    def wait(tell: Callable[[str], None], ready: Callable[[], None]) -> None:
        tell("begins")
        os.read(gate, 1)
        serve(tell, ready)

    work = Generations(tmp_path, wait)
    program = start(work, 2)
    first, _ = program.pids(2)
    work.begin(program)
    assert program.told(2) == ["begins"] * 2

    ended = os.pidfd_open(first)
    os.kill(first, signal.SIGKILL)
    wait_read(ended, timeout=60)
    os.write(opening, b"xx")

    *_, last = program.told(3)
    assert last == "told 15"
    program.send(signal.SIGTERM)
    assert program.told(2) == ["told 15"] * 2
    assert [program.next(), program.next()] == ["exits 0", ""]
    for descriptor in (ended, gate, opening):
        os.close(descriptor)


def test_one_that_has_ended_meanwhile_is_replaced_if_the_new_ones_fail(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    work = Generations(tmp_path, hang)
    program = start(work, 1)
    (old,) = program.pids(1)
    work.begin(program)
    assert program.next() == "begins"
    (new,) = children(program) - {old}

    ended = os.pidfd_open(old)
    os.kill(old, signal.SIGKILL)
    wait_read(ended, timeout=60)
    os.close(ended)
    wait_until(lambda: old not in children(program))
    os.kill(new, signal.SIGKILL)

    assert program.told(2) == [
        "a worker has ended meanwhile; another one begins in 0.1 seconds",
        "no reload: a new worker has ended (signal 9); the old ones go on",
    ]
    assert program.next() == "begins"


def children(program: Program) -> set[int]:
    text = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text()
    return set(map(int, text.split()))


def test_the_end_comes_before_a_reload(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    work = Generations(tmp_path, hang)
    program = start(work, 1)
    program.pids(1)
    work.begin(program)
    assert program.next() == "begins"

    program.send(signal.SIGTERM)

    assert program.told(2) == ["exits 0", "told 15"]


def test_a_service_manager_is_told_of_a_reload(
    start: Callable[..., Program], manager: gevent.socket.socket
) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname()}
    program = start(serve, environ=environ)
    program.pids(1)
    assert manager.recv(4096).startswith(b"READY=1\n")

    program.send(signal.SIGUSR2)

    began, microseconds, _ = manager.recv(4096).decode().split("\n")
    assert began == "RELOADING=1"
    assert int(microseconds.removeprefix("MONOTONIC_USEC=")) > 0
    assert manager.recv(4096).startswith(b"READY=1\n")


def test_without_fork_there_is_a_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")

    with pytest.raises(ConfigError, match="run one program for each"):
        Supervisor(2, lambda ready: None)
