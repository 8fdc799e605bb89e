"""Nine generations of socket.io-client, over each transport, with one server.

The server takes JSON and MessagePack.
"""

from __future__ import annotations

from collections.abc import Iterator

import gevent.event
import pytest

import sockio
from tests.interop.checks import CHECKS, PATIENCE, Check, connect, make_server
from tests.interop.conftest import ELSEWHERE
from tests.interop.versions import KINDS, JsWay, Kind
from tests.support.loopback import Loopback
from tests.support.node import FOLDER, Driver


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Give the server for all versions."""
    loopback = Loopback(make_server())
    yield loopback
    loopback.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_every_version_can_do(
    node: Driver, server: Loopback, kind: Kind, check: Check
) -> None:
    check(JsWay(node, ELSEWHERE or server.url, kind))


@pytest.mark.wallclock
def test_all_versions_at_the_same_time(node: Driver, server: Loopback) -> None:
    beats = Beats(server.engine)
    clients = [connect(JsWay(node, server.url, kind)) for kind in KINDS]
    assert server.engine.clients_count == len(clients)

    clients[0].emit("tell all", "é😀", b"\1", {"a": [b"\2"]})

    for client in clients:
        assert client.next("news").args == ["é😀", b"\1", {"a": [b"\2"]}]
    beats.wait(timeout=PATIENCE)
    assert server.engine.clients_count == len(clients)


def test_every_client_speaks_with_the_parser_it_was_given(
    node: Driver, server: Loopback
) -> None:
    forms: list[set[type]] = []

    @server.engine.on("connection")
    def connected(session: sockio.EngineSession) -> None:
        forms.append(own := set())
        session.on("message", lambda message: own.add(type(message)))

    for kind in KINDS:
        connect(JsWay(node, server.url, kind)).emit_with_ack("message-with-ack", 1)

        assert forms[-1] == {bytes if kind.parser == "msgpack" else str}, kind


class Beats:
    """Waits until every session has had two heartbeats from now."""

    def __init__(self, engine: sockio.EngineServer) -> None:
        self._missing: dict[str, int] = {}
        self._done = gevent.event.Event()
        engine.on("connection", self._watch)

    def _watch(self, session: sockio.EngineSession) -> None:
        self._missing[session.id] = 2
        session.on("heartbeat", lambda: self._beat(session.id))

    def _beat(self, sid: str) -> None:
        self._missing[sid] -= 1
        if all(count <= 0 for count in self._missing.values()):
            self._done.set()

    def wait(self, timeout: float) -> None:
        assert self._done.wait(timeout), f"no heartbeat: {self._missing}"


def test_old_clients_are_refused_unless_they_are_let_in(node: Driver, url: str) -> None:
    client = node.connect(url, version=2, transports=["polling"])

    assert client.next().event == "connect_error"


# ------------------------------------------------------------------ JSONP

OLD_BUNDLE = FOLDER / "node_modules/socket.io-client-2/dist/socket.io.js"


def test_a_browser_may_load_scripts_instead(node: Driver, server: Loopback) -> None:
    page = node.page()
    page.script(OLD_BUNDLE)

    answer = page.run(
        f"""new Promise((resolve, reject) => {{
            const socket = io("{server.url}", {{
                transports: ["polling"], forceJSONP: true, reconnection: false
            }});
            socket.on("connect_error", reject);
            const data = ["é😀\\u2028\\u2029", "a\\nb\\\\nc\\\\\\\\nd\\"", {{e: null}}];
            socket.on("message-back", (...back) => {{
                const {{name, index}} = socket.io.engine.transport;
                const bytes = Uint8Array.from([0, 10, 255]).buffer;
                socket.emit("message-with-ack", bytes, (bytes) => resolve([
                    JSON.stringify(back) === JSON.stringify(data), name, index,
                    Array.from(new Uint8Array(bytes)).join(),
                    document.querySelectorAll("form textarea[name=d]").length,
                ]));
            }});
            socket.emit("message", ...data);
        }})""",
        timeout=10,
    )

    assert answer == [True, "polling", 0, "0,10,255", 1]
    assert [line for line in page.log() if line.startswith("error")] == []
