"""Where the servers of Node, of Go and of ours differ is decided, each time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conformance.peers.difference import GO_VERSION, SAME
from tests.conformance.peers.differences import DIFFERENCES, hangs
from tests.conformance.peers.running import run
from tests.conformance.peers.telling import (
    DOCUMENT,
    FAMILIES,
    OTHERS,
    TABLE,
    found,
    known,
    of_server,
    table,
)
from tests.interop.tables import parted
from tests.support.foreign_programs import GO_SERVER
from tests.support.node import FOLDER, Driver
from tests.support.peers import GoProcess


@pytest.fixture(scope="session")
def go() -> Iterator[GoProcess]:
    """Give the process of all servers of Go's."""
    process = GoProcess()
    yield process
    process.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_servers_differ_as_we_know(
    node: Driver, go: GoProcess, family: str
) -> None:
    seen = run(FAMILIES[family], node, go, hangs)

    counts, undecided = found(seen)
    expected = known()[family]
    assert undecided == []
    assert counts["sockio"] == expected["sockio"]
    # How many scripts find a difference of Go's may depend on its threads.
    assert counts["Go"].keys() == expected["Go"].keys()


@pytest.mark.parametrize("server", OTHERS)
def test_each_difference_has_been_found(server: str) -> None:
    counts = [servers[server] for servers in known().values()]

    for difference in of_server(server):
        assert any(difference.what in count for count in counts), difference.what


def test_what_a_server_does_is_told_where_it_differs() -> None:
    for it in DIFFERENCES:
        assert (it.go is SAME) == (it.in_go is None), it.what
        assert it.ours is not SAME or it.in_ours is None, it.what
        assert it.hangs is None or it.in_go is not None, it.what


def test_the_page_has_the_table() -> None:
    text = DOCUMENT.read_text()

    assert parted(text, TABLE)[1] == table()
    modules = (GO_SERVER.folder / "go.mod").read_text()
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert f"servers/socket/v3 {GO_VERSION}" in text
    assert f"servers/socket/v3 v{GO_VERSION}" in modules
    for name in ("socket.io", "engine.io"):
        version = packages[f"node_modules/{name}"]["version"]
        assert f"{name} {version}" in " ".join(text.split())
