"""Several workers of one host are one server, whichever of them a request reaches."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gevent
import pytest

from tests.deployment.contract import DeploymentContract
from tests.support.crowd import Crowd
from tests.support.deployed import CERTIFICATE, OUR_WORKER, Deployed, gunicorn, page
from tests.support.http_wire import HttpConnection
from tests.support.nginx import Nginx
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import Closed
from tests.support.waiting import wait_until

ECHO = "tests.deployment.apps.echo:app"
ECHO_SERVER = "tests.deployment.apps.echo:io"
CROWD = "tests.deployment.apps.crowd:app"
TLS = ("--certfile", str(CERTIFICATE), "--keyfile", str(CERTIFICATE))
WEBSOCKET_WORKER = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
THREE = ("-w", "3")
LONG = os.environ.get("SOCKIO_LONG") == "1"
CLIENTS = 2000 if LONG else 30
MANY = ("--worker-connections", "8000")
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
#: Seconds that a crowd may take for what it does.
PATIENCE = 600 if LONG else 60


# ------------------------------------------------------------------ what clients get


class WorkersContract(DeploymentContract):
    """The same, but for what a test can learn only where there is one process."""

    test_the_end_of_a_client_is_noticed = None  # type: ignore[assignment]
    test_a_hang_up_behind_pipelined_bytes_is_noticed = None  # type: ignore[assignment]


class TestGevent(WorkersContract):
    """``gunicorn -k gevent -w 3``."""

    command = gunicorn("gevent", ECHO, *THREE)


class TestGeventUnderTls(WorkersContract):
    """The same, with TLS in the workers: requests are proxied."""

    command = gunicorn("gevent", ECHO, *THREE, *TLS)


class TestGeventPywsgi(WorkersContract):
    """``gunicorn -k gevent_pywsgi -w 3``."""

    command = gunicorn("gevent_pywsgi", ECHO, *THREE)


class TestGeventWebSocketWorker(WorkersContract):
    """The worker class of gevent-websocket."""

    command = gunicorn(WEBSOCKET_WORKER, ECHO, *THREE)
    upgrades_first = True


class TestOurWorker(WorkersContract):
    """``gunicorn -k sockio.integrations.gunicorn.Worker -w 3``."""

    command = gunicorn(OUR_WORKER, ECHO, *THREE)


class TestOurs(WorkersContract):
    """``python -m sockio run -w 3``."""

    command = ("-m", "sockio", "run", ECHO_SERVER, "-w", "3", "-b", "127.0.0.1:0")


@pytest.mark.patience(4 * PATIENCE)
@pytest.mark.parametrize(
    "command",
    [
        gunicorn("gevent", CROWD, *THREE, *MANY),
        gunicorn("gevent", CROWD, *THREE, *MANY, "--preload"),
        gunicorn("gevent", CROWD, *THREE, *MANY, *TLS),
        gunicorn("gevent_pywsgi", CROWD, *THREE, *MANY),
        gunicorn(WEBSOCKET_WORKER, CROWD, *THREE, *MANY),
        gunicorn(OUR_WORKER, CROWD, *THREE, *MANY),
        gunicorn(OUR_WORKER, CROWD, *THREE, *MANY, "--preload", *TLS),
        ("-m", "sockio", "run", CROWD, "-w", "3", "-b", "127.0.0.1:0"),
    ],
    ids=[
        "gevent",
        "preload",
        "TLS",
        "pywsgi",
        "websocket",
        "our worker",
        "our worker, TLS",
        "ours",
    ],
)
def test_all_hear_all_once_and_in_order(command: list[str]) -> None:
    with (
        Deployed(*command) as server,
        Crowd(url(server), CLIENTS, PATIENCE) as crowd,
    ):
        heard = crowd.speak()

        assert heard.connected == crowd.clients
        assert heard.errors == {}
        assert heard.faults == (0, 0, 0)
    server.assert_quiet()


def url(server: Deployed) -> str:
    return f"https://localhost:{server.port}" if server.tls else server.url


@pytest.mark.patience(4 * PATIENCE)
def test_behind_nginx_whose_connections_are_everybodys(tmp_path: Path) -> None:
    command = gunicorn("gevent", CROWD, *THREE, *MANY, "--keep-alive", "75")
    with (
        Deployed(*command) as server,
        Nginx(tmp_path, server.port) as nginx,
        Crowd(nginx.url, CLIENTS, PATIENCE) as crowd,
    ):
        pages = gevent.spawn(ask_for_pages, nginx.port, 60)
        heard = crowd.speak()

        assert heard.errors == {}
        assert heard.faults == (0, 0, 0)
        assert pages.get(timeout=PATIENCE) == ["GET", "POST"] * 60
    server.assert_quiet()
    assert nginx.log == ""


def ask_for_pages(port: int, times: int) -> list[str]:
    """Request pages; return the methods that the application has seen."""
    connection = HttpConnection(("127.0.0.1", port), "localhost")
    seen = []
    for number in range(times):
        for method, body in (("GET", None), ("POST", "x" * 100_000)):
            answer = connection.request(method, f"/{number}", body)
            assert answer.status == 200
            seen.append(answer.text.split()[1])
    connection.close()
    return seen


@pytest.mark.patience(3000 if LONG else 60)
def test_no_descriptor_is_lost_however_often_a_connection_is_given_on() -> None:
    passes = 100_000 if LONG else 1_000
    with Deployed(
        *gunicorn("gevent", CROWD, "-w", "2", "--keep-alive", "75")
    ) as server:
        one, other = sessions_of_two_workers(server)
        connection = server.client().http()
        targets = [one.target(), other.target()]
        for target in targets * 10:
            assert connection.request("POST", target, body="3").text == "ok"
        before = descriptors_of(server)

        for number in range(passes):
            answer = connection.request("POST", targets[number % 2], body="3")
            assert answer.text == "ok"

        # One may be on its way to the other worker, or nobody's any more.
        wait_until(lambda: descriptors_of(server) <= before)


def sessions_of_two_workers(server: Deployed) -> list[PollingSession]:
    """Open sessions until they are in two workers."""
    found: dict[str, PollingSession] = {}
    while len(found) < 2:
        session = server.client().open_session()
        found[session.sid[:4]] = session
    for session in found.values():
        session.post("40")
    return list(found.values())


def descriptors_of(server: Deployed) -> int:
    """Return how many files the workers have open."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in workers_of(server.pid))


