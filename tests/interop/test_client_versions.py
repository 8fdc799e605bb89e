"""Nine generations of socket.io-client, over each transport, with one server.

The server takes JSON and MessagePack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent.event
import pytest

import sockio
from tests.interop import compatibility
from tests.interop.conftest import ELSEWHERE
from tests.interop.versions import CHECKS, KINDS, PATIENCE, Kind, Way, make_server
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
    node: Driver, server: Loopback, kind: Kind, check: Callable[[Way], None]
) -> None:
    check(Way(node, ELSEWHERE or server.url, kind))


@pytest.mark.wallclock
def test_all_versions_at_the_same_time(node: Driver, server: Loopback) -> None:
    beats = Beats(server.engine)
    clients = [Way(node, server.url, kind).connect() for kind in KINDS]
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
        Way(node, server.url, kind).connect().emit_with_ack("message-with-ack", 1)

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


def test_the_table_of_versions_is_the_one_that_is_tested() -> None:
    text = compatibility.DOCUMENT.read_text()
    passed = dict.fromkeys(KINDS, len(CHECKS))

    assert compatibility.with_table(text, passed) == text
    assert compatibility.told(text) == passed


def test_the_table_may_not_promise_more_than_came_out() -> None:
    text = compatibility.with_table(
        compatibility.DOCUMENT.read_text(), dict.fromkeys(KINDS, 2)
    )

    assert compatibility.broken_promises(text, dict.fromkeys(KINDS, 2)) == []
    assert compatibility.broken_promises(text, dict.fromkeys(KINDS, 3)) == []
    assert compatibility.broken_promises(text, {**dict.fromkeys(KINDS, 2), KINDS[4]: 1})


def test_a_table_of_other_clients_is_no_good() -> None:
    passed = dict.fromkeys(KINDS, len(CHECKS))
    text = compatibility.with_table(compatibility.DOCUMENT.read_text(), passed)
    total = f"/{len(CHECKS)}"

    for other in (text.replace("2.5.0", "2.4.0"), text.replace(total, total + "0")):
        assert compatibility.broken_promises(other, passed)


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
