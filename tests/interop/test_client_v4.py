"""socket.io-client 4 against the suites' server, over each transport."""

from __future__ import annotations

import pytest
from gevent.queue import Queue

from sockio.testing import FakeClock
from tests.support import suite_servers
from tests.support.json_process import DriverError
from tests.support.loopback import Loopback
from tests.support.node import BUNDLE, Driver, JsClient

over_each_transport = pytest.mark.parametrize(
    "transports",
    [["polling"], ["websocket"], ["polling", "websocket"]],
    ids=["polling", "websocket", "both"],
)
EVERYTHING = [1, "2", {"3": [True, None, 1.5]}, "é😀\u2028", b"\0\1\xff", b"", [b"x"]]


def connect(node: Driver, url: str, **options: object) -> JsClient:
    """Connect, and take the two events with which a connection begins."""
    client = node.connect(url, **options)  # type: ignore[arg-type]
    assert client.next().event == "connect"
    assert client.next().event == "auth"
    return client


@over_each_transport
def test_it_connects_with_its_auth(
    node: Driver, url: str, transports: list[str]
) -> None:
    client = node.connect(url, transports=transports, auth={"token": "123"})

    assert client.next().event == "connect"
    assert client.next() == ("socket", "auth", [{"token": "123"}])
    state = client.state()
    assert state["connected"]
    assert len(state["id"]) == 20


@over_each_transport
def test_arguments_of_every_kind_come_back(
    node: Driver, url: str, transports: list[str]
) -> None:
    client = connect(node, url, transports=transports)

    client.emit("message", *EVERYTHING)

    assert client.next() == ("socket", "message-back", EVERYTHING)


@over_each_transport
def test_an_ack_carries_everything_back(
    node: Driver, url: str, transports: list[str]
) -> None:
    client = connect(node, url, transports=transports)

    answer = client.emit_with_ack("message-with-ack", *EVERYTHING)

    assert answer == EVERYTHING


@over_each_transport
def test_many_events_keep_their_order(
    node: Driver, url: str, transports: list[str]
) -> None:
    client = connect(node, url, transports=transports)

    for number in range(30):
        client.emit("message", number)

    received = [client.next().args for _ in range(30)]
    assert received == [[number] for number in range(30)]


def test_it_upgrades_to_a_websocket(node: Driver, url: str) -> None:
    client = connect(node, url)

    upgrade = client.next("upgrade")

    assert upgrade.args == ["websocket"]
    client.emit("message", "after the upgrade")
    assert client.next().args == ["after the upgrade"]
    assert client.state()["transport"] == "websocket"


@over_each_transport
def test_a_second_namespace_shares_the_connection(
    node: Driver, url: str, transports: list[str]
) -> None:
    client = connect(node, url, transports=transports)

    custom = client.namespace("/custom", {"token": "abc"})

    assert custom.next().event == "connect"
    assert custom.next() == ("socket", "auth", [{"token": "abc"}])
    custom.disconnect()
    assert custom.next().args == ["io client disconnect"]
    assert client.state()["connected"]


@over_each_transport
def test_an_unknown_namespace_is_a_connect_error(
    node: Driver, url: str, transports: list[str]
) -> None:
    client = node.connect(f"{url}/unknown", transports=transports)

    event = client.next()

    assert event.event == "connect_error"
    assert event.args[0]["message"] == "Invalid namespace"


@over_each_transport
def test_it_connects_again_after_leaving(
    node: Driver, url: str, transports: list[str]
) -> None:
    client = connect(node, url, transports=transports)
    first = client.state()["id"]

    client.disconnect()
    assert client.next() == ("socket", "disconnect", ["io client disconnect"])
    client.reopen()

    assert client.next().event == "connect"
    assert client.state()["id"] != first


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_it_reconnects_when_the_connection_was_cut(
    node: Driver, url: str, transport: str
) -> None:
    client = connect(
        node, url, transports=[transport], reconnection=True, reconnectionDelay=1
    )

    client.cut()

    assert client.next().event == "disconnect"
    assert client.next("reconnect").args == [1]
    assert client.next("auth")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_heartbeats_keep_an_idle_client_connected(node: Driver, transport: str) -> None:
    clock = FakeClock()
    options = {"ping_interval": 25.0, "ping_timeout": 20.0, "clock": clock}
    loopback = Loopback(suite_servers.socket_server(**options))
    beats: Queue[None] = Queue()
    loopback.engine.on(
        "connection",
        lambda session: session.on("heartbeat", lambda: beats.put(None)),
    )
    client = connect(node, loopback.url, transports=[transport])

    # More than interval and timeout together.
    for _ in range(5):
        clock.advance(25.0)
        beats.get(timeout=30)

    assert client.emit_with_ack("message-with-ack", 1) == [1]
    with pytest.raises(DriverError, match="nothing came in time"):
        client.next(timeout=0.01)
    loopback.close()


def test_it_connects_from_a_browser(node: Driver, url: str) -> None:
    page = node.page()
    page.script(BUNDLE)

    answer = page.run(
        f"""new Promise((resolve) => {{
            const socket = io("{url}", {{ transports: ["websocket"] }});
            socket.emit("message-with-ack", 1, "two", resolve);
        }})"""
    )

    assert answer == 1
    assert page.log() == []


# ------------------------------------------------------------------ too large


@pytest.mark.parametrize(
    "url", [{"max_http_buffer_size": 1000}], indirect=True, ids=["1000 bytes"]
)
def test_a_message_that_is_too_large_closes_with_a_code_and_no_reason(
    node: Driver, url: str
) -> None:
    client = connect(node, url, transports=["websocket"])

    client.emit("message", "x" * 1000)

    assert client.next("close_frame").args == [1009, ""]
    assert client.next("disconnect").args == ["transport close"]


# ------------------------------------------------------------------ subprotocols


@pytest.mark.parametrize("offered", ["token", ["token"], ["v2.chat", "v1.chat"]])
def test_a_subprotocol_is_answered(
    node: Driver, url: str, offered: str | list[str]
) -> None:
    client = connect(node, url, transports=["websocket"], protocols=offered)

    first = offered if isinstance(offered, str) else offered[0]
    assert client.state()["subprotocol"] == first
    client.emit("message", "hi")
    assert client.next() == ("socket", "message-back", ["hi"])


def test_a_client_that_offers_subprotocols_leaves_polling(
    node: Driver, url: str
) -> None:
    client = connect(node, url, protocols=["v2.chat", "v1.chat"])

    assert client.next("upgrade").args == ["websocket"]
    assert client.state()["subprotocol"] == "v2.chat"
    client.emit("message", "hi")
    assert client.next() == ("socket", "message-back", ["hi"])


@pytest.mark.parametrize(
    "url",
    [{"handle_protocols": lambda offered, request: offered[-1]}],
    indirect=True,
    ids=["the last"],
)
def test_a_subprotocol_is_chosen(node: Driver, url: str) -> None:
    client = connect(
        node, url, transports=["websocket"], protocols=["v2.chat", "v1.chat"]
    )

    assert client.state()["subprotocol"] == "v1.chat"