# ------------------------------------------------------------------ workers that end


def workers_of(master: int) -> list[int]:
    """Return the process ids of the workers of a master."""
    text = Path(f"/proc/{master}/task/{master}/children").read_text()
    return [int(pid) for pid in text.split()]


@contextmanager
def served(*options: str, workers: int = 3) -> Iterator[tuple[Deployed, Crowd]]:
    """Serve a crowd with gunicorn's gevent workers."""
    with (
        Deployed(
            *gunicorn("gevent", CROWD, "-w", str(workers), *options),
        ) as server,
        Crowd(server.url, 24) as crowd,
    ):
        yield server, crowd


@pytest.mark.patience(60)
@pytest.mark.parametrize("workers", [1, 3])
def test_nobody_is_refused_during_a_reload(workers: int) -> None:
    with served(workers=workers) as (server, crowd):
        before = workers_of(server.pid)

        server.send(signal.SIGHUP)
        wait_until(lambda: not set(before) & set(workers_of(server.pid)))
        wait_until(lambda: crowd.look().connected == crowd.clients)

        heard = crowd.speak()
        assert heard.disconnects >= crowd.clients
        assert heard.refusals == {}
        assert heard.faults == (0, 0, 0)
        server.assert_quiet()


@pytest.mark.patience(60)
def test_the_others_do_not_notice_that_a_worker_is_killed() -> None:
    with served() as (server, crowd):
        clients = crowd.processes()
        lost = min(workers_of(server.pid), key=lambda pid: clients.get(pid, 0))

        os.kill(lost, signal.SIGKILL)
        wait_until(lambda: crowd.answered)

        heard = crowd.speak()
        # A request that the worker had just accepted is lost, whosever it was.
        assert heard.disconnects < crowd.clients
        assert heard.refusals == {}
        assert heard.faults == (0, 0, 0)


@pytest.mark.patience(60)
def test_nobody_waits_for_a_worker_that_is_stopped() -> None:
    with served() as (server, crowd):
        stopped, *others = workers_of(server.pid)
        os.kill(stopped, signal.SIGSTOP)
        try:
            client = server.client()
            seen: set[int] = set()
            while seen != set(others):
                with gevent.Timeout(2):
                    websocket = client.open_socket()
                    websocket.send('420["process"]')
                    seen.add(int(websocket.receive()[4:-1]))
                    websocket.close()
        finally:
            os.kill(stopped, signal.SIGCONT)

        heard = crowd.speak()
        assert heard.connected == crowd.clients
        assert heard.faults == (0, 0, 0)


