from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from sockio.adapters import Exchange
from sockio.runtime.reactor import Reactor
from sockio.socket.server.addresses import Addresses
from sockio.testing import FakeClock
from tests.support.waiting import wait_until

SECRET = "0123456789abcdef"


class Directory:
    """A directory that counts what it is asked, and may be away."""

    def __init__(self, texts: Exchange) -> None:
        self._texts = texts
        self.claims: list[str] = []
        self.reads: list[str] = []
        self.away = False

    def claim(self, name: str, text: str, seconds: float) -> str:
        self._ask()
        self.claims.append(name)
        return self._texts.claim(name, text, seconds)

    def read(self, name: str) -> str | None:
        self.reads.append(name)
        gevent.idle()
        self._ask()
        return self._texts.read(name)

    def _ask(self) -> None:
        if self.away:
            raise OSError("the broker is away")


class Node:
    def __init__(
        self, texts: Exchange, tag: str, secret: str | None, address: str
    ) -> None:
        self.clock = FakeClock()
        reactor = Reactor(self.clock)
        reactor.start()
        self.directory = Directory(texts)
        #: Tags that it gets when its own is another one's.
        self.fresh = ["CCCC", "BBBB"]
        self.addresses = Addresses(
            address, secret, lambda: self.directory, reactor, self.fresh.pop
        )
        self.addresses.announce(tag)

    def find(self, tag: str) -> tuple[str, int] | None:
        return self.addresses.find(tag)

    def close(self) -> None:
        self.addresses.close()


@pytest.fixture
def texts() -> Exchange:
    return Exchange()


@pytest.fixture
def make(texts: Exchange) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def make(tag: str, secret: str | None = SECRET, address: str = "") -> Node:
        where = address or f"10.0.0.{len(nodes) + 5}:3000"
        nodes.append(Node(texts, tag, secret, where))
        nodes[-1].addresses.settle()
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()
    gevent.idle()


def test_a_node_finds_the_others_and_remembers_where(make: Any) -> None:
    one, _ = make("AAAA"), make("BBBB")

    for _ in range(3):
        assert one.find("BBBB") == ("10.0.0.6", 3000)
    assert len(one.directory.reads) == 1


def test_an_address_of_ipv6(make: Any) -> None:
    one, _ = make("AAAA"), make("BBBB", address="[fd00::5]:3000")

    assert one.find("BBBB") == ("fd00::5", 3000)


def test_who_asks_for_the_same_waits_for_the_same_answer(make: Any) -> None:
    one, _ = make("AAAA"), make("BBBB")

    asking = [gevent.spawn(one.find, "BBBB") for _ in range(5)]

    assert {each.get(timeout=20) for each in asking} == {("10.0.0.6", 3000)}
    assert len(one.directory.reads) == 1


def test_that_there_is_nobody_is_remembered_for_a_second(make: Any) -> None:
    one = make("AAAA")

    assert one.find("BBBB") is None
    make("BBBB")
    assert one.find("BBBB") is None
    one.clock.advance(1)
    assert one.find("BBBB") is not None
    one.addresses.forget("BBBB")
    assert one.find("BBBB") is None
    assert len(one.directory.reads) == 2


def test_a_process_of_this_host_is_none_to_proxy_to(make: Any) -> None:
    one, _ = make("AAAA"), make("BBBB", address="10.0.0.5:3000")

    assert one.find("BBBB") is None


@pytest.mark.parametrize("text", ["", "10.0.0.7:3000", "nonsense x", "1:2:3 x", "é x"])
def test_a_text_that_is_no_address(make: Any, texts: Exchange, text: str) -> None:
    one = make("AAAA")
    texts.claim(one.addresses._name("BBBB"), text, 30)

    assert one.find("BBBB") in (None, ("1:2", 3))


def test_a_tag_of_another_node_is_drawn_anew(make: Any) -> None:
    make("AAAA")
    make("BBBB")
    three = make("AAAA")

    assert three.addresses.tag == "CCCC"
    assert make("DDDD").find("CCCC") == ("10.0.0.7", 3000)


def test_a_node_is_announced_again_and_again(make: Any) -> None:
    one = make("AAAA")
    claims = len(one.directory.claims)

    one.clock.advance(10)

    assert len(one.directory.claims) == claims + 1


def test_another_tag_is_announced_at_once(make: Any) -> None:
    one, two = make("AAAA"), make("BBBB")

    two.addresses.announce("DDDD")
    two.addresses.settle()

    assert one.find("DDDD") == ("10.0.0.6", 3000)


def test_nodes_that_are_given_no_secret_agree_on_one(
    make: Any, texts: Exchange
) -> None:
    one, two = make("AAAA", None), make("BBBB", None)

    assert one.addresses.secrets == two.addresses.secrets
    assert one.find("BBBB") == ("10.0.0.6", 3000)

    texts._texts.clear()  # the broker has lost everything
    texts.claim("secret", "another secret", 30)
    one.clock.advance(10)

    assert one.addresses.secrets == ("another secret", *two.addresses.secrets)
    assert one.find("BBBB") == ("10.0.0.6", 3000)


def test_those_with_another_secret_are_not_there(make: Any) -> None:
    one, _ = make("AAAA"), make("BBBB", "another secret, which is long")

    assert one.find("BBBB") is None


def test_newcomers_wait_until_the_node_can_be_found(
    texts: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    two = Node(texts, "BBBB", None, "10.0.0.9:3000")
    two.directory.away = True
    waiting = gevent.spawn(two.addresses.settle)
    wait_until(lambda: "the other machines may not find this one" in caplog.text)
    finding = gevent.spawn(two.find, "AAAA")
    gevent.idle()
    assert not waiting.dead
    assert not finding.dead

    two.directory.away = False
    two.clock.advance(1)

    waiting.get(timeout=20)
    assert finding.get(timeout=20) is None
    assert "can find this one again" in caplog.text
    two.close()


def test_they_do_not_wait_for_long(texts: Exchange) -> None:
    node = Node(texts, "AAAA", None, "10.0.0.5:3000")
    node.directory.away = True
    waiting = gevent.spawn(node.addresses.settle)
    gevent.idle()

    node.clock.advance(2)

    waiting.get(timeout=20)
    node.addresses.settle()
    with pytest.raises(OSError, match="agreed"):
        node.find("BBBB")
    node.close()
    gevent.idle()


def test_a_lookup_that_fails_is_made_again(make: Any) -> None:
    one, _ = make("AAAA"), make("BBBB")
    one.directory.away = True
    with pytest.raises(OSError, match="away"):
        one.find("BBBB")

    one.directory.away = False

    assert one.find("BBBB") == ("10.0.0.6", 3000)


def test_another_directory_is_told_at_once(texts: Exchange) -> None:
    node = Node(texts, "AAAA", SECRET, "10.0.0.5:3000")
    node.addresses.settle()
    other = node.directory = Directory(Exchange())

    node.addresses.renew()

    wait_until(lambda: len(other.claims) == 1)
    node.close()
