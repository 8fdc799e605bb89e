"""Events: what they carry, in which order they are handled, which names are refused."""

from __future__ import annotations

import enum
import json
import math
import os
from collections.abc import Callable
from typing import Any, Protocol

import gevent
import gevent.event
import pytest

import sockio
from sockio.errors import (
    EncodeError,
    EventRejected,
    ReservedEventError,
)
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Gate, Heard, Served, event

from .conftest import Serve

RESERVED = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
]
#: Events that each of ten clients sends; the full count takes minutes.
LONG = os.environ.get("SOCKIO_LONG") == "1"
COUNT = 10_000 if LONG else 1000


def echoing(served: Served) -> tuple[RawWebSocket, Any]:
    """Connect a client whose ``echo`` events come back."""
    websocket, socket = served.connect()
    socket.on("echo", lambda *args: socket.emit("echo", *args))
    return websocket, socket


class Name(str, enum.Enum):
    ECHO = "echo"


def test_a_member_of_an_enumeration_is_a_name_by_its_value(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on(Name.ECHO, lambda *args: socket.emit(Name.ECHO, *args))

    websocket.send('42["echo",1]')
    assert websocket.receive_event() == ["echo", 1]
    served.io.emit(Name.ECHO, 2)
    assert websocket.receive_event() == ["echo", 2]
    with pytest.raises(TypeError, match="an event is"):
        socket.emit(None)  # type: ignore[call-overload]


# ------------------------------------------------------------------ what travels

VALUES: list[Any] = [
    None,
    True,
    0,
    -1.5,
    "",
    "text",
    "üñí😀\u2028",
    [],
    {},
    [[1], [2, {"a": [None]}]],
    {"ключ": {"": 0}},
    2**53,
    -(2**63),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_went(served: Served, value: Any) -> None:
    websocket, _ = echoing(served)

    websocket.send("42" + json.dumps(["echo", value, value]))

    assert websocket.receive_event() == ["echo", value, value]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_has_not_become_null(served: Served, number: float) -> None:
    # As JSON.stringify does it.
    websocket, socket = served.connect()

    socket.emit("x", number, [number])

    assert websocket.receive() == '42["x",null,[null]]'


def test_a_lone_surrogate_travels_as_an_escape(served: Served) -> None:
    # In both directions.
    websocket, _ = echoing(served)

    websocket.send(r'42["echo","\ud800"]')

    assert websocket.receive() == r'42["echo","\ud800"]'


def test_number_keys_and_long_integers_travel(served: Served) -> None:
    # orjson refuses them.
    websocket, socket = served.connect()

    socket.emit("x", {1: "a"}, 2**70)

    assert websocket.receive() == f'42["x",{{"1":"a"}},{2**70}]'


def test_deep_nesting_travels(served: Served) -> None:
    websocket, _ = echoing(served)
    deep = "[" * 200 + "]" * 200

    websocket.send(f'42["echo",{deep}]')

    assert websocket.receive() == f'42["echo",{deep}]'


@pytest.mark.parametrize("bad", [object(), {(1, 2): 3}, {1, 2}, lambda: None])
def test_what_cannot_travel_is_an_error_of_the_caller(served: Served, bad: Any) -> None:
    websocket, socket = served.connect()

    for emit in (socket.emit, served.io.emit, socket.to(socket.id).emit):
        with pytest.raises(EncodeError) as caught:
            emit("x", [bad])
        assert isinstance(caught.value, TypeError)

    socket.emit("nothing came before")
    assert websocket.receive_event() == ["nothing came before"]


def test_something_recursive_is_an_error_of_the_caller(served: Served) -> None:
    loop: list[Any] = []
    loop.append(loop)
    _, socket = served.connect()

    with pytest.raises(EncodeError):
        socket.emit("x", loop)


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names_cannot_be_emitted(served: Served, name: str) -> None:
    _, socket = served.connect()
    emits: list[Callable[..., object]] = [
        socket.emit,
        socket.emit_with_ack,
        socket.call,
        socket.volatile.emit,
        socket.timeout(1).emit_with_ack,
        socket.broadcast.emit,
        served.io.emit,
        served.io.timeout(1).emit_with_ack,
        served.io.to("x").emit,
    ]

    for emit in emits:
        with pytest.raises(ReservedEventError, match=f'"{name}" is a reserved event'):
            emit(name)


@pytest.mark.parametrize(
    "name", ["adapter_gap", "connect", "connection", "new_namespace"]
)
def test_servers_have_reserved_names_too(io: sockio.Server[Any], name: str) -> None:
    for emit in (io.server_side_emit, io.of("/x").server_side_emit_with_ack):
        with pytest.raises(ReservedEventError):
            emit(name)


@pytest.mark.parametrize("name", ["connection", "message", "", "constructor", "a b"])
def test_other_names_are_ordinary(served: Served, name: str) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on(name, heard)

    websocket.send("42" + json.dumps([name, 1]))

    assert heard.next() == (1,)
    socket.emit(name, 2)
    assert websocket.receive_event() == [name, 2]


def test_a_number_is_a_name(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on(5, heard)

    websocket.send('42[5,"n"]')

    assert heard.next() == ("n",)


@pytest.mark.parametrize(
    ("number", "name"),
    [("5.5", "5.5"), ("5.0", "5"), ("-0.5", "-0.5"), ("123456789012", "123456789012")],
)
def test_a_number_is_named_as_in_javascript(
    served: Served, number: str, name: str
) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on(name, heard)

    websocket.send(f'42[{number},"n"]')

    assert heard.next() == ("n",)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e21", "12345678901234567890"])
def test_no_number_is_too_large_for_a_name(
    served: Served, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard, rest = Heard(), Heard()
    websocket, socket = served.connect()
    socket.on_any(heard)
    socket.on("after", rest)

    websocket.send(f"42[{number},1]")
    websocket.send('42["after"]')

    assert heard.next()[1:] == (1,)
    assert rest.next() == ()
    assert not caplog.records


def test_a_client_may_emit_error(served: Served) -> None:
    # Listeners of "error" get it like any other event.
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("error", heard)

    websocket.send('42["error","x"]')

    assert heard.next() == ("x",)


def test_an_event_nobody_listens_to_is_ignored(served: Served) -> None:
    websocket, socket = served.connect()

    websocket.send('42["nobody","cares"]')
    websocket.send('420["nobody","answers"]')

    socket.emit("still here")
    assert websocket.receive_event() == ["still here"]


def test_send_emits_message(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("message", heard)

    assert socket.send("a", 1) is socket
    assert socket.write("b") is socket
    assert served.io.send("c") is served.io
    socket.compress(False).send("d")

    assert [websocket.receive_event() for _ in "abcd"] == [
        ["message", "a", 1],
        ["message", "b"],
        ["message", "c"],
        ["message", "d"],
    ]
    websocket.send('42["message","e"]')
    assert heard.next() == ("e",)


# ------------------------------------------------------------------ listeners


def test_listeners_run_in_order(served: Served) -> None:
    order = Heard()
    websocket, socket = served.connect()
    socket.on("x", lambda: order(2))
    socket.on("x", lambda: order(3))
    socket.prepend_listener("x", lambda: order(1))

    websocket.send('42["x"]')

    assert [order.next() for _ in range(3)] == [(1,), (2,), (3,)]


def test_once_hears_one_event(served: Served) -> None:
    heard, rest = Heard(), Heard()
    websocket, socket = served.connect()
    socket.once("x", heard)
    socket.on("y", rest)

    websocket.send('42["x",1]')
    websocket.send('42["x",2]')
    websocket.send('42["y"]')

    rest.next()
    assert heard.calls == [(1,)]


def test_off_removes_a_listener(served: Served) -> None:
    heard, rest = Heard(), Heard()
    websocket, socket = served.connect()
    socket.on("x", heard)
    socket.on("y", rest)

    assert socket.off("x", heard) is socket

    websocket.send('42["x"]')
    websocket.send('42["y"]')
    rest.next()
    assert heard.calls == []
    assert socket.listener_count("x") == 0
    assert socket.event_names() == ["y"]


def test_listeners_by_decorator(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()

    @socket.on("one")
    def first(value: int) -> None:
        heard("one", value)

    @socket.event
    def two(value: int) -> None:
        heard("two", value)

    @socket.once("three")
    def third(value: int) -> None:
        heard("three", value)

    for name in ("one", "two", "three"):
        websocket.send(f'42["{name}",1]')

    assert [heard.next()[0] for _ in range(3)] == ["one", "two", "three"]


def test_a_listener_that_fails_is_reported_and_ends_nothing_else(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    # It is logged, and the socket fires "error".
    errors, heard = Heard(), Heard()
    websocket, socket = served.connect()
    socket.on("x", lambda: 1 / 0)
    socket.on("x", heard)
    socket.on("error", errors)

    websocket.send('42["x"]')
    websocket.send('42["x"]')

    for _ in range(2):
        assert isinstance(errors.next()[0], ZeroDivisionError)
        assert heard.next() == ()
    assert "ZeroDivisionError" in caplog.text


def test_a_listener_that_runs_out_of_time_has_failed(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    # gevent.Timeout is no subclass of Exception.
    errors, heard = Heard(), Heard()
    websocket, socket = served.connect()

    @socket.on("x")
    def slow() -> None:
        with gevent.Timeout(0.001):
            gevent.event.Event().wait()

    socket.on("x", heard)
    socket.on("error", errors)

    websocket.send('42["x"]')

    assert isinstance(errors.next()[0], gevent.Timeout)
    assert heard.next() == ()
    assert "Timeout" in caplog.text


def test_an_error_listener_that_fails_is_logged(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("x", lambda: 1 / 0)
    socket.on("error", lambda error: [].pop())
    socket.on("y", heard)

    websocket.send('42["x"]')
    websocket.send('42["y"]')

    heard.next()
    assert "IndexError" in caplog.text


# ------------------------------------------------------------------ arguments


@pytest.mark.parametrize("packet", ['42["pair"]', '42["pair",1]', '42["pair",1,2,3]'])
def test_a_wrong_number_of_arguments_is_rejected(served: Served, packet: str) -> None:
    errors, heard = Heard(), Heard()
    websocket, socket = served.connect()
    socket.on("error", errors)

    @socket.on("pair")
    def pair(a: int, b: int) -> None:
        heard(a, b)

    websocket.send(packet)
    websocket.send('42["pair",1,2]')

    (error,) = errors.next()
    assert isinstance(error, EventRejected)
    assert "pair(a, b) takes 2 arguments" in str(error)
    assert heard.next() == (1, 2)
    assert heard.calls == [(1, 2)]


def test_a_wrong_number_is_told_where_that_is_wanted(serve: Serve) -> None:
    served = serve(error_acks=True)
    websocket, socket = served.connect()
    socket.on("none", lambda: None)

    websocket.send('421["none","extra"]')

    answer = str(websocket.receive())
    assert answer.startswith('431[{"error":{"message":"event')
    assert "takes no arguments" in answer


@pytest.mark.parametrize(
    ("handler", "args", "text"),
    [
        (lambda a, ack: None, '"x"', "make ack keyword-only: <lambda>(a, *, ack)"),
        (lambda ack: None, "", "make ack keyword-only: <lambda>(*, ack)"),
        (lambda a, callback: None, "1", "make callback keyword-only: <lambda>(a, *, "),
        (lambda a, b: None, "1", "came with 1 argument, but <lambda>(a, b) takes 2 "),
        (lambda a: None, "1,2", "came with 2 arguments, but <lambda>(a) takes 1 argu"),
        (lambda a: None, "", "came with no arguments, but"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_told(
    served: Served,
    handler: Any,
    args: str,
    text: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = Heard()
    websocket, socket = served.connect()
    socket.on("error", errors)
    socket.on("sa", handler)

    websocket.send(f'421["sa"{args and ","}{args}]')

    (error,) = errors.next()
    assert text in str(error)
    assert text in caplog.text
    assert ("keyword-only" in str(error)) is ("keyword-only" in text)


def test_lenient_arguments_are_those_of_javascript(serve: Serve) -> None:
    # Missing ones are None, extra ones are dropped.
    heard = Heard()
    served = serve(strict_args=False)
    websocket, socket = served.connect()

    @socket.on("pair")
    def pair(a: int, b: int) -> None:
        heard(a, b)

    for packet in ('42["pair"]', '42["pair",1]', '42["pair",1,2,3]'):
        websocket.send(packet)

    assert heard.next() == (None, None)
    assert heard.next() == (1, None)
    assert heard.next() == (1, 2)


def test_defaults_and_stars_are_counted(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()

    @socket.on("x")
    def defaults(a: int, b: int = 7) -> None:
        heard(a, b)

    @socket.on("x")
    def stars(a: int, *rest: int) -> None:
        heard(a, rest)

    websocket.send('42["x",1]')
    websocket.send('42["x",1,2]')

    assert heard.next() == (1, 7)
    assert heard.next() == (1, ())
    assert heard.next() == (1, 2)
    assert heard.next() == (1, (2,))


# ------------------------------------------------------------------ typed events


def test_typed_events_travel_by_their_name(served: Served) -> None:
    new_message: sockio.Event[[str, int], bool] = sockio.event("new message")
    websocket, socket = served.connect()

    @socket.on(new_message)
    def handler(text: str, n: int) -> bool:
        return len(text) == n

    socket.emit(new_message, "hi", 3)
    served.io.emit(new_message, "all", 3)
    websocket.send('421["new message","abc",3]')

    assert websocket.receive_event() == ["new message", "hi", 3]
    assert websocket.receive_event() == ["new message", "all", 3]
    assert websocket.receive() == "431[true]"


def test_a_map_of_events_emits_by_attribute(served: Served) -> None:
    class ToClient(Protocol):
        def order_new(self, order: dict[str, int]) -> None: ...

    websocket, socket = served.connect()
    socket.join("shop")

    served.io.to("shop").only_typed(ToClient).order_new({"id": 1})

    assert websocket.receive_event() == ["order_new", {"id": 1}]


# ------------------------------------------------------------------ order


def test_one_event_at_a_time_in_order(served: Served) -> None:
    gate, order = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("x")
    def handler(number: int) -> None:
        order("start", number)
        if number == 0:
            gate.stop()
        gevent.idle()
        order("end", number)

    for number in range(3):
        websocket.send(f'42["x",{number}]')
    gate.wait_reached()
    assert order.calls == [("start", 0)]
    gate.open()

    heard = [order.next() for _ in range(6)]
    assert heard == [(what, n) for n in range(3) for what in ("start", "end")]


def test_what_one_greenlet_emits_arrives_in_order(served: Served) -> None:
    websocket, socket = served.connect()

    for number in range(200):
        target = (socket, served.io, served.io.to(socket.id))[number % 3]
        target.emit("n", number, b"x" * (number % 7 == 0))

    received: list[int] = []
    while len(received) < 200:
        message = websocket.receive()
        if isinstance(message, str):
            received.append(event("42" + message[message.index("[") :])[1])
    assert received == list(range(200))


def _collect(receive: Callable[[], list[str]], count: int) -> list[int]:
    numbers: list[int] = []
    while len(numbers) < count:
        for packet in receive():
            if packet.startswith("42"):
                numbers.append(event(packet)[1])
    return numbers


def _echo_by_websocket(served: Served, count: int) -> list[int]:
    websocket, _ = served.connect()
    sender = gevent.spawn(_send_all, lambda text: websocket.send(text), count)
    numbers = _collect(lambda: [str(websocket.receive_message(20))], count)
    sender.get(timeout=30)
    return numbers


def _send_all(send: Callable[[str], object], count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        send(f'42["echo",{number}]')


def _post_all(session: PollingSession, count: int) -> None:
    for start in range(0, count, 20):
        numbers = range(start, min(start + 20, count))
        session.post("\x1e".join(f'42["echo",{number}]' for number in numbers))


def _echo_by_polling(served: Served, count: int) -> list[int]:
    session, _ = served.poll()
    sender = gevent.spawn(_post_all, session, count)
    numbers = _collect(lambda: session.poll(20).packets, count)
    sender.get(timeout=30)
    return numbers


def _echo_through_the_upgrade(served: Served, count: int) -> list[int]:
    """Send a third by polling and the rest by WebSocket; upgrade while echoes come."""
    session, _ = served.poll()
    third = count // 3
    _post_all(session, third)
    websocket = session.websocket()
    websocket.send("2probe")
    numbers: list[int] = []
    # Like a client: poll until the server has released the last poll.
    while True:
        packets = session.poll(20).packets
        numbers += [event(packet)[1] for packet in packets if packet[:2] == "42"]
        if "6" in packets:
            break
    assert websocket.receive() == "3probe"
    websocket.send("5")
    sender = gevent.spawn(_send_all, websocket.send, count - third, third)
    numbers += _collect(
        lambda: [str(websocket.receive_message(20))], count - len(numbers)
    )
    sender.get(timeout=30)
    return numbers


@pytest.mark.patience(600 if LONG else 20)
@pytest.mark.parametrize(
    "echo",
    [_echo_by_polling, _echo_through_the_upgrade, _echo_by_websocket],
    ids=["polling", "upgrade", "websocket"],
)
def test_events_of_ten_clients_come_back_in_order(
    served: Served, echo: Callable[[Served, int], list[int]]
) -> None:
    @served.io.on("connection")
    def connected(socket: Any) -> None:
        socket.on("echo", lambda number: socket.emit("echo", number))

    tasks = [gevent.spawn(echo, served, COUNT) for _ in range(10)]

    for task in tasks:
        assert task.get() == list(range(COUNT))