@pytest.mark.patience(60)
def test_workers_may_be_added_and_taken_away() -> None:
    with served(workers=1) as (server, crowd):
        for count in (2, 3):
            server.send(signal.SIGTTIN)
            wait_until(lambda wanted=count: len(workers_of(server.pid)) == wanted)  # type: ignore[misc]
        while server.log.count("Booting worker") < 3:
            server.read_log_line()

        added = crowd.speak()
        assert added.errors == {}
        assert added.faults == (0, 0, 0)

        before, clients = set(workers_of(server.pid)), crowd.processes()
        server.send(signal.SIGTTOU)
        wait_until(lambda: len(workers_of(server.pid)) == 2)
        [ended] = before - set(workers_of(server.pid))
        wait_until(lambda: crowd.look().disconnects >= clients.get(ended, 0))
        wait_until(lambda: crowd.look().connected == crowd.clients)

        left = crowd.speak()
        assert left.refusals == {}
        assert left.faults == (0, 0, 0)


@pytest.mark.patience(60)
@pytest.mark.parametrize("worker", ["gevent", "gevent_pywsgi", OUR_WORKER])
@pytest.mark.parametrize("adapter", ["", "unix:"])
def test_a_worker_hands_requests_over_until_its_end(
    worker: str, adapter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if adapter:
        monkeypatch.setenv("ADAPTER", f"{adapter}{tmp_path}")
    options = ("-w", "2", "--keep-alive", "75", "--graceful-timeout", "6")
    with Deployed(*gunicorn(worker, CROWD, *options)) as server:
        leaving, other = sessions_of_two_workers(server)
        ending = process_of(leaving)
        connections = [connection_to(server, ending) for _ in range(20)]
        # When its server has closed, the worker waits for this handler.
        leaving.post('42["stay"]')

        os.kill(ending, signal.SIGTERM)
        server.read_log_until(f"{ending} has closed")
        answers = [
            connection.request("POST", other.target(), body="3")
            for connection in connections
        ]

        assert [answer.status for answer in answers] == [200] * len(connections)
        wait_until(lambda: ending not in workers_of(server.pid))
        server.assert_quiet()


def process_of(session: PollingSession) -> int:
    """Return the worker that has a session."""
    session.post('420["process"]')
    while True:
        for packet in session.poll().packets:
            if packet.startswith("430"):
                return int(packet[4:-1])


def connection_to(server: Deployed, worker: int) -> HttpConnection:
    """Return a connection that a worker has accepted, and keeps."""
    while True:
        connection = server.client().http()
        if connection.request("GET", "/").text.split()[0] == str(worker):
            return connection
        connection.close()


@pytest.mark.patience(60)
def test_workers_that_all_end_at_once_refuse_nobody() -> None:
    options = ("--keep-alive", "75", "--graceful-timeout", "60")
    with served(*options) as (server, crowd):
        before = set(workers_of(server.pid))
        # Accepted by one of them; the request comes when the worker ends already.
        connections = [server.client().http() for _ in range(100)]
        page(server, "/")
        statuses = Counter[int]()

        def ask_until_they_have_gone() -> bool:
            if connections:
                connection = connections.pop()
                with suppress(ConnectionError):  # its worker has ended
                    statuses[connection.request("GET", HANDSHAKE).status] += 1
            return not set(workers_of(server.pid)) & before

        # gunicorn starts another one only when one has ended.
        for worker in before:
            os.kill(worker, signal.SIGTERM)
        wait_until(ask_until_they_have_gone, pause=0.1)
        wait_until(lambda: crowd.look().connected == crowd.clients)

        assert statuses.keys() == {200}
        assert crowd.look().refusals == {}
        assert crowd.speak().faults == (0, 0, 0)
        server.assert_quiet()


@pytest.mark.patience(60)
def test_workers_that_are_replaced_after_some_requests() -> None:
    with served("--max-requests", "150") as (server, crowd):
        before = set(workers_of(server.pid))

        while set(workers_of(server.pid)) & before:
            page(server, "/")
        wait_until(lambda: crowd.look().connected == crowd.clients)

        assert crowd.look().refusals == {}
        server.assert_quiet()


def test_one_of_all_runs_what_only_one_may_run() -> None:
    command = gunicorn("gevent", "tests.deployment.apps.clockwork:app", *THREE)
    with Deployed(*command) as server:
        wait_until(lambda: len(workers_of(server.pid)) == 3)
        first = who_ticks(server)
        os.kill(first, signal.SIGKILL)

        second = who_ticks(server)

        assert second != first
        assert second in workers_of(server.pid)


def who_ticks(server: Deployed) -> int:
    """Return the worker that runs the task, when it has been the same for a while."""
    who: list[int] = []
    while True:
        websocket = server.client().open_socket()
        with suppress(Closed):
            while len(who) < 30 or len(set(who[-30:])) > 1:
                who.append(websocket.receive_event()[1])
            return who[-1]


# ------------------------------------------------------------------ who is in a group


def names_of(pid: int) -> set[str]:
    """Return the abstract names of this library's sockets in a process."""
    folder = f"/proc/{pid}/fd"
    links, found = set(), set()
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):  # it was closed meanwhile
            links.add(os.readlink(f"{folder}/{name}"))
    for line in Path("/proc/net/unix").read_text(errors="replace").splitlines():
        inode, _, name = line.partition(" @")[0].split()[6], *line.partition(" @")[1:]
        if f"socket:[{inode}]" in links and name.startswith("sockio/"):
            found.add(name)
    return found


