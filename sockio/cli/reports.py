"""Reports: what a process that is reloaded tells the one that has started it.

They share a socket. The process that serves writes the files of its modules there, and
that it serves; it ends when the other end is closed. Its workers write there as well.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import gevent
from gevent.socket import wait_read

from sockio.errors import ConfigError
from sockio.httpd.listening_socket import ListeningSocket

__all__ = ["SERVING", "Reports"]

#: The line that says so; any other one is the name of a file.
SERVING = ""
#: Seconds between two looks at what has been imported since.
_PAUSE = 0.5


class Reports:
    """This process's end of the socket, and the listening socket that it was given."""

    def __init__(self, listening: ListeningSocket, told: int) -> None:
        self.listening = listening
        self._told = told
        #: The process that was started; its workers are others.
        self._leader = os.getpid()
        self._known: set[str] = set()

    @classmethod
    def given(cls, numbers: str) -> Reports:
        """Take over the sockets with these numbers.

        Args:
            numbers: Of the listening socket and of the other one, as ``3,4``.

        Raises:
            ConfigError: They are no sockets.
        """
        try:
            listening, told = map(int, numbers.split(","))
            sock = socket.socket(fileno=listening)
            os.set_inheritable(listening, False)
            os.set_inheritable(told, False)
        except (OSError, ValueError):
            raise ConfigError("--reloaded is not for people: use --reload") from None
        sock.setblocking(False)
        name = sock.getsockname()
        return cls(ListeningSocket(sock, name if isinstance(name, str) else None), told)

    def begin(self) -> None:
        """Report what has been imported, and from now on what will be."""
        self._report()
        gevent.spawn(self._watch)

    def serving(self) -> None:
        """Report that clients are served."""
        self._write(SERVING)

    def _watch(self) -> None:
        while True:
            try:
                wait_read(self._told, timeout=_PAUSE)
            except TimeoutError:
                self._report()
            else:  # nothing is ever sent here: the other process has gone
                os.kill(self._leader, signal.SIGTERM)
                return

    def _report(self) -> None:
        for file in set(_files()) - self._known:
            self._known.add(file)
            self._write(file)

    def _write(self, line: str) -> None:
        # One call for each line: several processes write.
        with suppress(OSError):
            os.write(self._told, os.fsencode(f"{line}\n"))


def _files() -> Iterator[str]:
    """Yield the files of the modules that are imported."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and "\n" not in file:
            yield file
