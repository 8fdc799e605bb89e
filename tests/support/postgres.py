"""Postgres: a server of PostgreSQL for one test, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent
import gevent.subprocess

from .services import program

#: Seconds that it gets to start, and to end.
PATIENCE = 60.0
#: Options that make it fast, since no data has to outlive the test.
SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """A server that listens on a Unix socket only, for its user ``postgres``."""

    def __init__(self) -> None:
        self._bin = Path(os.path.realpath(program("postgres"))).parent
        # The path of a Unix socket must be short, and pytest's folders are not.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._process: Any = None
        self._who: dict[str, Any] = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            self._who = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "--no-sync")
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
            "listen_addresses=",
            f"unix_socket_directories={self.folder}",
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
            self._run("pg_isready", "-h", str(self.folder), "-t", "1")
        except subprocess.CalledProcessError:
            return False
        return True

    def stop(self) -> None:
        """End it, with all its connections."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=PATIENCE)

    def connections(self) -> int:
        """Return how many connections clients have open, except the one that asks."""
        return int(
            self._run(
                "psql",
                "-h",
                str(self.folder),
                "-U",
                "postgres",
                "-Atc",
                "select count(*) from pg_stat_activity"
                " where backend_type = 'client backend' and pid <> pg_backend_pid()",
            )
        )

    def __enter__(self) -> Postgres:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder)
