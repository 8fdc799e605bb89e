"""Spans: one for each call of the application's code, and where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sockio
from sockio.adapters import Cluster, SiblingsBus
from sockio.siblings.place import Folder
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Heard, Served
from tests.support.waiting import wait_until

from .conftest import Serve

#: Of the request that opens a connection.
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Spans:
    """The spans that have ended."""

    def __init__(self) -> None:
        # Here, since only these tests need the packages.
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
            InMemorySpanExporter,
        )

        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def wait(self, name: str) -> Any:
        """Return the first span of that name. Blocks until it has ended."""
        wait_until(lambda: name in [each.name for each in self.ended])
        return next(each for each in self.ended if each.name == name)

    @property
    def ended(self) -> list[Any]:
        return list(self._exporter.get_finished_spans())


@pytest.fixture
def spans() -> Iterator[Spans]:
    spans = Spans()
    yield spans
    spans.provider.shutdown()


@pytest.fixture
def traced(serve: Serve, spans: Spans) -> Callable[..., Served]:
    """Give a function that starts a server which is traced."""
    from sockio.integrations.opentelemetry import trace

    def start(**options: Any) -> Served:
        served = serve(**options)
        trace(served.io, spans.provider)
        return served

    return start


@pytest.fixture
def served(traced: Callable[..., Served]) -> Served:
    return traced()


def join(served: Served, **headers: str) -> tuple[RawWebSocket, sockio.Socket[Any]]:
    websocket, _ = served.raw.open_websocket_session(headers)
    websocket.send("40")
    websocket.receive_message()
    return websocket, served.newest()


def ids(span: Any) -> tuple[str, str | None]:
    """Return the trace of a span, and its parent."""
    parent = None if span.parent is None else f"{span.parent.span_id:016x}"
    return f"{span.context.trace_id:032x}", parent


def own_id(span: Any) -> str:
    return f"{span.context.span_id:016x}"


def test_an_event(served: Served, spans: Spans) -> None:
    websocket, socket = join(served)
    socket.on("chat", lambda text: text)
    websocket.send('420["chat","hi"]')
    websocket.receive_message()

    span = spans.wait("event chat")

    assert dict(span.attributes) == {
        "sockio.kind": "event",
        "sockio.namespace": "/",
        "sockio.event": "chat",
    }
    assert span.kind.name == "CONSUMER"
    assert span.parent is None
    assert span.instrumentation_scope.name == "sockio"


def test_a_handler_that_fails(served: Served, spans: Spans) -> None:
    websocket, socket = join(served)
    socket.on_error(lambda *told: None)

    @socket.on("fail")
    def fail() -> None:
        raise RuntimeError("no")

    websocket.send('42["fail"]')

    span = spans.wait("event fail")
    assert span.status.status_code.name == "ERROR"
    assert [event.name for event in span.events] == ["exception"]


def test_a_connection_belongs_to_its_request(served: Served, spans: Spans) -> None:
    served.io.use(lambda socket: None)
    served.io.on("connection", lambda socket: None)
    served.io.engine.use(lambda request, response: None)

    join(served, **TRACEPARENT)

    for name in ("http", "middleware", "connection connection"):
        span = spans.wait(name)
        assert ids(span) == (TRACE, PARENT)
        assert span.kind.name == "SERVER"


def test_an_event_is_linked_to_the_request(served: Served, spans: Spans) -> None:
    websocket, socket = join(served, **TRACEPARENT)
    socket.on("chat", lambda: None)
    websocket.send('42["chat"]')

    span = spans.wait("event chat")

    assert ids(span)[0] != TRACE
    [link] = span.links
    assert f"{link.context.span_id:016x}" == PARENT


def test_an_acknowledgement_belongs_to_the_emit(served: Served, spans: Spans) -> None:
    websocket, socket = join(served)
    acked = Heard()

    @socket.on("ask")
    def ask() -> None:
        socket.emit("question", ack=acked)
        served.io.timeout(30).emit("all", ack=acked)

    websocket.send('42["ask"]')
    websocket.receive_message()
    websocket.receive_message()
    asked = spans.wait("event ask")
    websocket.send("430[]")
    websocket.send("431[]")
    acked.next()
    acked.next()
    wait_until(lambda: len(spans.ended) == 3)

    for span in spans.ended[1:]:
        assert ids(span) == (ids(asked)[0], own_id(asked))


def test_a_task_belongs_to_who_has_spawned_it(served: Served, spans: Spans) -> None:
    websocket, socket = join(served)
    socket.on("work", lambda: served.io.spawn(int) and None)
    websocket.send('42["work"]')

    task, event = spans.wait("task"), spans.wait("event work")

    assert ids(task) == (ids(event)[0], own_id(event))


def test_an_event_for_other_workers_belongs_to_the_emit(
    traced: Callable[..., Served], spans: Spans, tmp_path: Path
) -> None:
    first, second = [
        traced(adapter=Cluster(SiblingsBus(Folder(tmp_path)))) for _ in range(2)
    ]
    for served in (first, second):
        served.io.start()
        served.io.fetch_sockets()
    second.io.on("reload", lambda what: what)
    websocket, socket = join(first)

    @socket.on("change")
    def change() -> Any:
        first.io.server_side_emit("reload", 1)
        return first.io.server_side_emit_with_ack("reload", 2)

    websocket.send('420["change"]')
    assert websocket.receive_message() == "430[[2]]"

    changed = spans.wait("event change")
    wait_until(lambda: len(spans.ended) == 3)
    reloads = [span for span in spans.ended if span.name == "event reload"]
    assert [ids(span) for span in reloads] == [(ids(changed)[0], own_id(changed))] * 2


def test_a_server_is_traced_once(served: Served) -> None:
    from sockio.integrations.opentelemetry import trace

    with pytest.raises(sockio.ConfigError, match="traced already"):
        trace(served.io)
