"""Listener: a program that listens on a port of 127.0.0.1 until a block ends."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import gevent.subprocess
from typing_extensions import Self

from .waiting import wait_until


class Listener:
    """The process of such a program."""

    def __init__(self, command: Sequence[str], port: int, **options: Any) -> None:
        """Start it.

        Args:
            options: Of ``subprocess.Popen``.

        Raises:
            AssertionError: It has ended at once; the text is what it has written.

        Blocks:
            Until it accepts clients.
        """
        self.port = port
        #: What it has written, once it has ended.
        self.log = ""
        self._process = gevent.subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
        )
        wait_until(self._accepts)

    def _accepts(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(self._process.stdout.read().decode())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        said, _ = self._process.communicate()
        self.log = said.decode()
