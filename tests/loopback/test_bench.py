"""``python -m sockio bench``, in the process of the server that it loads."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import gevent.subprocess
import pytest
from gevent.event import Event

import sockio
from sockio.__main__ import main
from tests.support.deployed import ROOT
from tests.support.loopback import Kind, Loopback
from tests.support.ports import free_port
from tests.support.raw_client import CERTIFICATE
from tests.support.waiting import wait_until

#: The exit code, and what was measured.
Bench: TypeAlias = Callable[..., tuple[int, Any]]
SHORT = ("--duration", "0.2", "--clients", "3")


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    """Give a server that adds, passes on, and keeps silent."""
    io: sockio.Server[Any] = sockio.Server()

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.on("add", lambda a, b: a + b)
        socket.on("say", lambda said: socket.broadcast.emit("said", {"text": [said]}))
        socket.on("tell", lambda said: io.emit("said", said))
        socket.on("silent", lambda *, ack: None)
        socket.on("out", lambda *, ack: socket.disconnect())
        socket.on("cut", lambda *, ack: socket.conn.close())

    yield io
    io.close()


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    """Give a function that loads an application; it returns the code and the JSON."""
    running: list[Loopback] = []

    def start(app: Any, *arguments: str, kind: Kind = "sockio") -> tuple[int, Any]:
        url = app
        if not isinstance(app, str):
            running.append(Loopback(app, kind))
            url = running[-1].url.replace("127.0.0.1", "localhost")
        code = 0
        try:
            main(["bench", url, *SHORT, "--json", *arguments])
        except SystemExit as exc:
            code = int(exc.code or 0)
        out, err = capsys.readouterr()
        assert err == ""
        return code, json.loads(out)

    yield start
    for loopback in running:
        loopback.close()


@pytest.mark.parametrize(
    ("transport", "over"),
    [
        ("polling", "polling"),
        ("websocket", "websocket"),
        ("polling,websocket", "websocket"),
    ],
)
@pytest.mark.parametrize("event", [("--event", "add 1 2"), ()], ids=["event", "ping"])
def test_answers(
    bench: Bench,
    io: sockio.Server[Any],
    transport: str,
    over: str,
    event: tuple[str, ...],
) -> None:
    code, found = bench(io, "--transport", transport, *event)

    assert (code, found["errors"]) == (0, {})
    assert found["clients"]["connected"] == 3
    assert found["clients"]["transports"] == {over: 3}
    assert found["sent"] == found["owed"] == found["answered"] > 3
    spread = found["answering"]
    assert 0 < spread["p50"] <= spread["p90"] <= spread["p99"] <= spread["max"]
    assert found["connecting"]["max"] > 0
    assert found["bytes"]["sent"] > 0
    assert found["bytes"]["received"] > 0
    assert found["late"] is None
    assert not found["interrupted"]
    wait_until(lambda: io.engine.clients_count == 0)


def test_a_rate(bench: Bench, io: sockio.Server[Any]) -> None:
    _, found = bench(io, "--event", "add 1 2", "--rate", "100", "--duration", "0.3")

    # What a busy machine has not sent in time is told.
    unsent = found["errors"].get("not sent: in time", 0)
    assert found["sent"] + unsent == 30
    assert found["answered"] == found["sent"]
    assert found["late"]["max"] > 0


def test_a_server_that_stalls_does_not_stop_the_clock(
    bench: Bench, io: sockio.Server[Any]
) -> None:
    stalls = [Event()]

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("ask")
        def ask() -> bool:
            return bool(stalls and stalls.pop().wait(0.3))

    arguments = ("--rate", "50", "--duration", "0.4", "--clients", "1")
    _, found = bench(io, "--event", "ask", *arguments)

    # What was due meanwhile was sent, and is timed from when it was due.
    assert found["sent"] + found["errors"].get("not sent: in time", 0) == 20
    assert found["answered"] == found["sent"]
    assert found["answering"]["max"] > 0.3
    assert found["answering"]["mean"] > 0.05


@pytest.mark.parametrize("event", ["say", "tell"])
def test_what_the_others_hear(bench: Bench, io: sockio.Server[Any], event: str) -> None:
    arguments = ("--event", f"{event} %token", "--heard", "said", "--rate", "100")

    _, found = bench(io, *arguments)

    found["errors"].pop("not sent: in time", None)
    assert found["errors"] == {}
    assert found["owed"] == 2 * found["sent"] > 0
    assert found["answered"] == found["owed"]


def test_namespaces_auth_and_tls(bench: Bench) -> None:
    io: sockio.Server[Any] = sockio.Server(path="/chat", parser="msgpack")
    asked: list[object] = []
    for name in ("/a", "/b"):
        io.of(name).on(
            "connection",
            lambda socket: socket.on("ask", lambda: asked.append(socket.nsp.name)),
        )
        io.of(name).use(lambda socket: asked.append(socket.handshake.auth))

    arguments = ("-n", "/a", "-n", "/b", "--auth", '{"k": 1}', "--event", "ask")
    more = ("--path", "/chat", "--parser", "msgpack", "--cafile", str(CERTIFICATE))
    code, found = bench(io, *arguments, *more, kind="tls")

    assert (code, found["errors"]) == (0, {})
    assert asked[:6] == [{"k": 1}] * 6
    assert set(map(str, asked[6:])) == {"/a", "/b"}


# ------------------------------------------------------------------ what fails


def test_clients_that_are_refused(bench: Bench) -> None:
    io: sockio.Server[Any] = sockio.Server()

    @io.use
    def refuse(socket: sockio.Socket[Any]) -> None:
        raise sockio.ConnectError("who are you?")

    code, found = bench(io)

    assert code == 1
    assert found["errors"] == {"/ refuses: who are you?": 3}
    assert found["clients"]["connected"] == found["sent"] == 0


def test_nobody_is_there(bench: Bench) -> None:
    code, found = bench(f"http://127.0.0.1:{free_port()}")

    assert code == 1
    assert sum(found["errors"].values()) == 3
    assert next(iter(found["errors"])).startswith("not connected: ")


def test_nothing_is_answered(bench: Bench, io: sockio.Server[Any]) -> None:
    code, found = bench(io, "--event", "silent", "--timeout", "0.5")

    assert code == 1
    assert found["errors"] == {"no answer within 0.5 s": found["sent"]}
    assert found["answered"] == 0


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("out", "/: io server disconnect"),
        ("cut", "the connection has ended: the server has closed with code 1005"),
    ],
)
def test_connections_that_end(
    bench: Bench, io: sockio.Server[Any], event: str, why: str
) -> None:
    code, found = bench(io, "--event", event, "--rate", "30", "--duration", "0.3")

    errors = found["errors"]
    assert code == 1
    assert errors[why] == 3
    assert errors["not answered: its connection has ended"] == found["sent"]


def test_what_a_lost_client_does_not_send_is_told(
    bench: Bench, io: sockio.Server[Any]
) -> None:
    lost: list[object] = []

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("ask")
        def ask() -> int:
            if not lost:
                lost.append(socket)
                socket.disconnect(close=True)
            return 1

    arguments = ("--event", "ask", "--rate", "90", "--duration", "0.5")
    code, found = bench(io, *arguments)

    errors = found["errors"]
    unsent = sum(count for why, count in errors.items() if why.startswith("not sent"))
    assert code == 1
    assert errors["not sent: its connection has ended"] > 0
    # Of 45 events, none is forgotten.
    assert found["sent"] + unsent == 45
    assert (
        found["sent"]
        == found["answered"] + errors["not answered: its connection has ended"]
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--clients", "0"], "--clients 0: give a number from 1 to 100000"),
        (["--duration", "0"], "--duration 0: give a number of seconds above 0"),
        (["--rate", "-1"], "--rate -1: give a number of events a second above 0"),
        (["--rate", "nan"], "--rate nan: give a number"),
        (["--event", ""], "--event '': give the name of an event"),
        (["--event", "connect"], "--event 'connect': give the name of an event"),
        (["--event", 'a {"b"'], "this is no JSON"),
        (["--heard", "said"], "--heard needs --event with %token"),
        (["--heard", "said", "--event", "say"], "--heard needs --event with %token"),
        (["--heard", "a", "--event", "b %token", "--clients", "1"], "2 or more"),
        (["-n", "a"], "the name of a namespace begins with a slash"),
        (["--transport", "carrier"], "give polling, websocket or polling,websocket"),
        (["--timeout", "0"], "--timeout: give a number of seconds above 0"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bench", "127.0.0.1:1", *arguments])

    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_more_clients_than_the_system_allows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 100_064:
        with pytest.raises(SystemExit):
            main(["bench", "127.0.0.1:1", "--clients", "100000"])
        assert "ulimit -n 100064" in capsys.readouterr().err


def test_figures_for_people(
    io: sockio.Server[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    loopback = Loopback(io)

    main(["bench", loopback.url, *SHORT, "--event", "add 1 2"])
    loopback.close()

    out, err = capsys.readouterr()
    assert err == ""
    told = [line[:12].strip() for line in out.splitlines()]
    assert told[:6] == ["connected", "connecting", "answers", "", "bytes", "errors"]
    assert "3 of 3 clients in " in out
    assert "errors      0\n" in out


def test_ctrl_c_tells_what_was_measured(io: sockio.Server[Any]) -> None:
    loopback = Loopback(io)
    asked: list[object] = []
    io.on("connection", lambda socket: socket.on("ask", lambda: asked.append(0)))
    arguments = ["--json", "--duration", "600", "--event", "ask", "--clients", "2"]
    program = gevent.subprocess.Popen(
        [sys.executable, "-m", "sockio", "bench", loopback.url, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=gevent.subprocess.PIPE,
        stdout=gevent.subprocess.PIPE,
    )
    wait_until(lambda: len(asked) > 10)

    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=60)
    loopback.close()

    assert (program.returncode, err) == (130, b"")
    found = json.loads(out)
    assert found["interrupted"]
    assert found["errors"] == {}
    assert found["answered"] > 5
    assert 0 < found["seconds"] < 600
