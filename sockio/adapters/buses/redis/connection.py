"""Connection: one socket to Redis or Valkey, which lets other greenlets run.

redis-py says the hello and reads and writes the protocol. It is given gevent's sockets,
so that it is the same in a process that gevent has patched and in one that it has not.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import ssl
import sys
import termios
from collections.abc import Iterable, Sequence
from typing import Any

import gevent.socket
import gevent.ssl
import redis.connection
import redis.crc
import redis.exceptions

from .url import Address, Tls

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
    """A connection to a broker; its greenlets block, nobody else."""

    def __init__(self, address: Address) -> None:
        # Any: redis-py has types for its commands, and few for what is below them.
        self._client: Any = _Client(address, self)
        #: Bytes sent and received so far.
        self.sent = 0
        self.received = 0

    def open(self) -> None:
        """Connect, and log in.

        Raises:
            FAILURES: It was not possible.

        Blocks:
            Until that is done; the caller sees to a deadline.
        """
        self._client.connect()

    def send(self, commands: Iterable[Sequence[Any]]) -> None:
        """Write commands.

        Raises:
            FAILURES: The connection has ended.

        Blocks:
            Until all are written.
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
            Until there is one.
        """
        return self._client.read_response()

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
            with contextlib.suppress(OSError):
                # Below TLS, whose farewell would be waited for.
                gevent.socket.socket.shutdown(sock.below, socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the socket; only its reader calls this."""
        self.hang_up()
        with contextlib.suppress(*FAILURES):
            self._client.disconnect()


class _Client(redis.connection.Connection):
    """redis-py's connection with a socket of ours; it connects once."""

    def __init__(self, address: Address, counter: Connection) -> None:
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
        self._counter = counter

    def _connect(self) -> Any:
        address, self._address = self._address, None
        if address is None:  # a command on a connection that has ended
            raise ConnectionError("the connection has ended")
        return _Socket(dial(address), self._counter)


class _Socket:
    """A socket that counts the bytes which it sends and receives."""

    def __init__(self, below: Any, counter: Connection) -> None:
        #: gevent's socket.
        self.below = below
        self._counter = counter

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)

    def recv(self, size: int) -> bytes:
        data: bytes = self.below.recv(size)
        self._counter.received += len(data)
        return data

    def recv_into(self, buffer: Any) -> int:
        size: int = self.below.recv_into(buffer)
        self._counter.received += size
        return size

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            self.below.sendall(view[start : start + PIECE])
            self._counter.sent += len(view[start : start + PIECE])


def slot_of(name: bytes, slots: int) -> int:
    """Return the slot of a channel or a key, of so many slots.

    If there is something between the first ``{`` and the next ``}``, that alone counts.
    """
    slot: int = redis.crc.key_slot(name, slots)
    return slot


def dial(address: Address) -> Any:
    """Return a connected socket.

    Raises:
        OSError: It was not possible.

    Blocks:
        Until it is connected.
    """
    if address.path is not None:
        sock = _connected(socket.AF_UNIX, address.path)
    else:
        sock = _connected_by_name(address.host, address.port)
    try:
        if address.path is None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if address.tls is not None:
            sock = tls_context(address.tls).wrap_socket(
                sock, server_hostname=address.host, do_handshake_on_connect=False
            )
            sock.do_handshake()
    except BaseException:
        sock.close()
        raise
    return sock


def _connected_by_name(host: str, port: int) -> Any:
    """Return a socket that is connected to the first address that answers."""
    error = OSError(f"{host} has no address")
    for found in gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        try:
            return _connected(found[0], found[4])
        except OSError as exc:
            error = exc
    raise error


def _connected(family: int, where: Any) -> Any:
    """Return a connected socket; whatever ends the attempt, it is closed."""
    sock = gevent.socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


def tls_context(tls: Tls) -> Any:
    """Return the context in which TLS is spoken; see ``Tls``."""
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.required and tls.check_hostname
    context.verify_mode = ssl.CERT_REQUIRED if tls.required else ssl.CERT_NONE
    if tls.ca_certs is not None:
        context.load_verify_locations(tls.ca_certs)
    elif tls.required:
        context.load_default_certs()
    if tls.certfile is not None:
        context.load_cert_chain(tls.certfile, tls.keyfile)
    return context
