from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import pytest

from sockio.runtime.hangup import hang_up, say_no_more

CERTIFICATE = Path(__file__).parents[2] / "support" / "localhost.pem"


class Ends:
    """Both ends of a connection; ours does not block, theirs waits with gevent."""

    def __init__(self, kind: str) -> None:
        ours, theirs = gevent.socket.socketpair()
        if kind == "plain":
            self.ours: Any = socket.socket(fileno=ours.detach())
        elif kind == "gevent":
            self.ours = ours
        else:
            self.ours, theirs = secured(ours, theirs)
        self.theirs = theirs
        self.ours.setblocking(False)
        self.theirs.settimeout(5)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def secured(ours: Any, theirs: Any) -> tuple[Any, Any]:
    server = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
    client = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(CERTIFICATE)
    wrapping = gevent.spawn(server.wrap_socket, ours, server_side=True)
    # A close that is not orderly is to be an error, not an end.
    secure = client.wrap_socket(
        theirs, server_hostname="localhost", suppress_ragged_eofs=False
    )
    return wrapping.get(timeout=5), secure


@pytest.fixture(params=["plain", "gevent", "tls"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    ends = Ends(request.param)
    yield ends
    ends.close()


def test_the_peer_hears_of_a_hang_up_although_somebody_else_has_the_descriptor(
    ends: Ends,
) -> None:
    held = os.dup(ends.ours.fileno())

    hang_up(ends.ours)

    assert ends.theirs.recv(1) == b""
    assert ends.ours.fileno() == -1
    os.close(held)


def test_what_was_sent_before_the_hang_up_arrives(ends: Ends) -> None:
    ends.ours.send(b"last")

    hang_up(ends.ours)

    assert ends.theirs.recv(10) == b"last"
    assert ends.theirs.recv(1) == b""


def test_who_says_no_more_goes_on_hearing(ends: Ends) -> None:
    ends.ours.send(b"last")

    say_no_more(ends.ours)

    assert ends.theirs.recv(10) == b"last"
    assert ends.theirs.recv(1) == b""
    ends.theirs.sendall(b"heard")
    assert ends.ours.recv(10) == b"heard"


def test_hanging_up_twice_does_nothing(ends: Ends) -> None:
    hang_up(ends.ours)

    hang_up(ends.ours)
    say_no_more(ends.ours)

    assert ends.theirs.recv(1) == b""


def test_a_peer_that_has_gone_is_no_error(ends: Ends) -> None:
    ends.theirs.close()

    say_no_more(ends.ours)
    hang_up(ends.ours)

    assert ends.ours.fileno() == -1


def test_a_peer_that_reads_nothing_is_not_waited_for(ends: Ends) -> None:
    with contextlib.suppress(BlockingIOError):
        while ends.ours.send(bytes(65536)):  # under TLS it sends nothing in the end
            pass

    say_no_more(ends.ours)
    hang_up(ends.ours)

    assert ends.ours.fileno() == -1


@pytest.mark.parametrize("kind", ["gevent", "tls"])
def test_it_does_not_disturb_who_waits_for_what_the_peer_sends(kind: str) -> None:
    ends = Ends(kind)
    ends.ours.settimeout(None)
    reading = gevent.spawn(ends.ours.recv, 10)
    gevent.idle()

    say_no_more(ends.ours)

    assert ends.theirs.recv(1) == b""
    ends.theirs.sendall(b"heard")
    assert reading.get(timeout=5) == b"heard"
    ends.close()


@pytest.mark.parametrize("kind", ["gevent", "tls"])
def test_a_peer_that_does_not_answer_is_not_waited_for(kind: str) -> None:
    ends = Ends(kind)
    ends.ours.settimeout(None)

    with gevent.Timeout(5):
        hang_up(ends.ours)

    assert ends.ours.fileno() == -1
    ends.close()
