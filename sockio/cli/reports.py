"""Reports: what a process that is reloaded tells the one that has started it.

They share a socket. Each worker of the process that serves writes there which files its
modules have, and that it serves. The reloader writes nothing: before it ends the
process, it shuts down its side. Then each worker accepts no more clients, so that they
wait for the next process, and writes that. If the reloader has gone, the process ends.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import gevent
from gevent.socket import wait_read

from sockio.errors import ConfigError
from sockio.httpd.listening_socket import ListeningSocket

__all__ = ["FILE", "LEAVING", "SERVING", "Reports"]

#: The first words of the lines: before the name of a file, and before the number of a
#: process that serves, or that accepts nobody any more.
FILE, SERVING, LEAVING = "file", "serving", "leaving"
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
        self._stop_accepting: Callable[[], object] = int

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

    def serving(self, stop_accepting: Callable[[], object]) -> None:
        """Report that clients are served.

        Args:
            stop_accepting: Called, perhaps several times, when those who come are to
                wait for the next process.
        """
        self._stop_accepting = stop_accepting
        self._write(SERVING, str(os.getpid()))

    def _watch(self) -> None:
        while self._wanted():
            self._report()
        while self._leave():
            gevent.sleep(_PAUSE)
        os.kill(self._leader, signal.SIGTERM)

    def _wanted(self) -> bool:
        """Wait a while; return whether the reloader has not shut down its side."""
        try:
            wait_read(self._told, timeout=_PAUSE)
        except TimeoutError:
            return True
        return False

    def _leave(self) -> bool:
        """Accept no more clients; return whether the reloader could be told."""
        self._stop_accepting()
        return self._write(LEAVING, str(os.getpid()))

    def _report(self) -> None:
        for file in set(_files()) - self._known:
            self._known.add(file)
            self._write(FILE, file)

    def _write(self, word: str, about: str) -> bool:
        # One call for each line: several processes write.
        try:
            os.write(self._told, os.fsencode(f"{word} {about}\n"))
        except OSError:
            return False
        return True


def _files() -> Iterator[str]:
    """Yield the files of the modules that are imported."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and "\n" not in file:
            yield file
