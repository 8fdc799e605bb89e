from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

import sockio
from sockio.adapters.cluster.cluster import Cluster
from sockio.adapters.memory import MemoryAdapter
from sockio.socket.server.group import Group
from sockio.testing import FakeClock


class Server:
    """A server with a group of its own."""

    def __init__(self, path: str = "/socket.io", **options: Any) -> None:
        self.clock = FakeClock()
        self.io: sockio.Server[Any] = sockio.Server(
            path=path, clock=self.clock, **options
        )
        lifecycle = self.io._lifecycle
        self.group: Group = lifecycle._group
        self.io.start()

    def start(self, worker: Any) -> Server:
        """Start as the worker of gunicorn that ``worker`` is."""
        self.group.start(self.io.engine, worker)
        return self

    @property
    def name(self) -> str:
        """The name of its group."""
        return self.group._name

    def others(self) -> list[str]:
        siblings = self.group._siblings
        return [] if siblings is None else siblings.others

    @property
    def tag(self) -> str:
        return self.io.engine.ids.tag


@pytest.fixture
def make() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def make(*args: Any, **options: Any) -> Server:
        servers.append(Server(*args, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.io.close()
    for server in servers:
        server.clock.settle()


@pytest.fixture
def listen() -> Iterator[Callable[..., socket.socket]]:
    listening: list[socket.socket] = []

    def listen(port: int = 0) -> socket.socket:
        listening.append(socket.create_server(("127.0.0.1", port), reuse_port=True))
        return listening[-1]

    yield listen
    for sock in listening:
        sock.close()


def worker(
    *sockets: socket.socket, workers: int = 2, reuse_port: bool = False, ppid: int = 0
) -> Any:
    cfg = SimpleNamespace(workers=workers, reuse_port=reuse_port)
    return SimpleNamespace(cfg=cfg, sockets=list(sockets), ppid=ppid, alive=True)


def same_place(group: Group, ordinal: int = 1) -> None:
    """Make it the one that the module makes, in each of several processes."""
    group._ordinal = ordinal


# ------------------------------------------------------------------ names


def test_workers_with_the_same_sockets_meet(
    make: Callable[..., Server], listen: Callable[..., socket.socket]
) -> None:
    sockets = [listen(), listen()]
    with socket.fromfd(sockets[0].fileno(), socket.AF_INET, socket.SOCK_STREAM) as copy:
        one, other = make(), make()
        for server in (one, other):
            same_place(server.group)

        one.start(worker(*sockets))
        # Another process has other descriptors, in another order.
        other.start(worker(sockets[1], copy))

    assert one.name == other.name
    assert one.others() == [other.tag]
    assert other.others() == [one.tag]


def test_workers_of_another_master_do_not_meet_them(
    make: Callable[..., Server], listen: Callable[..., socket.socket]
) -> None:
    first = listen()
    one, other = make(), make()
    for server in (one, other):
        same_place(server.group)

    one.start(worker(first))
    other.start(worker(listen()))

    assert one.name != other.name
    assert one.others() == other.others() == []


def test_a_socket_of_the_past_is_another_one(
    listen: Callable[..., socket.socket], make: Callable[..., Server]
) -> None:
    names = set()
    for _ in range(20):  # numbers of files are used again
        sock = listen()
        server = make()
        same_place(server.group)
        names.add(server.start(worker(sock)).name)
        sock.close()

    assert len(names) == 20


@pytest.mark.parametrize(
    ("paths", "ordinals"), [(("/a", "/b"), (1, 1)), (("/a", "/a"), (1, 2))]
)
def test_two_servers_of_a_process_are_two_groups(
    make: Callable[..., Server],
    listen: Callable[..., socket.socket],
    paths: tuple[str, str],
    ordinals: tuple[int, int],
) -> None:
    sock = listen()
    servers = [make(path) for path in paths]
    for server, ordinal in zip(servers, ordinals, strict=True):
        same_place(server.group, ordinal)
        server.start(worker(sock))

    assert servers[0].name != servers[1].name


def test_servers_are_counted_for_each_path() -> None:
    def ordinals(path: str) -> list[int]:
        servers = [sockio.Server(path=path) for _ in range(3)]
        return [server._lifecycle._group._ordinal for server in servers]

    first, others = ordinals("/counted"), ordinals("/counted-too")

    assert first == others == [1, 2, 3]
    assert ordinals("/counted") == [4, 5, 6]


def test_with_sockets_of_their_own_workers_meet_by_address(
    make: Callable[..., Server], listen: Callable[..., socket.socket]
) -> None:
    first = listen()
    second, third = listen(first.getsockname()[1]), listen()
    names = []
    for sock in (first, second, third):
        server = make()
        same_place(server.group)
        names.append(server.start(worker(sock, reuse_port=True)).name)

    assert names[0] == names[1] != names[2]


# ------------------------------------------------------------------ whether to meet


def test_one_worker_opens_nothing(
    make: Callable[..., Server], listen: Callable[..., socket.socket]
) -> None:
    server = make().start(worker(listen(), workers=1))

    assert server.io.engine.elsewhere.siblings is None
    assert server.io.adapter() is MemoryAdapter
    assert server.group.alone


def test_it_meets_a_second_one_that_comes_later(
    make: Callable[..., Server], listen: Callable[..., socket.socket]
) -> None:
    found = worker(listen(), workers=1)
    server = make().start(found)

    found.cfg.workers = 2
    server.group.look(found)
    server.group.look(found)

    assert server.io.engine.elsewhere.siblings is not None
    assert len(server.tag) == 4


def test_it_meets_its_successor_when_it_ends(
    make: Callable[..., Server], listen: Callable[..., socket.socket]
) -> None:
    found = worker(listen(), workers=1)
    server = make().start(found)

    found.alive = False
    found.sockets = []
    server.group.look(found)

    assert server.io.engine.elsewhere.siblings is not None


def test_it_meets_who_else_its_master_has_started(
    make: Callable[..., Server], listen: Callable[..., socket.socket]
) -> None:
    """TTIN makes more of them than the option says."""
    children = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(2)]

    server = make().start(worker(listen(), workers=1, ppid=os.getpid()))

    assert server.io.engine.elsewhere.siblings is not None
    for child in children:
        child.communicate()


def test_workers_off_leaves_each_alone(
    make: Callable[..., Server], listen: Callable[..., socket.socket]
) -> None:
    found = worker(listen())
    server = make(workers="off").start(found)
    server.group.look(found)

    assert server.io.engine.elsewhere.siblings is None
    assert server.io.adapter() is MemoryAdapter


def test_a_group_can_be_named(make: Callable[..., Server]) -> None:
    name = os.urandom(12).hex()
    one, other = make(), make()

    for server in (one, other):
        server.group.meet_under(name)

    assert one.others() == [other.tag]


# ------------------------------------------------------------------ what they share


@pytest.fixture
def pair(make: Callable[..., Server]) -> list[Server]:
    """Give two servers that have met."""
    name = os.urandom(12).hex()
    servers = [make(), make()]
    for server in servers:
        server.group.meet_under(name)
    settle(servers)
    return servers


def settle(servers: list[Server]) -> None:
    for _ in range(5):
        for server in servers:
            server.clock.settle()


def test_they_are_a_cluster(pair: list[Server]) -> None:
    got: list[int] = []
    pair[1].io.on("number", got.append)

    pair[0].io.server_side_emit("number", 5)
    settle(pair)

    assert got == [5]
    assert all(isinstance(server.io._namespaces._provider, Cluster) for server in pair)


def test_the_ids_of_sessions_begin_with_the_tag_they_are_found_under(
    pair: list[Server],
) -> None:
    one, other = pair

    assert one.io.engine.ids()[:4] == one.tag
    assert other.others() == [one.tag]


def test_an_adapter_that_was_given_stays(make: Callable[..., Server]) -> None:
    def adapter(namespace: Any) -> MemoryAdapter:
        return MemoryAdapter(namespace)

    server = make(adapter=adapter)
    server.group.meet_under(os.urandom(12).hex())

    assert server.io.engine.elsewhere.siblings is not None
    assert server.io.adapter() is adapter


def test_processes_of_a_folder_hand_requests_over_too(
    make: Callable[..., Server], tmp_path: Path
) -> None:
    one, other = make(adapter=f"unix:{tmp_path}"), make(adapter=f"unix:{tmp_path}")

    assert one.io.engine.elsewhere.siblings is not None
    assert one.others() == [other.tag]


def test_who_ends_lets_the_others_know(pair: list[Server]) -> None:
    one, other = pair
    assert not one.group.alone

    other.group.take_no_newcomers()

    assert one.group.alone
    assert not other.group.alone
    assert one.others() == [other.tag]


@pytest.fixture
def master() -> Iterator[Callable[[int], int]]:
    """Give what starts a process with so many children, and returns its id."""
    masters: list[subprocess.Popen[bytes]] = []

    def start(children: int) -> int:
        script = "cat <&3 & " * children + "echo; wait"
        master = subprocess.Popen(
            ["sh", "-c", f"exec 3<&0; {script}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        masters.append(master)
        assert master.stdout is not None
        master.stdout.readline()
        return master.pid

    yield start
    for each in masters:
        each.communicate()


def test_of_workers_that_end_together_one_goes_first(
    pair: list[Server], master: Callable[[int], int]
) -> None:
    one = pair[0].group
    assert not one.goes_first(worker(ppid=master(2)))  # the other one stays
    for server in pair:
        server.group.step_back()
    assert [server.group.alone for server in pair] == [True, True]

    none_begins, one_begins = worker(ppid=master(2)), worker(ppid=master(3))

    assert sorted(it.group.goes_first(none_begins) for it in pair) == [False, True]
    assert [it.group.goes_first(one_begins) for it in pair] == [False, False]
    first, last = sorted(pair, key=lambda it: it.group.goes_first(none_begins))[::-1]
    first.group.take_no_newcomers()
    assert not last.group.goes_first(none_begins)  # the first has not ended yet


def test_the_only_worker_goes_before_another_one_begins(
    make: Callable[..., Server], master: Callable[[int], int]
) -> None:
    group = make().group

    assert group.goes_first(worker(ppid=master(1)))
    assert not group.goes_first(worker(ppid=master(2)))
    assert not group.goes_first(worker(ppid=0))  # nobody can tell


def test_who_has_closed_has_left(pair: list[Server]) -> None:
    one, other = pair

    other.io.close()
    gevent.idle()

    assert one.others() == []
    assert one.group.alone


def test_who_cannot_meet_the_others_serves_alone(
    make: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = make()

    server.group.meet_under("x" * 200)  # longer than a name of a socket

    assert "serves alone" in caplog.text
    assert server.io.engine.elsewhere.siblings is None
    assert server.io.adapter() is MemoryAdapter
