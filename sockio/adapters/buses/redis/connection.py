"""Connection: one socket to Redis or Valkey.

redis-py says the hello and reads and writes the protocol. It is given sockets of our
own. If they are gevent's, other greenlets run meanwhile, in a process that gevent has
patched and in one that it has not.
"""

from __future__ import annotations

import contextlib
import fcntl
import ssl
import sys
import termios
import time
from collections.abc import Iterable, Sequence
from typing import Any

import redis.connection
import redis.crc
import redis.exceptions

from .dialer import Dialer
from .url import Address

__all__ = ["FAILURES", "Connection", "Moved", "Refused", "Unsettled", "slot_of"]

#: What goes wrong with a connection; a ValueError is an answer that is no Redis's.
FAILURES: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    redis.exceptions.RedisError,
)
#: An answer that says that a command is refused; the connection goes on.
Refused = redis.exceptions.ResponseError
#: A refusal, since another node of the cluster is responsible now: its ``slot_id``,
#: ``host`` and ``port``.
Moved = redis.exceptions.MovedError
#: Refusals that end when the cluster has settled.
Unsettled: tuple[type[Exception], ...] = (
    Moved,
    redis.exceptions.ClusterDownError,
    redis.exceptions.TryAgainError,
)
#: Bytes that are written at once: large messages show progress, too.
PIECE = 64 << 10


class Connection:
    """A connection to a broker; it is made once."""

    def __init__(self, address: Address, dialer: Dialer) -> None:
        """Make a connection that is not open.

        Args:
            address: Of the broker.
            dialer: Makes its socket. With gevent's sockets only the greenlets block
                that use the connection, otherwise the thread.
        """
        self._dialer = dialer
        # Any: redis-py has types for its commands, and few for what is below them.
        self._client: Any = _Client(address, self)
        #: By ``time.monotonic``, when whoever opens, sends or reads gets a FAILURE;
        #: None: never.
        self.until: float | None = None
        #: Bytes sent and received so far.
        self.sent = 0
        self.received = 0

    def open(self) -> None:
        """Connect, and log in.

        Raises:
            FAILURES: It was not possible.

        Blocks:
            Until that is done, or ``until``.
        """
        self._client.connect()

    def send(self, commands: Iterable[Sequence[Any]]) -> None:
        """Write commands.

        Raises:
            FAILURES: The connection has ended.

        Blocks:
            Until all are written, or ``until``.
        """
        client = self._client
        packed = client.pack_commands(commands)
        client.send_packed_command(packed, check_health=False)

    def read(self) -> Any:
        """Return the next answer or message.

        Raises:
            Refused: The answer to a command is an error.
            FAILURES: The connection has ended.

        Blocks:
            Until there is one, or ``until``.
        """
        return self._client.read_response()

    def left(self) -> float | None:
        """Return the seconds until ``until``.

        Raises:
            TimeoutError: There are none.
        """
        if self.until is None:
            return None
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("it took too long")
        return seconds

    @property
    def idle(self) -> bool:
        """Whether it is open and owes nothing, so that it can be used once more.

        If not, there is no use for it any more.
        """
        if self._client._sock is None:
            return False
        sock = self._client._sock.below
        try:
            sock.settimeout(0)
            sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            sock.settimeout(None)
            return True
        except OSError:
            pass
        return False  # it has ended, or said what nobody had asked for

    def send_now(self, commands: Iterable[Sequence[Any]]) -> bool:
        """Write commands as far as that needs no waiting; say whether all were.

        Nothing else can be done with the connection after that.
        """
        sock = self._client._sock
        if sock is None:
            return False
        data = b"".join(self._client.pack_commands(commands))
        try:
            sock.settimeout(0)
            return bool(sock.send(data) == len(data))
        except OSError:
            return False

    @property
    def moved(self) -> int:
        """Bytes that have left for the peer, and that have come."""
        try:
            queue = fcntl.ioctl(self._client._sock.fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, AttributeError):
            queue = bytes(4)  # the system does not tell, or there is no socket
        return self.sent + self.received - int.from_bytes(queue, sys.byteorder)

    def hang_up(self) -> None:
        """End the connection for both sides; who reads or writes it gets an error."""
        sock = self._client._sock
        if sock is not None:
            self._dialer.hang_up(sock.below)

    def close(self) -> None:
        """Release the socket; only its reader calls this."""
        self.hang_up()
        with contextlib.suppress(*FAILURES):
            self._client.disconnect()

    def abandon(self) -> None:
        """Release the socket of another process, from which this one was forked."""
        sock = self._client._sock
        if sock is not None:
            sock.close()  # without a word to the broker


class _Client(redis.connection.Connection):
    """redis-py's connection with a socket of ours; it connects once."""

    def __init__(self, address: Address, owner: Connection) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            host=address.host,
            port=address.port,
            db=address.db,
            username=address.username,
            password=address.password,
            protocol=2,
            socket_timeout=None,
        )
        self._address: Address | None = address
        self._owner = owner

    def _connect(self) -> Any:
        address, self._address = self._address, None
        if address is None:  # a command on a connection that has ended
            raise ConnectionError("the connection has ended")
        dialer = self._owner._dialer
        return _Socket(dialer.dial(address, self._owner.left), self._owner)


class _Socket:
    """A socket that counts the bytes that it moves, and looks at the time."""

    def __init__(self, below: Any, owner: Connection) -> None:
        #: The socket that does it.
        self.below = below
        self._owner = owner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)

    def recv(self, size: int) -> bytes:
        self._look_at_the_time()
        data: bytes = self.below.recv(size)
        self._owner.received += len(data)
        return data

    def recv_into(self, buffer: Any) -> int:
        self._look_at_the_time()
        size: int = self.below.recv_into(buffer)
        self._owner.received += size
        return size

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            self._look_at_the_time()
            self.below.sendall(view[start : start + PIECE])
            self._owner.sent += len(view[start : start + PIECE])

    def _look_at_the_time(self) -> None:
        if self._owner.until is not None:
            self.below.settimeout(self._owner.left())


def slot_of(name: bytes, slots: int) -> int:
    """Return the slot of a channel or a key, of so many slots.

    If there is something between the first ``{`` and the next ``}``, that alone counts.
    """
    slot: int = redis.crc.key_slot(name, slots)
    return slot
