from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

import sockio
from sockio.engine.quic.port import Port
from tests.support.quic_client import QuicClient
from tests.support.quic_served import ALL, CERTIFICATE

ANY = ("127.0.0.1", 0)


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    """Give a server that has not started."""
    io: sockio.Server[Any] = sockio.Server(transports=ALL)
    yield io
    io.close()


def listen(io: sockio.Server[Any], address: tuple[str, int]) -> Any:
    return io.listen_webtransport(address, CERTIFICATE, CERTIFICATE)


def works(address: tuple[str, int]) -> bool:
    """Whether a WebTransport session can be opened there."""
    client = QuicClient(address)
    opened = client.open_session().status == 200
    client.close()
    return opened


def test_a_server_that_nobody_starts_serves_all_the_same(
    io: sockio.Server[Any],
) -> None:
    listening = listen(io, ANY)
    assert not io.reactor.started

    assert works(listening.address)
    assert io.reactor.started


def test_a_server_that_has_started_serves_at_once(io: sockio.Server[Any]) -> None:
    io.start()

    assert works(listen(io, ANY).address)


def test_who_closes_the_port_before_the_start(io: sockio.Server[Any]) -> None:
    listening = listen(io, ANY)

    listening.close()
    gevent.idle()
    assert not io.reactor.started
    io.start()

    with pytest.raises(RuntimeError, match="closed"):
        listening.address  # noqa: B018 - a property that raises


def test_who_closes_the_server_before_the_start(io: sockio.Server[Any]) -> None:
    listen(io, ANY)

    io.close()
    gevent.idle()

    assert not io.reactor.started


def test_a_port_that_another_program_has_is_told_at_once(
    io: sockio.Server[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    be_alone(monkeypatch)
    first = listen(io, ANY)
    other: sockio.Server[Any] = sockio.Server(transports=ALL)

    with pytest.raises(OSError, match="is in use"):
        listen(other, first.address)
    other.close()


def be_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be no worker of gunicorn, whatever other tests have imported."""
    monkeypatch.delitem(sys.modules, "gunicorn.arbiter", raising=False)


def test_a_process_that_meets_others_waits_for_the_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_alone(monkeypatch)
    place = f"unix:{tmp_path / 'x'}"
    one, other = (sockio.Server(transports=ALL, adapter=place) for _ in range(2))
    address = listen(one, ANY).address
    other.start()
    listen(other, address)
    assert works(address)
    one.close()

    assert works(address)

    other.close()


@pytest.fixture
def gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a process of gunicorn, which may fork."""
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)


@pytest.mark.usefixtures("gunicorn")
def test_a_master_that_may_fork_binds_nothing(io: sockio.Server[Any]) -> None:
    other = Port(ANY)
    other.bind()

    listening = listen(io, other.address)
    gevent.idle()
    assert not io.reactor.started
    assert listening.address == other.address
    other.release()
    io.start()

    assert works(listening.address)


@pytest.mark.usefixtures("gunicorn")
def test_a_worker_that_cannot_bind_does_the_rest_of_its_work(
    io: sockio.Server[Any], caplog: pytest.LogCaptureFixture
) -> None:
    listen(io, ("192.0.2.1", 5000))

    io.start()

    assert "WebTransport is not served: 192.0.2.1:5000 is not" in caplog.text
    assert io.reactor.started


def test_the_processes_of_run_bind_the_port_anew(
    io: sockio.Server[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    be_alone(monkeypatch)
    address = listen(io, ANY).address

    with pytest.raises(SystemExit):
        io.run("unix:/no/such/folder/x", workers=2)

    # Nobody was forked: the port is free, and keeps its number.
    other = Port(address)
    other.bind()
    other.release()
    io.start()
    assert works(address)
