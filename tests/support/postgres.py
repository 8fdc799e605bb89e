"""Postgres: a server of PostgreSQL for one test, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import gevent
import gevent.subprocess

from .ports import free_port
from .services import program
from .waiting import wait_until

if TYPE_CHECKING:
    from sockio.adapters.buses.postgres.bus import PostgresBus

#: Seconds that it gets to start, and to end.
PATIENCE = 60.0
#: The role ``ann``, which a test has to create, needs a password over TCP.
PASSWORD_FOR_ANN = "host all ann 127.0.0.1/32 scram-sha-256\n"
#: Options that make it fast, since no data has to outlive the test.
SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """A server that listens on a Unix socket, for its user ``postgres``."""

    def __init__(self, *, tcp: bool = False, tls: Path | None = None) -> None:
        """Start one.

        Args:
            tcp: Listen on a loopback port, too.
            tls: A file with a certificate and its key, for TCP.

        Blocks:
            Until it takes connections.
        """
        #: Of TCP; 0: it does not listen there.
        self.port = free_port() if tcp else 0
        self._bin = Path(os.path.realpath(program("postgres"))).parent
        # The path of a Unix socket must be short, and pytest's folders are not.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._process: Any = None
        self._who: dict[str, Any] = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            self._who = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "--no-sync")
        hba = self.folder / "data" / "pg_hba.conf"
        hba.write_text(PASSWORD_FOR_ANN + hba.read_text())
        self._tls = tls is not None
        if tls is not None:
            key = self.folder / "data" / "tls.pem"
            shutil.copy(tls, key)
            key.chmod(0o600)
            if self._who:
                shutil.chown(key, "postgres", "postgres")
        self.start()

    def _run(self, name: str, *arguments: str) -> str:
        command = [str(self._bin / name), *arguments]
        return gevent.subprocess.check_output(  # type: ignore[no-any-return]
            command, cwd=self.folder, text=True, stderr=subprocess.STDOUT, **self._who
        )

    def start(self) -> None:
        """Start it, or start it again.

        Blocks:
            Until it takes connections.
        """
        settings = (
            *SPEED,
            f"listen_addresses={'127.0.0.1' if self.port else ''}",
            f"port={self.port or 5432}",
            f"unix_socket_directories={self.folder}",
            f"ssl={'on' if self._tls else 'off'}",
            "ssl_cert_file=tls.pem",
            "ssl_key_file=tls.pem",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "log").open("a") as log:
            self._process = gevent.subprocess.Popen(
                [str(self._bin / "postgres"), "-D", "data", *options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._who,
            )
        with gevent.Timeout(PATIENCE):
            while not self._answers():
                assert self._process.poll() is None, (self.folder / "log").read_text()

    def _answers(self) -> bool:
        try:
            self._run("pg_isready", *self._where, "-t", "1")
        except subprocess.CalledProcessError:
            return False
        return True

    @property
    def _where(self) -> list[str]:
        return ["-h", str(self.folder), "-p", str(self.port or 5432)]

    @property
    def url(self) -> str:
        """The database ``postgres`` over TCP."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def sql(self, *commands: str) -> str:
        """Run commands, each a transaction of its own; return what they print.

        Blocks:
            Until they have run.
        """
        given = [part for command in commands for part in ("-c", command)]
        return self._run("psql", *self._where, "-U", "postgres", "-qAt", *given)

    def shut_down(self) -> None:
        """End it, with all its connections."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it, as after a crash."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """Let it hang: it answers no more, and its connections stay."""
        self._signal_all(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a hang."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """Send a signal to it, and to its processes: each connection has one.

        What has just begun to serve a connection may escape the first time.
        """
        reached: set[int] = set()
        while fresh := {self._process.pid, *_children(self._process.pid)} - reached:
            for pid in fresh:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            reached |= fresh

    def _end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(timeout=PATIENCE)

    def connections(self) -> int:
        """Return how many connections clients have open, except the one that asks."""
        return int(
            self.sql(
                "select count(*) from pg_stat_activity"
                " where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )
        )

    def close(self) -> None:
        """End it, and remove its folder."""
        if self._process.poll() is None:
            self.go_on()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Postgres:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _children(pid: int) -> set[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(child) for child in listed.split()}


def settle(buses: Sequence[PostgresBus]) -> None:
    """Wait until no message travels between these buses, which are alone.

    Blocks:
        Until then.
    """
    said = -1
    while said != (said := sum(bus.said for bus in buses)):
        wait_until(lambda: all(bus.up and bus.idle for bus in buses))
        for bus in buses:
            bus.look()
        wait_until(lambda: not any(bus.looking for bus in buses))
        gevent.idle()
