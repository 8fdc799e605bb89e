"""QUIC: whatever the network brings, the listener continues and logs no bug."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from aioquic.h3.connection import H3_ALPN
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import sockio
from sockio.engine.quic.listener import Listener
from sockio.runtime.reactor import Reactor
from tests.support.quic_client import QuicClient

CERTIFICATE = str(Path(__file__).parent.parent / "support" / "localhost.pem")
STRANGER = ("192.0.2.1", 4000)

fed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class Errors(logging.Handler):
    """Keeps what was logged as an error, but not what a busy machine holds up."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "sockio.runtime.watchdog":
            self.found.append(self.format(record))


@pytest.fixture(scope="module")
def errors() -> Iterator[Errors]:
    errors = Errors()
    logging.getLogger("sockio").addHandler(errors)
    yield errors
    logging.getLogger("sockio").removeHandler(errors)


def first_datagram() -> bytes:
    """Return the first datagram of a client."""
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE, server_name="localhost"
    )
    client = QuicConnection(configuration=configuration)
    client.connect(STRANGER, now=0.0)
    data: bytes = client.datagrams_to_send(now=0.0)[0][0]
    return data


def listener() -> Listener:
    """Return a listener without a socket: what it sends is lost."""
    reactor = Reactor()
    reactor.start()
    return Listener(
        ("127.0.0.1", 0),
        reactor,
        certfile=CERTIFICATE,
        keyfile=CERTIFICATE,
        on_session=lambda session: None,
        idle_timeout=1.0,
        session_timeout=1.0,
    )


def feed(data: bytes) -> int:
    """Give a listener a datagram and let it work; return its number of connections."""
    port = listener()
    port._receive(data, STRANGER)
    connections = port.connections
    gevent.idle()
    port.close()
    gevent.idle()
    return connections


@fed
@given(st.binary(max_size=1500))
@example(b"")
@example(b"\xc0\x00\x00\x00\x01\x08" + bytes(1300))
def test_any_datagram_is_survived(errors: Errors, data: bytes) -> None:
    feed(data)

    assert not errors.found


@fed
@given(
    st.lists(st.tuples(st.integers(0, 1199), st.integers(0, 255)), max_size=8),
    st.integers(0, 1500),
)
def test_a_damaged_first_datagram_is_survived(
    errors: Errors, changes: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(first_datagram())
    for index, value in changes:
        data[index] = value

    feed(bytes(data[:length]))

    assert not errors.found


def test_a_short_first_datagram_makes_no_connection() -> None:
    data = first_datagram()

    assert feed(data[:1199]) == 0
    assert feed(data) == 1


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[sockio.Server, tuple[str, int]]]:
    io = sockio.Server(transports=["webtransport"], slow_handler=None)
    listening = io.listen_webtransport(("127.0.0.1", 0), CERTIFICATE, CERTIFICATE)
    yield io, listening.address
    io.close()


#: A stream: one-way or not, the first bytes of its kind, what follows, whether it ends.
streams = st.tuples(
    st.booleans(),
    st.sampled_from(
        [b"", b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x40\x41\x00"]
    ),
    st.binary(max_size=300),
    st.booleans(),
)


@fed
@given(st.lists(streams, min_size=1, max_size=6))
@example([(False, b"\x40\x41\x00", b"\x00", False)])
def test_any_bytes_in_streams_are_survived(
    server: tuple[sockio.Server, tuple[str, int]],
    errors: Errors,
    what: list[tuple[bool, bytes, bytes, bool]],
) -> None:
    _, address = server
    client = QuicClient(address)
    client.open_session()

    for one_way, kind, data, last in what:
        stream_id = client.quic.get_next_available_stream_id(one_way)
        client.quic.send_stream_data(stream_id, kind + data, last)
    client.transmit()
    gevent.idle()
    client.close()

    survivor = QuicClient(address)
    survivor.open_session().handshake()
    survivor.close()
    assert not errors.found
