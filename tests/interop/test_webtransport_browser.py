"""socket.io-client 4 in Chromium, over WebTransport."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sockio
from tests.support import certificates
from tests.support.certificates import Certificate
from tests.support.node import BUNDLE, Driver, Page
from tests.support.served import Heard

BYTES = "new Uint8Array([0, 1, 255]).buffer"


class Browsing:
    """A server on one port, TCP and UDP, and a page of its that has the client."""

    def __init__(self, node: Driver, certificate: Certificate) -> None:
        self.io = sockio.Server(transports=["polling", "websocket", "webtransport"])
        self.io.attach(_page)
        self.closes = Heard()
        self.upgrades = Heard()
        self.io.on("connection", self._on_connection)
        address = self.io.listen(("127.0.0.1", 0)).address
        assert isinstance(address, tuple)
        self.io.listen_webtransport(address, certificate.certfile, certificate.keyfile)
        self.url = f"http://127.0.0.1:{address[1]}"
        self._sha256 = list(certificate.sha256)
        self.page: Page = node.page(self.url)
        self.page.script(BUNDLE)

    def _on_connection(self, socket: sockio.Socket[Any]) -> None:
        socket.on("echo", lambda *args: list(args))
        socket.on("bytes", lambda data: [data, b""])
        socket.on("disconnect", self.closes)
        socket.conn.on("upgrade", self.upgrades)

    def connect(self, transports: list[str]) -> None:
        """Connect in the page, which has ``socket`` and ``seen`` from then on."""
        hashes = f'[{{algorithm: "sha-256", value: new Uint8Array({self._sha256})}}]'
        self.page.run(
            f"""new Promise((resolve, reject) => {{
                globalThis.seen = [];
                globalThis.socket = io("{self.url}", {{
                    transports: {json.dumps(transports)},
                    reconnection: false,
                    transportOptions: {{
                        webtransport: {{ serverCertificateHashes: {hashes} }},
                    }},
                }});
                socket.onAny((...args) => seen.push(args));
                socket.on("disconnect", (reason) => seen.push(reason));
                socket.on("connect", () => resolve());
                socket.on("connect_error", (e) => reject(e));
            }})"""
        )

    @property
    def transport(self) -> Any:
        """The transport that the client uses."""
        return self.page.run("socket.io.engine.transport.name")

    def until(self, condition: str) -> None:
        """Wait until a condition holds in the page."""
        self.page.run(
            "new Promise((done) => { const look = () => "
            f"({condition}) ? done() : setTimeout(look, 10); look(); }})"
        )


def _page(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<!doctype html><title>WebTransport</title>"]


@pytest.fixture
def browsing(node: Driver, tmp_path: Path) -> Iterator[Browsing]:
    browsing = Browsing(node, certificates.make(tmp_path))
    yield browsing
    browsing.page.run("globalThis.socket && socket.close()")
    browsing.io.close()


def test_a_browser_starts_with_webtransport(browsing: Browsing) -> None:
    browsing.connect(["webtransport"])

    answer = browsing.page.run(
        """socket.timeout(3000)
        .emitWithAck("echo", "é😀", {a: [null, 1.5]}, "x".repeat(200000))"""
    )

    assert answer == ["é😀", {"a": [None, 1.5]}, "x" * 200_000]
    assert browsing.transport == "webtransport"


def test_bytes_travel_both_ways(browsing: Browsing) -> None:
    browsing.connect(["webtransport"])

    answer = browsing.page.run(
        f"""socket.timeout(3000).emitWithAck("bytes", {BYTES})
        .then((all) => all.map((one) => [...new Uint8Array(one)]))"""
    )

    assert answer == [[0, 1, 255], []]


def test_a_browser_moves_from_polling_to_webtransport(browsing: Browsing) -> None:
    browsing.connect(["polling", "webtransport"])

    assert browsing.upgrades.next(30)[0].name == "webtransport"
    browsing.until("socket.io.engine.transport.name === 'webtransport'")
    answer = browsing.page.run('socket.timeout(3000).emitWithAck("echo", 1)')

    assert answer == [1]


def test_a_browser_prefers_webtransport_to_websocket(browsing: Browsing) -> None:
    moved_to = ""

    # The client starts WebTransport 200 ms before WebSocket, and keeps what opens
    # first: on a busy machine that takes more than one connection.
    for _ in range(10):
        browsing.connect(["polling", "websocket", "webtransport"])
        moved_to = browsing.upgrades.next(30)[0].name
        if moved_to == "webtransport":
            break
        browsing.page.run("socket.close(), null")

    assert moved_to == "webtransport"
    browsing.until("socket.io.engine.transport.name === 'webtransport'")


def test_the_last_words_of_the_server_arrive(browsing: Browsing) -> None:
    browsing.connect(["webtransport"])

    browsing.io.emit("last", "words")
    browsing.io.disconnect_sockets(close=True)

    browsing.until("seen.length === 2")
    assert browsing.page.run("seen") == [["last", "words"], "io server disconnect"]


def test_the_last_words_reach_a_page_that_is_busy(browsing: Browsing) -> None:
    browsing.connect(["webtransport"])
    browsing.page.run(
        """setTimeout(() => {
            const end = Date.now() + 1500;
            while (Date.now() < end);
        }, 0), null"""
    )

    browsing.io.emit("last", "words")
    browsing.io.disconnect_sockets(close=True)

    browsing.until("seen.length === 2")
    assert browsing.page.run("seen") == [["last", "words"], "io server disconnect"]


def test_the_server_hears_that_the_browser_left(browsing: Browsing) -> None:
    browsing.connect(["webtransport"])

    browsing.page.run("socket.io.engine.close(), null")

    assert browsing.closes.next() == ("transport close", None)


def test_a_page_that_is_left_is_heard_too(browsing: Browsing) -> None:
    browsing.connect(["webtransport"])

    browsing.page.goto("about:blank")

    assert browsing.closes.next(30) == ("transport close", None)


def test_the_browser_hears_that_the_server_ends(browsing: Browsing) -> None:
    browsing.connect(["webtransport"])

    browsing.io.close()

    browsing.until("seen.length === 1")
    assert browsing.page.run("seen[0]") == "transport close"
