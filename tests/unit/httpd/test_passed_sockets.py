from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.httpd.passed_sockets import PassedSockets, name_in

#: Where the passed sockets of these tests begin: far from all other descriptors.
FIRST = 800

Pass = Callable[..., "tuple[PassedSockets, dict[str, str]]"]


@pytest.fixture
def passing() -> Iterator[Pass]:
    """Give what passes sockets to this process, as systemd does to another one."""
    passed: list[int] = []

    def give(
        *sockets: socket.socket, names: str = "", **changed: str
    ) -> tuple[PassedSockets, dict[str, str]]:
        for sock in sockets:
            number = fcntl.fcntl(sock, fcntl.F_DUPFD, FIRST + len(passed))
            assert number == FIRST + len(passed)
            passed.append(number)
            sock.close()
        environ = {
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": str(len(sockets)),
            "LISTEN_FDNAMES": names,
            **changed,
        }
        return PassedSockets(environ, FIRST), environ

    yield give
    for number in passed:
        os.close(number)


def listening(where: Any = ("127.0.0.1", 0), kind: int = socket.SOCK_STREAM) -> Any:
    family = socket.AF_INET if isinstance(where, tuple) else socket.AF_UNIX
    sock = socket.socket(family, kind)
    sock.bind(where)
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("systemd", ""),
        ("systemd:", ""),
        ("systemd:chat", "chat"),
        ("systemd:chat.socket", "chat.socket"),
        ("systemds", None),
        ("127.0.0.1:3000", None),
        (3000, None),
        (("systemd", 3000), None),
    ],
)
def test_the_name_in_an_address(address: Any, name: str | None) -> None:
    assert name_in(address) == name


def test_the_only_socket(passing: Pass) -> None:
    first = listening()
    where = first.getsockname()
    passed, environ = passing(first)

    sock = passed.take("")

    assert sock.getsockname() == where
    assert not sock.getblocking()
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert environ == {}
    sock.close()


def test_programs_that_are_started_do_not_get_it(passing: Pass) -> None:
    passed, _ = passing(listening())

    sock = passed.take("")

    assert not os.get_inheritable(FIRST)
    assert not sock.get_inheritable()
    sock.close()


def test_it_may_be_taken_again(passing: Pass) -> None:
    passed, _ = passing(listening())
    first = passed.take("")
    where = first.getsockname()
    first.close()

    second = passed.take("")

    assert second.getsockname() == where
    second.close()


def test_sockets_have_names(passing: Pass, tmp_path: Path) -> None:
    path = str(tmp_path / "chat.sock")
    passed, _ = passing(listening(), listening(path), names="web:chat")

    web, chat = passed.take("web"), passed.take("chat")

    assert web.getsockname()[0] == "127.0.0.1"
    assert chat.getsockname() == path
    web.close()
    chat.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "",
            "systemd: systemd has passed 3 sockets; .* is systemd:web, systemd:a",
        ),
        ("web", "systemd:web: systemd has passed 2 sockets; .*FileDescriptorName="),
        (
            "b",
            "systemd:b: systemd has passed no socket of that name; there is systemd:w",
        ),
    ],
)
def test_which_one_is_not_guessed(passing: Pass, name: str, words: str) -> None:
    passed, _ = passing(listening(), listening(), listening(), names="web:web:a")

    with pytest.raises(ConfigError, match=words):
        passed.take(name)


def test_too_few_names_are_none(passing: Pass) -> None:
    passed, _ = passing(listening(), listening(), names="web")

    with pytest.raises(ConfigError, match=r"there is systemd:unknown$"):
        passed.take("web")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"LISTEN_FDS": ""},
            "LISTEN_FDS is not set; start the program by a socket unit",
        ),
        ({"LISTEN_PID": "1"}, "LISTEN_PID is another process; .* not through a shell"),
        ({"LISTEN_PID": ""}, "LISTEN_PID is another process"),
        ({"LISTEN_FDS": "0"}, "LISTEN_FDS='0' is no number of sockets"),
        ({"LISTEN_FDS": "one"}, "LISTEN_FDS='one' is no number"),
        ({"LISTEN_FDS": "²"}, "LISTEN_FDS='²' is no number"),
        ({"LISTEN_FDS": "9" * 5000}, "LISTEN_FDS='99999999999999999999' is no number"),
    ],
)
def test_nothing_was_passed(passing: Pass, changed: dict[str, str], words: str) -> None:
    passed, environ = passing(listening(), **changed)

    for _ in range(2):
        with pytest.raises(ConfigError, match=f"has passed no socket: {words}"):
            passed.take("")
    assert environ == {}


def test_a_descriptor_that_is_not_open() -> None:
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}

    with pytest.raises(OSError, match="Bad file descriptor"):
        PassedSockets(environ, FIRST).take("")


def test_datagrams_are_refused(passing: Pass) -> None:
    passed, _ = passing(listening(kind=socket.SOCK_DGRAM))

    with pytest.raises(ConfigError, match=f"{FIRST} from systemd .*use ListenStream="):
        passed.take("")


def test_a_connection_is_refused(passing: Pass) -> None:
    near, far = socket.socketpair()
    passed, _ = passing(near)

    with pytest.raises(ConfigError, match="is a connection: use Accept=no"):
        passed.take("")
    far.close()
