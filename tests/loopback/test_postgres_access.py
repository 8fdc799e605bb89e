"""Who may use a PostgreSQL, on which of several hosts, and what is none."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from gevent.server import StreamServer

from sockio.testing import FakeClock
from tests.support.broker_pair import BrokerPair
from tests.support.postgres import Postgres
from tests.support.raw_client import CERTIFICATE
from tests.support.waiting import wait_until

from .conftest import Serve

PASSWORD = "s3cret & more"


@pytest.fixture
def guarded(postgres_server: Postgres) -> str:
    """Give the host and the database, where the role ``ann`` needs a password."""
    if "ann" not in postgres_server.sql("SELECT rolname FROM pg_roles").split():
        postgres_server.sql(f"CREATE ROLE ann LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    return postgres_server.url.partition("@")[2] + "?prefix=access"


def test_the_password_of_the_url_the_environment_or_a_file(
    serve: Serve, guarded: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:ann:{PASSWORD}\n")
    file.chmod(0o600)
    urls = [
        f"postgresql://ann:s3cret%20%26%20more@{guarded}",
        f"postgres://ann@{guarded}&passfile={file}",
        f"postgresql://ann@{guarded}",
    ]
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    servers = [serve(adapter=url) for url in urls]
    for served in servers:
        served.io.start()

    wait_until(lambda: servers[0].io.sockets.adapter.server_count() == 3)


@pytest.mark.parametrize("password", ["", ":wr0ng"])
def test_a_wrong_password_is_said_and_not_shown(
    serve: Serve,
    guarded: str,
    password: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pair = BrokerPair(serve, f"postgresql://ann{password}@{guarded}")

    wait_until(lambda: "no connection to 127.0.0.1" in caplog.text)
    pair.local(1)

    assert not pair.buses[0].up
    assert "password" in caplog.text
    assert "wr0ng" not in caplog.text + repr(pair.buses[0])


def test_over_tls(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with Postgres(tcp=True, tls=CERTIFICATE) as server:
        url = f"{server.url}?sslmode=verify-ca&sslrootcert={CERTIFICATE}"
        pair = BrokerPair(serve, url)
        pair.wait_up()
        pair.first.io.emit("n", b"x" * 100_000)
        for client in (pair.here, pair.there):
            assert str(client.receive_message()).startswith("451-")
            assert client.receive_message() == b"x" * 100_000

        distrusting = serve(adapter=f"{server.url}?sslmode=verify-full&sslrootcert=")
        distrusting.io.start()
        wait_until(lambda: "certificate" in caplog.text)
        for served in [*pair.servers, distrusting]:
            served.io.close()


def test_the_host_that_answers_is_taken(
    serve: Serve, postgres_server: Postgres
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and it does not listen
        port = nobody.getsockname()[1]
        url = postgres_server.url.replace("@", f"@127.0.0.1:{port},")
        pair = BrokerPair(serve, f"{url}?prefix=hosts")
        pair.wait_two()


def test_through_a_unix_socket(serve: Serve, postgres_server: Postgres) -> None:
    where = f"host={postgres_server.folder}&port={postgres_server.port}"
    pair = BrokerPair(serve, f"postgresql://postgres@/postgres?{where}&prefix=unix")
    pair.wait_two()
    pair.local(1)
    assert pair.there.receive_event() == ["n", 1]


def test_what_is_no_postgresql(
    serve: Serve, caplog: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    def answer(sock: Any, address: Any) -> None:
        sock.sendall(b"xyz" * 1000)
        sock.recv(1)

    server = StreamServer(("127.0.0.1", 0), answer)
    server.start()
    url = f"postgresql://ann@127.0.0.1:{server.server_port}"
    pair = BrokerPair(serve, url, (clock, clock))

    wait_until(lambda: "no connection to" in caplog.text)
    pair.local(1)
    server.stop()
    assert not [r for r in caplog.records if r.levelname == "ERROR"]
