from __future__ import annotations

import signal
import socket
import subprocess
import sys
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

import sockio
from sockio.socket.server.workers import (
    check_count,
    exiting,
    say_where,
    scheme_of,
    serve_together,
)
from tests.support.deployed import ROOT
from tests.support.http_wire import Wire


@pytest.mark.parametrize("count", [1, 4, 1000])
def test_a_number_of_processes(count: int) -> None:
    assert check_count(count) == count


@pytest.mark.parametrize("count", [0, -1, 1001, 2.0, "2", True, None])
def test_what_is_none(count: object) -> None:
    with pytest.raises(sockio.ConfigError, match=r"workers=.*1 or more"):
        check_count(count)


def test_the_scheme_is_that_of_the_options() -> None:
    assert scheme_of({}) == scheme_of({"backlog": 5}) == "http"
    assert scheme_of({"certfile": "x"}) == scheme_of({"ssl_context": None}) == "https"


@pytest.mark.parametrize(
    ("address", "count", "told"),
    [
        (("127.0.0.1", 3000), 1, "http://127.0.0.1:3000"),
        (("::1", 3000), 1, "http://[::1]:3000"),
        (("0.0.0.0", 80), 1, "http://localhost:80, on all interfaces"),
        (("::", 80), 4, "http://localhost:80, on all interfaces, with 4 workers"),
        ("unix:/run/x", 2, "unix:/run/x, with 2 workers"),
    ],
)
def test_where_it_serves(
    capsys: pytest.CaptureFixture[str], address: Any, count: int, told: str
) -> None:
    say_where(address, "http", count)

    assert capsys.readouterr().err.endswith(f" serves on {told}\n")


def test_it_is_said_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    # As with PYTHONUNBUFFERED, where each piece would be a write of its own.
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    unbuffered = TextIOWrapper(
        FileIO(writing.detach(), "wb"), encoding="utf-8", write_through=True
    )
    monkeypatch.setattr(sys, "stderr", unbuffered)

    say_where("unix:/run/x", "http", 2)
    unbuffered.close()

    with reading:
        assert reading.recv(1000).endswith(b" serves on unix:/run/x, with 2 workers\n")


def test_who_cannot_listen_exits_with_a_sentence() -> None:
    with pytest.raises(SystemExit, match=r"listen: Address already used"), exiting():
        raise OSError(98, "Address already used")


def test_an_address_that_is_taken_starts_nobody() -> None:
    def make() -> Any:
        raise AssertionError("nobody is to be started")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        with pytest.raises(SystemExit, match="cannot listen"):
            serve_together(address, 2, make)


def test_who_has_started_to_serve_makes_no_workers() -> None:
    io: sockio.Server[Any] = sockio.Server()
    io.start()

    with pytest.raises(sockio.ConfigError, match=r"call run\(\) before start\(\)"):
        io.run(("127.0.0.1", 0), workers=2)

    io.close()


# ------------------------------------------------------------------ whole programs

PROGRAM = """
import os, sys
import sockio
from sockio.socket.server.workers import serve_together

class Worker:
    def run_as_worker(self, listening, group, on_ready, **options):
        {body}

serve_together({address!r}, 2, Worker, **{options!r})
"""


def run(
    body: str, address: Any = ("127.0.0.1", 0), **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program whose two workers do that, until it ends."""
    program = PROGRAM.format(body=body, address=address, options=options)
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_gets_the_socket_the_group_and_the_options(tmp_path: Path) -> None:
    socket_file = tmp_path / "s"
    body = (
        "on_ready(); told = (listening.address, listening.processes, len(group), "
        "sorted(options), os.path.exists(listening.path)); listening.close(); "
        "os.write(1, ' '.join(map(str, told)).encode() + b'\\n'); "
        "os.kill(os.getppid(), 15); import signal; signal.pause()"
    )

    ended = run(body, f"unix:{socket_file}", backlog=5)

    assert ended.returncode == 0
    assert f"unix:{socket_file} 2 24 ['backlog'] True" in ended.stdout
    assert f"serves on unix:{socket_file}, with 2 workers" in ended.stderr
    # A worker that closes it leaves the file, which is the parent's.
    assert not socket_file.exists()


def test_the_exit_code_is_that_of_a_worker_that_cannot_serve() -> None:
    ended = run("sys.exit(7)")

    assert ended.returncode == 7


def test_workers_are_one_server(tmp_path: Path) -> None:
    socket_file = tmp_path / "s"
    program = (
        f"import sockio; io = sockio.Server(); io.run('unix:{socket_file}', workers=2)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "with 2 workers" in process.stderr.readline()
        try:
            assert handshakes(str(socket_file)) > 0
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert not socket_file.exists()


def handshakes(path: str) -> int:
    """Open sessions, each on a connection of its own; poll each on another one."""
    sids = []
    for _ in range(10):
        sids.append(ask(path, "EIO=4&transport=polling").partition('sid":"')[2][:20])
    for sid in sids:
        body = ask(path, f"EIO=4&transport=polling&sid={sid}", "40")
        assert body.endswith("\r\n\r\nok"), body
    return len({sid[:4] for sid in sids})


def ask(path: str, query: str, body: str = "") -> str:
    wire = Wire(path)
    method = "POST" if body else "GET"
    wire.send(
        f"{method} /socket.io/?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    text = wire.take_rest(float("inf")).decode()
    wire.close()
    return text
