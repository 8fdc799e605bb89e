"""The official client, loaded by a browser from our server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import sockio
from tests.support import services
from tests.support.loopback import Loopback
from tests.support.node import BUNDLE, FOLDER, Driver, Page


@pytest.fixture
def url() -> Iterator[str]:
    """Give the URL of a server with the npm package's own files, and a page."""
    services.node_modules(FOLDER)
    io: sockio.Server = sockio.Server(client_dist=BUNDLE.parent)

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        socket.on("echo", lambda *args: args)

    loopback = Loopback(io.attach(page))
    yield loopback.url
    io.close()
    loopback.close()


def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Serve an empty page."""
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "0")])
    return [b""]


def echo(page: Page, io: str = "io") -> Any:
    """Connect from the page and send one event there and back."""
    return page.run(
        f"""new Promise(async (resolve) => {{
            const socket = {io}();
            socket.emit("echo", "hi", (answer) => {{
                resolve(answer);
                socket.disconnect();
            }});
        }})"""
    )


@pytest.mark.parametrize("name", ["socket.io.js", "socket.io.min.js"])
def test_a_page_loads_the_client_and_connects(
    node: Driver, url: str, name: str
) -> None:
    browser = node.page(url)

    browser.script(f"{url}/socket.io/{name}")

    assert echo(browser) == "hi"
    assert browser.log() == []


def test_a_page_imports_the_client_as_a_module(node: Driver, url: str) -> None:
    browser = node.page(url)

    answer = echo(browser, "(await import('/socket.io/socket.io.esm.min.js')).io")

    assert answer == "hi"
