"""Validated events: what a wrong one comes to, and what a right one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flask
import msgspec
import pytest

import sockio
from sockio.integrations.flask import Namespace, SocketIO
from sockio.schema.gathering import gather
from sockio.testing import TestClient
from tests.support.served import Heard, Served

from .conftest import Serve


class Item(msgspec.Struct):
    """One of the things that are ordered."""

    price: float
    picture: bytes = b""


@dataclass
class Order:
    """What clients send."""

    items: list[Item]
    note: str | None = None


@dataclass
class Ratio:
    """A type whose code fails."""

    value: float

    def __post_init__(self) -> None:
        self.value = 1 / self.value


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve(validate=True)


def total(order: Order, discount: float = 0.0) -> float:
    return sum(item.price for item in order.items) - discount


# ------------------------------------------------------------------ on the wire


def test_a_handler_gets_its_types_and_answers(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("order", total)

    websocket.send('421["order",{"items":[{"price":3},{"price":4.5}]},2]')

    assert websocket.receive() == "431[5.5]"


def test_attachments_are_bytes_inside_of_types(served: Served) -> None:
    websocket, socket = served.connect()
    heard = Heard()

    @socket.on("order")
    def order(order: Order) -> None:
        heard(order)

    placeholder = '{"_placeholder":true,"num":0}'
    websocket.send(f'451-["order",{{"items":[{{"price":1,"picture":{placeholder}}}]}}]')
    websocket.send(b"\x01\x02")

    assert heard.next() == (Order([Item(1.0, b"\x01\x02")]),)


def test_a_client_that_asks_is_told_what_is_wrong(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("order", total)

    websocket.send('421["order",{"items":[{"price":"3"}]}]')
    websocket.send('422["order"]')

    assert websocket.receive() == (
        '431[{"error":{"message":"event \'order\': order.items[0].price: Expected '
        '`float`, got `str`","path":"order.items[0].price"}}]'
    )
    answer = websocket.receive()
    assert str(answer).startswith('432[{"error":{"message":"event \'order\' came with')
    assert '"path"' not in str(answer)


def test_a_wrong_event_ends_nothing_and_is_a_warning_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    websocket, socket = served.connect()
    errors, heard = Heard(), Heard()
    socket.on("error", errors)

    @socket.on("order")
    def order(order: Order) -> None:
        heard(order)

    for _ in range(2):
        websocket.send('42["order",5]')
    websocket.send('42["order",{"items":[]}]')

    assert heard.next() == (Order([]),)
    assert [error.path for (error,) in errors.calls] == ["order", "order"]
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "event 'order': order: Expected `object`, got `int`" in warnings[0]
    assert socket.connected


def test_the_errors_of_handlers_are_answered_only_if_that_is_wanted(
    served: Served,
) -> None:
    websocket, socket = served.connect()
    socket.on("fail", lambda: 1 / 0)
    socket.on("after", lambda: "answered")

    websocket.send('421["fail"]')
    websocket.send('422["after"]')

    assert websocket.receive() == '432["answered"]'


def test_without_the_option_types_are_for_checkers(serve: Serve) -> None:
    websocket, socket = serve().connect()
    heard = Heard()

    @socket.on("order")
    def order(order: Order) -> None:
        heard(order)

    websocket.send('42["order",5]')

    assert heard.next() == (5,)


# ------------------------------------------------------------------ in a test


@pytest.fixture
def io() -> sockio.Server[Any]:
    return sockio.Server(validate=True)


def listening(io: sockio.Server[Any], **handlers: Callable[..., Any]) -> TestClient:
    """Return a client of a server with these handlers."""

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        for event, handler in handlers.items():
            socket.on(event, handler)

    return TestClient(io)


def test_a_test_gets_the_error(io: sockio.Server[Any]) -> None:
    with listening(io, order=total) as client:
        with pytest.raises(sockio.EventRejected, match=r"items\[0\].price") as caught:
            client.emit("order", {"items": [{"price": "3"}]})
        assert caught.value.path == "order.items[0].price"
        assert client.emit_with_ack("order", {"items": [{"price": 3}]}) == 3.0


def test_each_listener_gets_its_own_types(io: sockio.Server[Any]) -> None:
    got: list[Any] = []

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        @socket.on("item")
        def plain(item: dict[str, Any]) -> None:
            got.append(item)

        @socket.on("item", concurrent=True)
        def typed(item: Item) -> None:
            got.append(item)

        @socket.once("item")
        def once(*, ack: Callable[..., None]) -> None:
            got.append("never")

    wrong = pytest.raises(sockio.EventRejected, match="takes no arguments")
    with TestClient(io) as client, wrong:
        client.emit("item", {"price": 1})
    assert got == [{"price": 1}, Item(1.0)]


def test_observers_are_told(io: sockio.Server[Any]) -> None:
    seen: list[Any] = []

    class Recorder(sockio.Observer):
        def event_rejected(self, socket: Any, event: str, error: Any) -> None:
            seen.append((socket.id, event, error.path))

    io.observe(Recorder())
    with listening(io, order=total) as client:
        with pytest.raises(sockio.EventRejected):
            client.emit("order", 5)
        assert seen == [(client.id, "order", "order")]


def test_code_of_a_type_that_fails_fails_as_its_handler(
    io: sockio.Server[Any],
) -> None:
    def ratio(ratio: Ratio) -> float:
        return ratio.value

    failed: list[Any] = []
    io.on_error(lambda socket, event, args, error: failed.append((event, args)))
    with listening(io, ratio=ratio) as client:
        answers: list[Any] = []
        client.emit("ratio", {"value": 0}, ack=answers.append)
        assert failed == [("ratio", ({"value": 0},))]
        assert answers == []
        assert client.emit_with_ack("ratio", {"value": 2}) == 0.5


def test_a_guard_may_name_a_path_too() -> None:
    io = sockio.Server(error_acks=True)

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        @socket.use
        def cheap(event: str, args: Any) -> None:
            raise sockio.EventRejected("too dear", path="order.total")

        socket.on("order", total)

    answers: list[Any] = []
    dear = pytest.raises(sockio.EventRejected, match="too dear")
    with TestClient(io) as client, dear:
        client.emit("order", {}, ack=answers.append)
    assert answers == [{"error": {"message": "too dear", "path": "order.total"}}]


def test_missing_arguments_are_none_where_numbers_do_not_count() -> None:
    def pair(first: int, second: str | None) -> Any:
        return [first, second]

    io = sockio.Server(validate=True, strict_args=False)
    with listening(io, pair=pair) as client:
        assert client.emit_with_ack("pair", 1) == [1, None]
        assert client.emit_with_ack("pair", 1, "a", "more") == [1, "a"]
        with pytest.raises(sockio.EventRejected, match="first: Expected `int`"):
            client.emit("pair")


def test_a_type_that_cannot_be_validated_is_told_at_once(
    io: sockio.Server[Any],
) -> None:
    def either(value: Item | Order) -> None: ...

    wrong = pytest.raises(sockio.ConfigError, match="the type of value cannot be")
    with wrong, listening(io, either=either):
        pytest.fail("the client was let in")


def test_our_own_events_keep_their_arguments(io: sockio.Server[Any]) -> None:
    seen: list[Any] = []

    def gone(reason: bytes) -> None:
        seen.append(reason)

    def failed(error: sockio.EventRejected) -> None:
        seen.append(error.path)

    with listening(io, disconnect=gone, error=failed, order=total) as client:
        for event in ("order", "error"):
            with pytest.raises(sockio.EventRejected):
                client.emit(event, 5)
    assert seen == ["order", "error", "client namespace disconnect"]


# ------------------------------------------------------------------ classes


class Orders(sockio.NamespaceHandler):
    """Handlers as methods."""

    namespace = "/orders"

    def on_create(self, socket: sockio.Socket, order: Order) -> float:
        return total(order)


class SeenFirst(Orders):
    """It sees every event first."""

    def trigger_event(self, event: str, socket: sockio.Socket, *args: Any) -> Any:
        return super().trigger_event(event, socket, *args)


@pytest.mark.parametrize("handler", [Orders, SeenFirst])
def test_methods_get_their_types(
    io: sockio.Server[Any], handler: type[sockio.NamespaceHandler]
) -> None:
    io.register(handler)

    with TestClient(io, namespace="/orders") as client:
        assert client.emit_with_ack("create", {"items": [{"price": 3}]}) == 3.0
        with pytest.raises(sockio.EventRejected, match="order: Expected `object`"):
            client.emit("create", 3)


def test_a_class_that_sees_events_first_gets_any_without_the_option() -> None:
    io = sockio.Server()
    io.register(SeenFirst)

    raw = pytest.raises(AttributeError)
    with TestClient(io, namespace="/orders") as client, raw:
        client.emit("create", 3)


# ------------------------------------------------------------------ Flask


class FlaskOrders(Namespace):
    """The same for Flask."""

    def on_create(self, order: Order) -> float:
        return total(order)


@pytest.fixture
def socketio() -> SocketIO:
    socketio = SocketIO(validate=True)
    socketio.on("early")(total)
    socketio.on_namespace(FlaskOrders("/early"))
    socketio.init_app(flask.Flask(__name__))
    socketio.on("late")(total)
    socketio.on("*")(anything)
    socketio.on_namespace(FlaskOrders("/late"))
    return socketio


def anything(event: str, order: Order) -> float:
    return total(order)


@pytest.mark.parametrize(
    ("namespace", "event"),
    [
        ("/", "early"),
        ("/", "late"),
        ("/", "other"),
        ("/early", "create"),
        ("/late", "create"),
    ],
)
def test_handlers_of_flask_get_their_types(
    socketio: SocketIO, namespace: str, event: str
) -> None:
    answers: list[Any] = []
    with TestClient(socketio.io, namespace=namespace) as client:
        assert client.emit_with_ack(event, {"items": [{"price": 3}]}) == 3.0
        with pytest.raises(sockio.EventRejected, match="order: Expected `object`"):
            client.emit(event, 3, ack=answers.append)
    assert [answer["error"]["path"] for answer in answers] == ["order"]


def test_flask_tells_of_types_that_cannot_be_validated() -> None:
    def either(value: Item | Order) -> None: ...

    app = flask.Flask(__name__)
    socketio = SocketIO(app, validate=True)
    with pytest.raises(sockio.ConfigError, match="the type of value"):
        socketio.on_event("order", either)
    earlier = SocketIO()
    earlier.on_event("order", functools.partial(either))
    with pytest.raises(sockio.ConfigError, match="the type of value"):
        earlier.init_app(app, validate=True)


def test_a_schema_has_the_handlers_of_flask(socketio: SocketIO) -> None:
    found = {
        channel.name: {
            event.name: [each.name for each in event.parameters]
            for event in channel.received.values()
        }
        for channel in gather(socketio.io).channels
    }

    assert found == {
        "/": {"early": ["order", "discount"], "late": ["order", "discount"]},
        "/early": {"create": ["order"]},
        "/late": {"create": ["order"]},
    }
