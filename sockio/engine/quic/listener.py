"""UDP socket; datagrams to connections by id.

The hub reads; each datagram goes to the inbox of its connection, or makes a new one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

from aioquic.buffer import Buffer  # type: ignore[attr-defined]
from aioquic.h3.connection import H3_ALPN
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import (
    QuicHeader,
    QuicPacketType,
    encode_quic_retry,
    encode_quic_version_negotiation,
    pull_quic_header,
)

from sockio.errors import ConfigError
from sockio.httpd.listening_socket import Address
from sockio.runtime import logs
from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import QUIC_REFUSED

from . import streams
from .connection import Peer
from .port import Port
from .retry import RetryTokens
from .sessions import Session

log = logs.get("engine.quic")

#: Connections at a time; what a process in Python can serve is below that.
MAX_CONNECTIONS = 10_000
#: While this many handshakes are under way, new clients must prove their address first.
RETRY_ABOVE = 64
#: Datagrams received in one pass of the loop.
BURST = 64
#: The first datagram of a client is at least that long (RFC 9000, 14.1).
MIN_INITIAL = 1200
_MAX_DATAGRAM = 65536
_READ = 1


class Listener:
    """A UDP port on which WebTransport sessions arrive."""

    def __init__(
        self,
        address: Address,
        reactor: Reactor,
        *,
        certfile: str,
        keyfile: str,
        on_session: Callable[[Session], object],
        idle_timeout: float,
        session_timeout: float,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        """Read the certificate; ``bind`` and ``serve`` do the rest.

        Args:
            address: The interface and the port.
            reactor: Clock and loop of the server.
            certfile: The certificate, and those between it and its root, in PEM.
            keyfile: Its private key, in PEM.
            on_session: Called in a connection's greenlet with each session that a
                client asks for; it must not block.
            idle_timeout: Seconds of silence after which a connection is dead.
            session_timeout: Seconds that a connection may be without a session.
            max_connections: Further connections are not answered.

        Raises:
            ConfigError: It is no address, or the files hold no certificate or key.
            OSError: The files cannot be read.
        """
        self._port = Port(address)
        self._reactor = reactor
        self._on_session = on_session
        self._session_timeout = session_timeout
        self._max_connections = max_connections
        self._configuration = QuicConfiguration(
            is_client=False,
            alpn_protocols=H3_ALPN,
            idle_timeout=idle_timeout,
            max_datagram_frame_size=_MAX_DATAGRAM,
        )
        try:
            self._configuration.load_cert_chain(certfile, keyfile)
        except (ValueError, IndexError) as exc:
            raise ConfigError(
                f"{certfile} and {keyfile} are not a certificate and its private key "
                "without a password, both in PEM"
            ) from exc
        self._retry = RetryTokens()
        #: Whether it serves no more.
        self.closed = False
        self._watcher: Any = None
        #: Connections by each of their ids.
        self._by_id: dict[bytes, Peer] = {}
        self._peers: set[Peer] = set()
        #: Those of them that were not established when last checked.
        self._handshaking: set[Peer] = set()
        #: While it closes: set when no connection is left.
        self._empty: Latch[None] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The interface and the port."""
        if self.closed:
            raise RuntimeError("the listener is closed")
        return self._port.address

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._peers)

    def bind(self, *, patient: bool = False) -> None:
        """Take the port; what arrives waits for ``serve``.

        Args:
            patient: Whether it does no harm if another process has it.

        Raises:
            OSError: It cannot be bound.
        """
        self._port.bind(patient=patient)

    def release(self) -> None:
        """Let another process bind the port, before ``serve``."""
        self._port.release()

    def serve(self) -> None:
        """Serve in the current hub: now, or once this process has the port."""
        if not self.closed:
            self._port.when_ours(self._reactor.clock, self._watch)

    def _watch(self) -> None:
        assert self._port.sock is not None
        loop = self._reactor.workers.loop
        self._watcher = loop.io(self._port.sock.fileno(), _READ)
        self._watcher.start(self._on_readable)

    def close(self, timeout: float | None = None) -> None:
        """Close every connection, then the port.

        Args:
            timeout: Seconds that clients get to acknowledge the end of their sessions;
                at most one, whatever is given.

        Blocks:
            Until they have.
        """
        if self._empty is None:
            self._empty = self._reactor.latch()
            for peer in list(self._peers):
                peer.leave()
            if not self._peers:
                self._empty.set(None)
        with contextlib.suppress(TimeoutError):
            self._empty.wait(timeout)
        for peer in list(self._peers):
            peer.end()
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
        self.closed = True
        self._port.release()

    # ------------------------------------------------------------------ datagrams

    def _on_readable(self) -> None:
        for _ in range(BURST):
            sock = self._port.sock
            if sock is None:
                return
            try:
                data, address = sock.recvfrom(_MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:  # a datagram that was sent did not arrive
                log.debug("receiving failed: %s", exc)
                continue
            try:
                self._receive(data, address)
            except Exception:
                # A boundary: anybody may send anything, and the port must keep working.
                log.exception("a datagram could not be handled")

    def _send(self, data: bytes, address: Any) -> None:
        if self._port.sock is None:
            return
        try:
            self._port.sock.sendto(data, address)
        except OSError as exc:
            # The kernel's buffer is full, or there is no way to the peer. It is as if
            # the network had lost the datagram: QUIC sends it again.
            log.debug("a datagram was lost: %s", exc)

    def _receive(self, data: bytes, address: Any) -> None:
        try:
            header = pull_quic_header(
                Buffer(data=data),
                host_cid_length=self._configuration.connection_id_length,
            )
        except ValueError:
            return
        peer = self._by_id.get(header.destination_cid)
        if peer is None and len(data) >= MIN_INITIAL:
            peer = self._welcome(header, address)
        if peer is not None:
            peer.receive(data, address)

    # ------------------------------------------------------------------ connections

    def _welcome(self, header: QuicHeader, address: Any) -> Peer | None:
        """Make a connection for somebody's first datagram, or answer it otherwise."""
        if header.packet_type == QuicPacketType.VERSION_NEGOTIATION:
            return None
        if header.version is None:  # for a connection that is long over
            return None
        if header.version not in self._configuration.supported_versions:
            versions = list(self._configuration.supported_versions)
            answer = encode_quic_version_negotiation(
                source_cid=header.destination_cid,
                destination_cid=header.source_cid,
                supported_versions=versions,
            )
            self._send(answer, address)
            return None
        if header.packet_type != QuicPacketType.INITIAL:
            return None
        if self._empty is not None:
            return None
        if len(self._peers) >= self._max_connections:
            self._tell_full(address)
            return None
        if header.token:
            original = self._retry.redeem(
                address, self._reactor.clock.now(), header.token, header.destination_cid
            )
            if original is not None:
                return self._connect(header, original, header.destination_cid)
        self._handshaking = {one for one in self._handshaking if not one.established}
        if len(self._handshaking) >= RETRY_ABOVE:
            self._ask_again(header, address)
            return None
        return self._connect(header, header.destination_cid, None)

    def _tell_full(self, address: Any) -> None:
        cause, count = QUIC_REFUSED, len(self._peers)
        level = cause.level_now(log, self._reactor.repeats)
        extra = cause.fields(address=address[0])
        log.log(
            level, "refused: there are %d connections; %s", count, cause, extra=extra
        )

    def _ask_again(self, header: QuicHeader, address: Any) -> None:
        """Make the client come back with a token that only reaches its own address."""
        own_id = os.urandom(self._configuration.connection_id_length)
        token = self._retry.issue(
            address, self._reactor.clock.now(), header.destination_cid, own_id
        )
        assert header.version is not None
        answer = encode_quic_retry(
            version=header.version,
            source_cid=own_id,
            destination_cid=header.source_cid,
            original_destination_cid=header.destination_cid,
            retry_token=token,
        )
        self._send(answer, address)

    def _connect(
        self, header: QuicHeader, original_id: bytes, retry_id: bytes | None
    ) -> Peer:
        quic = streams.Connection(
            configuration=self._configuration,
            original_destination_connection_id=original_id,
            retry_source_connection_id=retry_id,
        )
        peer = Peer(
            quic,
            self._reactor,
            send=self._send,
            on_session=self._on_session,
            on_id=self._on_id,
            on_end=self._on_end,
            idle_timeout=self._session_timeout,
        )
        self._peers.add(peer)
        self._handshaking.add(peer)
        for connection_id in (header.destination_cid, quic.host_cid):
            self._on_id(peer, connection_id, True)
        return peer

    def _on_id(self, peer: Peer, connection_id: bytes, valid: bool) -> None:
        if valid:
            peer.ids.add(connection_id)
            self._by_id[connection_id] = peer
        else:
            peer.ids.discard(connection_id)
            self._by_id.pop(connection_id, None)

    def _on_end(self, peer: Peer) -> None:
        self._peers.discard(peer)
        self._handshaking.discard(peer)
        for connection_id in peer.ids:
            self._by_id.pop(connection_id, None)
        if self._empty is not None and not self._peers:
            self._empty.set(None)
