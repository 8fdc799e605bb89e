from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest

from sockio.engine.quic.port import RETRY, Port
from sockio.errors import ConfigError
from sockio.testing import FakeClock


@pytest.fixture
def port() -> Iterator[Port]:
    """Give a port that this process has."""
    port = Port(("127.0.0.1", 0))
    port.bind()
    yield port
    port.release()


@pytest.fixture
def other(port: Port) -> Iterator[Port]:
    """Give the same port, as another process has it."""
    other = Port(port.address)
    other.bind(patient=True)
    yield other
    other.release()


def test_a_port_is_bound_once() -> None:
    port = Port("127.0.0.1:0")
    assert port.address == ("127.0.0.1", 0)

    port.bind()
    host, number = port.address
    port.bind()

    assert host == "127.0.0.1"
    assert port.address == (host, number) != (host, 0)
    port.release()
    # Whoever binds it next has the same number.
    assert port.address == (host, number)


def test_a_number_alone_is_a_port_of_every_interface() -> None:
    port = Port(0)
    assert port.address == ("::", 0)

    port.bind()

    assert port.address[0] in ("::", "0.0.0.0")
    port.release()


@pytest.mark.parametrize("address", ["unix:/x", "host", -1, ("127.0.0.1", "x")])
def test_what_is_no_address_of_udp(address: object) -> None:
    with pytest.raises(ConfigError):
        Port(address)  # type: ignore[arg-type]


def test_a_port_that_another_program_has(port: Port) -> None:
    with pytest.raises(OSError, match="is in use"):
        Port(port.address).bind()


@pytest.mark.parametrize("patient", [True, False])
def test_an_address_of_another_machine(patient: bool) -> None:
    with pytest.raises(OSError, match="is not an address of this machine"):
        Port(("192.0.2.1", 5000)).bind(patient=patient)


def test_it_is_there_at_once_if_nobody_has_it(port: Port) -> None:
    clock = FakeClock()
    calls: list[int] = []

    port.when_ours(clock, lambda: calls.append(1))

    assert calls == [1]
    assert clock.armed == 0


def test_it_is_taken_when_the_other_process_has_ended(
    port: Port, other: Port, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    calls: list[int] = []
    other.when_ours(clock, lambda: calls.append(1))
    clock.advance(10 * RETRY)
    assert calls == []
    assert other.sock is None

    port.release()
    clock.advance(RETRY)

    assert calls == [1]
    assert other.sock is not None
    assert other.sock.getsockname() == other.address
    assert clock.armed == 0
    assert "another process has the UDP port" in caplog.text
    assert "this process has the UDP port" in caplog.text


def test_who_is_closed_waits_no_more(port: Port, other: Port) -> None:
    clock = FakeClock()
    other.when_ours(clock, lambda: None)

    other.release()

    assert clock.armed == 0


def test_the_port_is_tried_again_whatever_happens(
    other: Port, port: Port, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    calls: list[int] = []
    address = other.address
    other._wanted = ("192.0.2.1", address[1])
    other.when_ours(clock, lambda: calls.append(1))

    clock.advance(RETRY)
    assert "is not an address of this machine" in caplog.text
    other._wanted = address
    port.release()
    clock.advance(RETRY)

    assert calls == [1]
    assert isinstance(other.sock, socket.socket)
