"""Connection: one connection to PostgreSQL.

libpq, by way of psycopg, says the hello and reads and writes the protocol. It never
blocks: where it would, whoever has made the connection waits for the socket in a way of
its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import sys
import termios
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import psycopg
import psycopg.conninfo
from psycopg import pq

from .commands import Command

__all__ = [
    "FAILURES",
    "KEYWORDS",
    "READ",
    "WRITE",
    "Address",
    "Answer",
    "Connection",
    "LookUp",
    "Notification",
    "Wait",
]

#: What goes wrong with a connection.
FAILURES: tuple[type[Exception], ...] = (OSError, psycopg.Error)
#: The parameters that libpq knows.
KEYWORDS = frozenset(d.keyword.decode() for d in pq.Conninfo.get_defaults())

#: What is to be waited for.
READ, WRITE = 1, 2
#: Waits until a socket can be read or written, given its number and what to wait for.
Wait: TypeAlias = Callable[[int, int], None]
#: Looks a name up, as ``socket.getaddrinfo``.
LookUp: TypeAlias = Callable[..., list[Any]]


class Answer(NamedTuple):
    """What became of a command."""

    command: Command
    #: The first value of the first row; None: there is none.
    value: bytes | None = None
    #: Why it was refused; None: it was not.
    error: str | None = None


class Notification(NamedTuple):
    """What somebody has said on a channel."""

    channel: bytes
    payload: bytes


class Address:
    """Where PostgreSQL is: on one or several hosts, of which one is taken."""

    def __init__(self, url: str) -> None:
        """Read a URL of libpq.

        Raises:
            ValueError: It cannot be read; the text does not repeat it.
        """
        try:
            self._params: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error:
            raise ValueError("libpq cannot read it") from None
        self._params.setdefault("target_session_attrs", "read-write")
        self._params.setdefault("fallback_application_name", "sockio")
        self._params["client_encoding"] = "UTF8"

    def __str__(self) -> str:
        hosts, ports = self._list("host", "PGHOST"), self._list("port", "PGPORT")
        shown = [
            f"{host or 'localhost'}:{ports[min(number, len(ports) - 1)] or 5432}"
            for number, host in enumerate(hosts)
        ]
        dbname = self._params.get("dbname") or os.environ.get("PGDATABASE")
        return ",".join(shown) + (f"/{dbname}" if dbname else "")

    __repr__ = __str__

    def _list(self, name: str, variable: str) -> list[str]:
        said = str(self._params.get(name) or os.environ.get(variable) or "")
        return said.split(",")

    def places(self, look_up: LookUp) -> list[Mapping[str, Any]]:
        """Return what to tell libpq for each address of each host.

        libpq would look names up while everybody waits.

        Args:
            look_up: Looks up the names.

        Raises:
            OSError: No host has an address.

        Blocks:
            Until the names are looked up.
        """
        given = {"hostaddr", "service"} & self._params.keys()
        if given or os.environ.get("PGHOSTADDR") or os.environ.get("PGSERVICE"):
            return [self._params]
        found: list[Mapping[str, Any]] = []
        error: OSError | None = None
        ports = self._list("port", "PGPORT")
        for number, host in enumerate(self._list("host", "PGHOST")):
            port = ports[min(number, len(ports) - 1)]
            place = {**self._params, "host": host or None, "port": port or None}
            if not host or host.startswith(("/", "@")):
                found.append(place)
                continue
            try:
                for each in look_up(host, 0, 0, socket.SOCK_STREAM):
                    found.append({**place, "hostaddr": each[4][0]})
            except OSError as exc:
                error = OSError(f"{host}: {exc}")
        if not found:
            raise error or OSError("there is no host")
        return found


class Connection:
    """A connection; only those who use it wait."""

    def __init__(self, wait: Wait) -> None:
        """Make one that is not open.

        Args:
            wait: Waits for its socket.
        """
        self._wait_for = wait
        # Any: psycopg has two classes for it, in C and in Python.
        self._conn: Any = None
        #: Greenlets that wait for its socket.
        self._waiting = 0
        #: Whether one of them waits for something to read.
        self._reading = False
        self._closed = False
        #: Commands that have not been answered; the answer whose end is still to come.
        self._asked: deque[Command] = deque()
        self._answered: Answer | None = None
        #: How often it could be read or written.
        self.reads = 0
        self._writes = 0

    def open(self, place: Mapping[str, Any]) -> None:
        """Connect, and log in.

        Raises:
            FAILURES: It was not possible.

        Blocks:
            Until that is done; the caller sees to a deadline.
        """
        info = psycopg.conninfo.make_conninfo("", **place)
        conn = self._conn = pq.PGconn.connect_start(info.encode())
        conn.notice_handler = _ignore
        while True:
            if conn.status == pq.ConnStatus.BAD:
                raise self._error()
            match conn.connect_poll():
                case pq.PollingStatus.READING:
                    self._wait(READ)
                case pq.PollingStatus.WRITING:
                    self._wait(WRITE)
                case pq.PollingStatus.OK:
                    break
                case _:
                    raise self._error()
        conn.nonblocking = 1
        conn.enter_pipeline_mode()

    @property
    def encoding(self) -> str:
        """The encoding of the database."""
        return str((self._conn.parameter_status(b"server_encoding") or b"").decode())

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands.

        Raises:
            FAILURES: The connection has ended.

        Blocks:
            Until all are written.
        """
        self._put(commands)
        while self._conn.flush():
            if self._reading:
                self._wait(WRITE)
            else:
                # A server that cannot write would read no more.
                self._wait(READ | WRITE)
                self._take_input()
            self._writes += 1

    def send_now(self, commands: Sequence[Command]) -> bool:
        """Send commands as far as that needs no waiting; say whether that was all."""
        if self._conn is None or self._closed:
            return False
        try:
            self._put(commands)
            return not self._conn.flush()
        except FAILURES:
            return False

    def _put(self, commands: Sequence[Command]) -> None:
        if self._closed:
            raise ConnectionError("the connection has ended")
        for command in commands:
            self._conn.send_query_params(
                command.sql.encode(),
                command.values,
                param_formats=[pq.Format.BINARY] * len(command.values),
                result_format=pq.Format.BINARY,
            )
            # Each command is a transaction of its own, and each is carried out even if
            # those before it are refused.
            self._conn.pipeline_sync()
            self._asked.append(command)

    def read(self) -> Answer | Notification:
        """Return the next answer or notification.

        Raises:
            FAILURES: The connection has ended.

        Blocks:
            Until there is one.
        """
        while True:
            if self._closed:
                raise ConnectionError("the connection has ended")
            if (said := self._conn.notifies()) is not None:
                return Notification(said.relname, said.extra)
            if self._asked and not self._conn.is_busy():
                result = self._conn.get_result()
                if self._conn.status == pq.ConnStatus.BAD:
                    raise self._error()
                if result is not None and (answer := self._answer(result)):
                    return answer
                continue  # behind it may be a notification
            self._reading = True
            try:
                self._wait(READ)
            finally:
                self._reading = False
            self.reads += 1
            self._take_input()

    def _take_input(self) -> None:
        try:
            self._conn.consume_input()
        except psycopg.OperationalError:
            raise self._error() from None

    def _answer(self, result: Any) -> Answer | None:
        """Take a result; return the answer when the command has ended.

        By then all has come that was said before the command.
        """
        command = self._asked[0]
        match result.status:
            case pq.ExecStatus.PIPELINE_SYNC:
                self._asked.popleft()
                return self._answered
            case pq.ExecStatus.COMMAND_OK:
                self._answered = Answer(command)
            case pq.ExecStatus.TUPLES_OK:
                value = result.get_value(0, 0) if result.ntuples else None
                self._answered = Answer(command, value)
            case _:
                said = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"?"
                error = said.decode("utf-8", "replace")
                field = pq.DiagnosticField.SEVERITY_NONLOCALIZED
                if result.error_field(field) in (b"FATAL", b"PANIC"):
                    raise psycopg.OperationalError(error)
                self._answered = Answer(command, error=error)
        return None

    @property
    def idle(self) -> bool:
        """Whether it is open and owes nothing, so that it can be used once more."""
        if self._conn is None or self._closed or self._asked:
            return False
        arrived = select.poll()
        arrived.register(self._conn.socket, select.POLLIN)
        try:
            while arrived.poll(0):
                # A farewell may come before the end.
                self._conn.consume_input()
        except FAILURES:
            return False
        return True

    @property
    def moved(self) -> tuple[int, int, int]:
        """Something that changes when bytes leave for the peer, or come."""
        try:
            queue = fcntl.ioctl(self._conn.socket, termios.TIOCOUTQ, bytes(4))
        except (OSError, psycopg.Error, AttributeError):
            queue = bytes(4)  # the system does not tell, or there is no socket
        return self.reads, self._writes, int.from_bytes(queue, sys.byteorder)

    def hang_up(self) -> None:
        """End the connection for both sides; who reads or writes it gets an error."""
        self._closed = True
        with contextlib.suppress(OSError, psycopg.Error, AttributeError):
            sock = socket.socket(fileno=os.dup(self._conn.socket))
            try:
                # Below TLS, whose farewell would be waited for.
                sock.shutdown(socket.SHUT_RDWR)
            finally:
                sock.close()

    def close(self) -> None:
        """Release the socket, as soon as nobody waits for it."""
        self.hang_up()
        self._finish()

    def abandon(self) -> None:
        """Release the socket of another process, from which this one was forked."""
        if self._conn is not None and not self._closed:
            os.close(self._conn.socket)  # without a word to the server
            self._closed = True

    def _finish(self) -> None:
        if self._conn is not None and not self._waiting:
            self._conn.finish()

    def _wait(self, events: int) -> None:
        """Wait until the socket can be read or written, or has ended."""
        self._waiting += 1
        try:
            self._wait_for(self._conn.socket, events)
        finally:
            self._waiting -= 1
            if self._closed:
                self._finish()
        if self._closed:
            raise ConnectionError("the connection has ended")

    def _error(self) -> psycopg.OperationalError:
        text = self._conn.get_error_message("utf-8").strip()
        return psycopg.OperationalError(" ".join(text.split()))


def _ignore(result: Any) -> None:
    """Take a notice, which says nothing that we need to know."""
