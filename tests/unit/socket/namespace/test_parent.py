from __future__ import annotations

import re
from typing import Any

import pytest

import sockio
from sockio.errors import NotSupported
from sockio.socket.namespace.parent import ParentNamespace


@pytest.fixture
def io() -> sockio.Server[Any]:
    return sockio.Server()


@pytest.fixture
def parent(io: sockio.Server[Any]) -> ParentNamespace:
    return io.of(re.compile("^/t-"))


def test_only_a_predicate_may_block(io: sockio.Server[Any]) -> None:
    assert not io.of(re.compile("x")).blocking
    assert io.of(lambda name, auth: True).blocking


def test_a_pattern_is_searched_for(io: sockio.Server[Any]) -> None:
    parent = io.of(re.compile("b"))

    assert parent.accepts("/abc", None)
    assert not parent.accepts("/ac", None)


def test_whatever_a_predicate_returns_is_yes_or_no(io: sockio.Server[Any]) -> None:
    parent = io.of(lambda name, auth: auth)

    assert parent.accepts("/x", "yes") is True
    assert parent.accepts("/x", "") is False


def test_parents_have_names_that_no_client_can_join(io: sockio.Server[Any]) -> None:
    first, second = io.of(re.compile("a")), io.of(re.compile("b"))

    assert (first.name, second.name) == ("/_0", "/_1")
    assert "/_0" not in io.namespaces


def test_a_parent_has_no_sockets(
    io: sockio.Server[Any], parent: ParentNamespace
) -> None:
    io.of("/t-1")
    adapter = parent.adapter

    assert not parent.sockets
    assert not adapter.rooms
    assert not adapter.sids
    assert adapter.sockets([]) == set()
    assert adapter.socket_rooms("x") is None
    for change in (adapter.add_all, adapter.del_):
        with pytest.raises(NotSupported):
            change("x", "room")
    with pytest.raises(NotSupported):
        adapter.del_all("x")


def test_a_parent_counts_the_servers_of_its_children(
    io: sockio.Server[Any], parent: ParentNamespace
) -> None:
    assert parent.adapter.server_count() == 0

    io.of("/t-1")
    io.of("/t-2")

    assert parent.adapter.server_count() == 2


def test_without_children_nobody_answers(parent: ParentNamespace) -> None:
    parent.reactor.start()

    assert parent.timeout(1).emit_with_ack("q") == []


def test_a_parent_asks_the_servers_of_its_children(
    io: sockio.Server[Any],
    parent: ParentNamespace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    io.of("/t-1")

    parent.server_side_emit("hello")

    assert "namespace='/t-1' server_side_emit reaches no server" in caplog.text


def test_a_child_takes_over_middlewares_and_listeners(
    io: sockio.Server[Any], parent: ParentNamespace
) -> None:
    parent.use(print)
    parent.on("connection", repr)
    parent.on("connect", ascii)
    parent.on("other", len)

    child = io.of("/t-1")

    assert child.guards == [print]
    assert child.listeners("connection") == [repr]
    assert child.listeners("connect") == [ascii]
    assert child.listeners("other") == []
