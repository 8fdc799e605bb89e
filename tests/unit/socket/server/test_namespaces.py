from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

import sockio
from sockio.adapters.memory import MemoryAdapter


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    io: sockio.Server[Any] = sockio.Server()
    yield io
    io.close()


def test_there_is_the_main_namespace(io: sockio.Server[Any]) -> None:
    assert dict(io.namespaces) == {"/": io.sockets}


def test_namespaces_are_there_by_name_once_they_are_made(
    io: sockio.Server[Any],
) -> None:
    namespaces = io.namespaces

    chat = io.of("chat")

    assert list(namespaces) == ["/", "/chat"]
    assert namespaces["/chat"] is chat
    assert namespaces.get("/other") is None


def test_a_parent_is_not_among_them_and_its_children_are(
    io: sockio.Server[Any],
) -> None:
    parent = io.of(re.compile("^/tenant-"))
    assert list(io.namespaces) == ["/"]

    child = io.of("/tenant-1")

    assert dict(io.namespaces) == {"/": io.sockets, "/tenant-1": child}
    assert parent.children == {child}


def test_only_the_server_makes_and_removes_namespaces(io: sockio.Server[Any]) -> None:
    namespaces: Any = io.namespaces

    with pytest.raises(TypeError):
        namespaces["/chat"] = io.sockets
    with pytest.raises(TypeError):
        del namespaces["/"]

    assert list(io.namespaces) == ["/"]


def test_a_handler_makes_its_namespace(io: sockio.Server[Any]) -> None:
    class Chat(sockio.NamespaceHandler):
        namespace = "/chat"

    assert io.register(Chat) is io.namespaces["/chat"]


def test_an_adapter_is_changed_in_every_namespace(io: sockio.Server[Any]) -> None:
    class Own(MemoryAdapter):
        pass

    io.of("/chat")
    io.of(re.compile("^/tenant-"))

    assert io.adapter(Own) is io
    io.of("/tenant-1")

    assert io.adapter() is Own
    assert {type(nsp.adapter) for nsp in io.namespaces.values()} == {Own}