@pytest.mark.parametrize(("workers", "names"), [(1, 0), (2, 2)])
def test_one_worker_opens_nothing(workers: int, names: int) -> None:
    with Deployed(*gunicorn("gevent", ECHO, "-w", str(workers))) as server:
        server.client().open_socket()
        for pid in workers_of(server.pid):
            # Its tag, and that it takes newcomers.
            wait_until(lambda pid=pid: len(names_of(pid)) == names)  # type: ignore[misc]


def test_two_masters_do_not_meet() -> None:
    with (
        Deployed(*gunicorn("gevent", CROWD, "-w", "2")) as one,
        Deployed(*gunicorn("gevent", CROWD, "-w", "2")) as other,
        Crowd(one.url, 6) as crowd,
        Crowd(other.url, 6, speakers=0) as others,
    ):
        sid = one.client().open_session().sid

        assert crowd.speak().faults == (0, 0, 0)
        answer = other.client().request(transport="polling", sid=sid)
        assert (answer.status, answer.text) == (
            400,
            '{"code":1,"message":"Session ID unknown"}',
        )
        assert others.look().errors == {}


def test_a_forged_tag_reaches_nothing() -> None:
    with Deployed(*gunicorn("gevent", CROWD, "-w", "2")) as server:
        sid = server.client().open_session().sid
        for forged in (
            f"AAAA{sid[4:]}",
            f"{sid[:4]}{'A' * 16}",
            f"x~{sid[:4]}",
            "~",
            "%",
        ):
            answer = server.client().request(transport="polling", sid=forged)
            assert (answer.status, answer.text) == (
                400,
                '{"code":1,"message":"Session ID unknown"}',
            )


def test_pages_reach_the_clients_of_all_workers() -> None:
    with Deployed(*gunicorn("gevent", CROWD, *THREE)) as server:
        websockets = [server.client().open_socket() for _ in range(6)]
        connection = server.client().http()

        pages = [connection.request("GET", f"/say?{number}") for number in range(6)]

        assert {page.status for page in pages} == {200}
        for websocket in websockets:
            heard = [websocket.receive_event() for _ in pages]
            assert sorted(heard) == [["said", "page", str(n)] for n in range(6)]


def test_a_connection_with_requests_of_all_kinds() -> None:
    with Deployed(*gunicorn("gevent", CROWD, *THREE, "--keep-alive", "75")) as server:
        sessions = [server.client().open_session() for _ in range(6)]
        connection = server.client().http()
        for session in sessions:
            session.post("40")

        for round in range(3):
            for session in sessions:
                body = f'42{round}["echo",{round}]'
                posted = connection.request("POST", session.target(), body=body)
                assert posted.text == "ok"
                page = connection.request("GET", f"/page/{round}")
                assert page.text.endswith(f"GET /page/{round}")
        for session in sessions:
            packets = session.poll().packets
            assert packets[1:] == [f"43{round}[{round}]" for round in range(3)]
