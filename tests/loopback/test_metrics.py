"""Metrics: what Prometheus reads, and that it is what has happened."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sockio
from sockio.adapters import Cluster, Exchange, SiblingsBus
from sockio.runtime.lag import PERIOD
from sockio.runtime.meter import OTHER
from sockio.siblings.place import Folder
from sockio.socket.server.metrics.families import FAMILIES
from sockio.testing import FakeClock
from tests.support.late_clock import LateClock
from tests.support.loopback import Loopback
from tests.support.scrape import OPEN_METRICS, Scrape
from tests.support.served import Gate, Heard, Served
from tests.support.waiting import wait_until

from .conftest import Serve
from .test_inbox_policy import flood, wait_paused
from .test_recovery import connect, join, lose


def scrape(loopback: Loopback, accept: str = OPEN_METRICS) -> Scrape:
    with loopback.client("/") as client:
        return Scrape(
            client.http().request("GET", "/metrics", None, {"Accept": accept})
        )


@pytest.fixture
def served(serve: Serve) -> Served:
    """Give a running server with metrics."""
    return begin(serve)


def begin(serve: Serve, **options: Any) -> Served:
    return serve(**{"metrics": True, "metrics_path": "/metrics", **options})


# ------------------------------------------------------------------ the text


def test_prometheus_reads_all_families(served: Served) -> None:
    read = scrape(served)

    assert read.content_type.startswith("application/openmetrics-text; version=1.0.0")
    known = {family.name: family.kind for family in FAMILIES}
    assert read.families == {**known, "sockio": "info"}


def test_a_client_that_asks_for_nothing_gets_the_format_of_old(served: Served) -> None:
    read = scrape(served, accept="")

    assert read.content_type.startswith("text/plain; version=0.0.4")
    assert read.value("sockio_clients") is None
    assert read.value("sockio_namespaces") == 1


def test_the_page_makes_no_session(served: Served) -> None:
    assert scrape(served).value("sockio_handshakes_total") is None


def test_the_process_is_named(served: Served) -> None:
    labels = scrape(served).labels("sockio_info")

    assert labels["version"] == sockio.__version__
    assert "worker" not in labels


# ------------------------------------------------------------------ clients


def test_clients_by_transport_and_protocol(serve: Serve) -> None:
    served = begin(serve)
    served.connect()
    served.connect()
    served.poll()

    read = scrape(served)

    websockets = {"transport": "websocket", "protocol": "4"}
    assert read.value("sockio_clients", **websockets) == 2
    assert read.value("sockio_clients", transport="polling", protocol="4") == 1
    assert read.value("sockio_handshakes_total", **websockets) == 2
    assert read.value("sockio_connects_total") == 3
    assert read.value("sockio_sockets", namespace="/") == 3


def test_upgrades_and_ends(served: Served) -> None:
    session = served.raw.open_session()
    websocket = served.raw.websocket(sid=session.sid)
    websocket.send("2probe")
    websocket.receive()
    websocket.send("5")
    wait_until(lambda: scrape(served).value("sockio_upgrades_total"))

    upgrade = {"before": "polling", "after": "websocket"}
    assert scrape(served).value("sockio_upgrades_total", **upgrade) == 1
    websocket.cut()
    wait_until(lambda: not served.io.engine.clients_count)
    reason = "transport close"
    assert scrape(served).value("sockio_closed_sessions_total", reason=reason) == 1


def test_refusals_by_code(served: Served) -> None:
    assert served.raw.request(transport="pigeon").status == 400
    assert served.raw.request(transport="polling", sid="unknown").status == 400

    read = scrape(served)

    assert read.value("sockio_refusals_total", code="0") == 1
    assert read.value("sockio_refusals_total", code="1") == 1


def test_disconnects_by_reason(served: Served) -> None:
    for _ in range(2):
        served.connect()
    _, socket = served.connect()
    socket.disconnect()
    served.io.drain(0.01, reason="we move to another house")

    read = scrape(served)

    assert read.value("sockio_disconnects_total", reason=OTHER) == 2
    reason = "server namespace disconnect"
    assert read.value("sockio_disconnects_total", reason=reason) == 1
    assert read.value("sockio_ready") == 0


def test_a_client_that_a_middleware_refuses(served: Served) -> None:
    @served.io.use
    def nobody(socket: Any) -> None:
        raise sockio.ConnectError("nobody")

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")
    websocket.receive_message()

    assert scrape(served).value("sockio_refused_connects_total") == 1


def test_recoveries(serve: Serve) -> None:
    served = begin(serve, connection_state_recovery=True)
    websocket, before, socket = connect(served)
    socket.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    served.io.emit("missed", "x")
    _, _, recovered = connect(served, pid=before.pid, offset=offset)
    assert recovered.recovered
    websocket, _ = served.raw.open_websocket_session()
    join(websocket, pid="unknown")

    read = scrape(served)

    assert read.value("sockio_recoveries_total", result="recovered") == 1
    assert read.value("sockio_recoveries_total", result="unknown") == 1
    assert read.value("sockio_recovered_events_total") == 1
    # Three answers to CONNECTs, and two events.
    assert read.value("sockio_sent_packets_total") == 5


def test_rooms_and_namespaces(serve: Serve) -> None:
    served = begin(serve, metrics=sockio.Metrics(names=2))
    for name in ("/a", "/b", "/c"):
        served.io.of(name)
    for name in ("/", "/a", "/b", "/c"):
        _, socket = served.connect(name)
        socket.join(["one", name])

    read = scrape(served)

    assert read.value("sockio_namespaces") == 4
    assert read.value("sockio_rooms") == 8
    assert read.value("sockio_sockets", namespace="/a") == 1
    assert read.value("sockio_sockets", namespace=OTHER) == 2


# ------------------------------------------------------------------ packets, events


def test_packets_and_bytes_of_both_ways(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("add", lambda a, b: a + b)
    before = scrape(served)
    websocket.send('420["add",1,2]')
    websocket.receive_message()
    socket.emit("bytes", b"abc")
    for _ in range(2):
        websocket.receive_message()

    after = scrape(served)

    def grown(name: str) -> float:
        return after[name] - before[name]

    assert grown("sockio_received_packets_total") == 1
    assert grown("sockio_received_bytes_total") == len('20["add",1,2]')
    assert grown("sockio_sent_packets_total") == 2
    event = '51-["bytes",{"_placeholder":true,"num":0}]'
    assert grown("sockio_sent_bytes_total") == len("30[3]" + event + "abc")


def test_a_ping_is_no_packet(serve: Serve, clock: FakeClock) -> None:
    served = begin(serve, clock=clock)
    websocket, _ = served.connect()
    before = scrape(served)
    clock.advance(25)
    assert websocket.receive() == "2"

    after = scrape(served)

    assert after["sockio_sent_packets_total"] == before["sockio_sent_packets_total"]


def test_events_by_name_and_how_long_they_take(serve: Serve, clock: FakeClock) -> None:
    served = begin(serve, clock=clock)
    websocket, socket = served.connect()

    @socket.on("slow")
    def slow(seconds: float) -> str:
        clock.advance(seconds)
        return "done"

    for number, seconds in enumerate((0.0, 0.2, 30)):
        websocket.send(f'42{number}["slow",{seconds}]')
        while websocket.receive() == "2":
            websocket.send("3")
    websocket.send('42["nonsense"]')
    wait_until(lambda: scrape(served).value("sockio_events_total", event=OTHER))

    read = scrape(served)

    assert read.value("sockio_events_total", event="slow") == 3
    assert read.value("sockio_handler_seconds_count", event="slow") == 3
    assert read.value("sockio_handler_seconds_sum", event="slow") == pytest.approx(30.2)
    below = {
        bound: read.value("sockio_handler_seconds_bucket", event="slow", le=bound)
        for bound in ("0.001", "0.1", "0.25", "10.0", "+Inf")
    }
    assert below == {"0.001": 1, "0.1": 1, "0.25": 2, "10.0": 2, "+Inf": 3}


def test_a_concurrent_handler_is_counted_when_it_has_ended(served: Served) -> None:
    websocket, socket = served.connect()
    gate = Gate()
    socket.on("beside", gate.stop, concurrent=True)
    websocket.send('42["beside"]')
    gate.wait_reached()
    count = "sockio_handler_seconds_count"
    assert scrape(served).value(count, event="beside") == 0

    gate.open()

    wait_until(lambda: scrape(served).value(count, event="beside"))


def test_a_handler_that_fails(served: Served) -> None:
    websocket, socket = served.connect()
    failed = Heard()
    socket.on_error(lambda *told: failed(*told))

    @socket.on("fail")
    def fail() -> None:
        raise RuntimeError("no")

    websocket.send('42["fail"]')
    failed.next()

    read = scrape(served)

    assert read.value("sockio_failed_handlers_total", event="fail") == 1
    assert read.value("sockio_handler_seconds_count", event="fail") == 1


def test_an_event_that_is_rejected(served: Served) -> None:
    websocket, socket = served.connect()
    rejected = Heard()
    socket.on("error", rejected)
    socket.on("one", lambda a: None)
    websocket.send('42["one"]')
    rejected.next()

    assert scrape(served).value("sockio_rejected_events_total") == 1


def test_a_name_with_a_lone_surrogate_and_quotes(served: Served) -> None:
    websocket, socket = served.connect()
    heard = Heard()
    name = '\ud800 "quoted"\n'
    socket.on(name, heard)
    websocket.send(f"42{json.dumps([name])}")
    heard.next()

    label = '\\ud800 "quoted"\n'
    assert scrape(served).value("sockio_events_total", event=label) == 1


# ------------------------------------------------------------------ what waits


def test_acknowledgements(serve: Serve, clock: FakeClock) -> None:
    served = begin(serve, clock=clock)
    _, socket = served.connect()
    missing = Heard()
    socket.emit("no hurry", ack=print)
    socket.timeout(5).emit("hurry", ack=missing)

    assert scrape(served).value("sockio_awaited_acks") == 2
    clock.advance(5)
    missing.next()
    read = scrape(served)
    assert read.value("sockio_awaited_acks") == 1
    assert read.value("sockio_missing_acks_total") == 1


def test_an_inbox_and_its_limit(serve: Serve) -> None:
    policy = sockio.InboxPolicy(high_events=20, low_events=5)
    served = begin(serve, inbox=policy)
    for _ in range(3):
        served.connect()
    websocket, socket = served.connect()
    gate = Gate()
    socket.on("a", lambda *_: gate.stop())
    sender = flood(websocket, 5000)
    gate.wait_reached()
    wait_paused(served)

    read = scrape(served)

    assert read.value("sockio_inbox_events", percentile="50") == 0
    assert (read.value("sockio_inbox_events", percentile="100") or 0) > 20
    assert (read.value("sockio_inbox_bytes", percentile="100") or 0) > 20
    assert read.value("sockio_paused_clients") == 1
    assert read.value("sockio_limits_hit_total", limit="inbox_paused") == 1
    gate.open()
    sender.get(timeout=60)


def test_what_waits_for_a_client_and_what_is_dropped(served: Served) -> None:
    _, socket = served.poll()
    socket.emit("waits", "x" * 1000)
    socket.volatile.emit("dropped")

    read = scrape(served)

    assert (read.value("sockio_buffer_bytes", percentile="100") or 0) > 1000
    assert read.value("sockio_dropped_events_total", policy="volatile") == 1


def test_the_lag_of_the_loop(serve: Serve) -> None:
    clock = LateClock()
    served = begin(serve, clock=clock)
    assert scrape(served).value("sockio_loop_lag_seconds", percentile="100") is None

    clock.late = 0.25
    clock.advance(PERIOD)

    read = scrape(served)
    assert read.value("sockio_loop_lag_seconds", percentile="100") == pytest.approx(
        0.25
    )


# ------------------------------------------------------------------ other servers


def test_an_adapter(serve: Serve) -> None:
    served = begin(serve, adapter=Cluster(Exchange().bus()))

    read = scrape(served)

    assert read.value("sockio_adapter_connected") == 1
    assert read.value("sockio_adapter_waiting_messages") == 0
    assert read.value("sockio_adapter_lost_messages_total") == 0
    served.io.reactor.observers.tell("adapter_failed", "/", RuntimeError("silence"))
    assert scrape(served).value("sockio_adapter_failures_total") == 1


@pytest.fixture
def worker(serve: Serve, tmp_path: Path) -> Callable[..., Served]:
    """Give a function that starts one more of the processes of a host."""

    def start(**options: Any) -> Served:
        bus = SiblingsBus(Folder(tmp_path))
        served = begin(serve, adapter=Cluster(bus), **options)
        served.io.start()
        return served

    return start


def test_all_workers_are_told_of_whichever_answers(
    worker: Callable[..., Served],
) -> None:
    first, second = worker(), worker()
    tags = [served.io.engine.ids.tag for served in (first, second)]
    first.connect()
    for _ in range(2):
        second.connect()

    for asked in (first, second):
        read = scrape(asked)

        values = [read.value("sockio_connects_total", worker=tag) for tag in tags]
        assert values == [1, 2]
        assert read.value("sockio_silent_workers") == 0
        assert {labels["worker"] for labels in read.all("sockio_info")} == set(tags)


def test_the_values_of_a_worker_that_has_ended_go_with_it(
    worker: Callable[..., Served],
) -> None:
    first, second = worker(), worker()
    second.connect()
    tag = second.io.engine.ids.tag
    assert scrape(first).value("sockio_connects_total", worker=tag) == 1

    second.io.close()

    read = scrape(first)
    assert read.value("sockio_connects_total", worker=tag) is None
    assert read.value("sockio_silent_workers") == 0


def test_a_worker_that_counts_nothing_is_silent(
    worker: Callable[..., Served],
) -> None:
    first = worker()
    worker(metrics=False, metrics_path=None)

    read = scrape(first)

    assert read.value("sockio_silent_workers") == 1
    assert read.value("sockio_connects_total") == 0


# ------------------------------------------------------------------ off, and mistakes


def test_nothing_is_counted_unless_it_is_asked_for(serve: Serve) -> None:
    served = serve()

    assert served.io.reactor.meter is None
    with pytest.raises(sockio.ConfigError, match=r"Server\(metrics=True\)"):
        _ = served.io.metrics_app


def test_a_page_of_nothing() -> None:
    with pytest.raises(sockio.ConfigError, match="give metrics=True, too"):
        sockio.Server(metrics_path="/metrics")


def test_a_callable_to_mount(serve: Serve) -> None:
    io: sockio.Server[Any] = sockio.Server(metrics=True)
    http_server = sockio.create_server(io.metrics_app)
    loopback = Loopback(http_server.app)

    assert scrape(loopback).value("sockio_namespaces") == 1
    loopback.close()
    io.close()


def test_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(sockio.ConfigError, match=r"pip install 'sockio\[metrics\]'"):
        sockio.Server(metrics=True, metrics_path="/metrics")


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": -1},
        {"names": True},
        {"buckets": ()},
        {"buckets": (1, 1)},
        {"buckets": (0.0, 1)},
        {"buckets": "0.1"},
        {"buckets": 5},
        {"buckets": (1.0, float("inf"))},
    ],
)
def test_metrics_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(sockio.ConfigError, match=r"Metrics\((names|buckets)="):
        sockio.Metrics(**wrong)
