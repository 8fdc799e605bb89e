"""Error handlers: who is asked about the error of a handler, and what comes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

import sockio
from sockio.testing import FakeClock, TestClient
from tests.support.served import Heard, Served

from .conftest import Serve


class Asked:
    """An error handler that notes what it is asked, and does as it was told."""

    def __init__(self, seen: list[Any], name: str, then: Any = None) -> None:
        self._seen = seen
        self._name = name
        self._then = then

    def __call__(
        self, socket: Any, event: str, args: tuple[Any, ...], error: BaseException
    ) -> Any:
        self._seen.append((self._name, event, args, error))
        if self._then == "pass on":
            raise error
        if isinstance(self._then, Exception):
            raise self._then
        return self._then


def fail(*args: Any) -> None:
    raise LookupError("not here")


@pytest.fixture
def seen() -> list[Any]:
    return []


def names(seen: list[Any]) -> list[str]:
    return [name for name, *_ in seen]


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


# ------------------------------------------------------------------ who is asked


def test_what_an_error_handler_is_asked(served: Served, seen: list[Any]) -> None:
    websocket, socket = served.connect()
    asked: list[Any] = []
    socket.on("fail", fail)
    served.io.on_error(lambda *about: asked.extend(about))

    websocket.send('420["fail",1,"two"]')
    websocket.send('421["end"]')
    socket.wait_for("end")

    assert asked[:3] == [socket, "fail", (1, "two")]
    assert isinstance(asked[3], LookupError)


def test_the_nearest_is_asked_first(served: Served, seen: list[Any]) -> None:
    io = served.io
    io.on_error(Asked(seen, "server", "pass on"))
    io.of("/").on_error(Asked(seen, "namespace", "pass on"))
    websocket, socket = served.connect()
    socket.on_error(Asked(seen, "socket", "pass on"))
    socket.on_error(Asked(seen, "socket, second", "pass on"))
    io.on_error(Asked(seen, "server, second", "the answer"))
    io.on_error(Asked(seen, "server, third"))
    socket.on("fail", fail)

    websocket.send('420["fail"]')

    assert websocket.receive_message() == '430["the answer"]'
    assert names(seen) == [
        "socket",
        "socket, second",
        "namespace",
        "server",
        "server, second",
    ]


def test_the_one_that_returns_has_handled_it(
    served: Served, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    websocket, socket = served.connect()
    served.io.on_error(Asked(seen, "server"))
    socket.on_error(Asked(seen, "socket"))
    errors = Heard()
    socket.on("error", errors)
    socket.on("fail", fail)

    websocket.send('420["fail"]')
    websocket.send('421["end"]')
    socket.wait_for("end")

    assert names(seen) == ["socket"]
    assert (errors.calls, messages(caplog)) == ([], [])


def test_an_error_that_nobody_handles_is_logged(
    served: Served, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    websocket, socket = served.connect()
    socket.on_error(Asked(seen, "socket", "pass on"))
    errors = Heard()
    socket.on("error", errors)
    socket.on("fail", fail)

    websocket.send('420["fail"]')

    assert isinstance(errors.next()[0], LookupError)
    [record] = caplog.records
    assert re.fullmatch(r"sid=\S+ listener .* failed", record.getMessage())
    assert record.exc_info is not None
    assert record.exc_info[1] is errors.calls[0][0]


def test_the_error_of_an_error_handler_goes_on_in_place_of_the_first(
    served: Served, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    websocket, socket = served.connect()
    broken = ZeroDivisionError("broken")
    served.io.on_error(Asked(seen, "server", "pass on"))
    socket.on_error(Asked(seen, "socket", broken))
    errors = Heard()
    socket.on("error", errors)
    socket.on("fail", fail)

    websocket.send('420["fail"]')

    assert errors.next() == (broken,)
    assert [entry[3] for entry in seen] == [broken.__context__, broken]
    assert isinstance(broken.__context__, LookupError)
    assert len(messages(caplog)) == 1


def test_those_of_other_namespaces_are_not_asked(serve: Serve, seen: list[Any]) -> None:
    served = serve()
    served.io.of("/a").on_error(Asked(seen, "a"))
    served.io.of("/b").on_error(Asked(seen, "b"))
    served.io.of("/a").on("connection", lambda socket: socket.on("fail", fail))

    with TestClient(served.io, namespace="/a") as client:
        client.emit("fail")

    assert names(seen) == ["a"]


def test_a_dynamic_namespace_has_those_of_its_parent(
    serve: Serve, seen: list[Any]
) -> None:
    served = serve()
    parent = served.io.of(re.compile("^/room-"))
    parent.on_error(Asked(seen, "parent"))
    parent.on("connection", lambda socket: socket.on("fail", fail))

    with TestClient(served.io, namespace="/room-1") as client:
        client.emit("fail")

    assert names(seen) == ["parent"]


# ------------------------------------------------------------------ the answer


@pytest.mark.parametrize(
    ("returned", "answer"), [("sorry", '["sorry"]'), ((1, [2]), "[1,[2]]")]
)
def test_what_it_returns_answers(served: Served, returned: Any, answer: str) -> None:
    websocket, socket = served.connect()
    socket.on_error(Asked([], "socket", returned))
    socket.on("fail", fail)

    websocket.send('42["fail"]')
    websocket.send('420["fail"]')

    assert websocket.receive_message() == f"430{answer}"


def test_an_answer_that_was_given_stays(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on_error(Asked([], "socket", "too late"))

    @socket.on("fail")
    def answer_and_fail(*, ack: Any) -> None:
        ack("first")
        raise LookupError

    websocket.send('420["fail"]')
    websocket.send('421["end"]')
    _ = socket.wait_for("end")

    assert websocket.receive_message() == '430["first"]'


@pytest.mark.parametrize(
    ("returned", "answer"),
    [(None, '[{"error":{"message":"not here"}}]'), ("sorry", '["sorry"]')],
)
def test_with_error_acks_there_is_an_answer(
    serve: Serve, returned: Any, answer: str
) -> None:
    websocket, socket = serve(error_acks=True).connect()
    socket.on_error(Asked([], "socket", returned))
    socket.on("fail", fail)

    websocket.send('420["fail"]')

    assert websocket.receive_message() == f"430{answer}"


def test_an_answer_that_cannot_travel_is_an_error(
    served: Served, seen: list[Any]
) -> None:
    websocket, socket = served.connect()
    socket.on_error(Asked(seen, "socket", object()))
    served.io.on_error(Asked(seen, "server", "sorry"))
    socket.on("fail", fail)

    websocket.send('420["fail"]')

    assert websocket.receive_message() == '430["sorry"]'
    assert isinstance(seen[1][3], sockio.EncodeError)


# ------------------------------------------------------------------ which errors


def test_errors_of_all_kinds_of_listeners(serve: Serve, seen: list[Any]) -> None:
    served = serve(error_in_connection="keep")
    io = served.io
    io.on_error(Asked(seen, "server"))
    io.on("connection", fail)

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.on_any(fail)
        socket.on_any_outgoing(fail)
        socket.on("ask", lambda: socket.emit("question", 1, ack=fail))
        socket.on("concurrent", fail, concurrent=True)
        socket.on("disconnecting", fail)

    with TestClient(io) as client:
        socket = client.socket
        client.on("question", lambda n: n + 1)
        client.emit("concurrent")
        client.emit("ask")

    reason = "client namespace disconnect"
    assert [entry[1:3] for entry in seen] == [
        ("connection", (socket,)),
        ("concurrent", ()),
        ("concurrent", ()),
        ("ask", ()),
        ("question", (1,)),
        ("question", (2,)),
        ("disconnecting", (reason, None)),
    ]


def test_a_connection_handler_that_fails_disconnects_in_any_case(
    serve: Serve, seen: list[Any]
) -> None:
    served = serve()
    served.io.of("/").on_error(Asked(seen, "namespace"))
    served.io.on("connection", fail)

    with TestClient(served.io) as client:
        assert client.expect_disconnect() == "io server disconnect"

    assert names(seen) == ["namespace"]


def test_an_answer_that_does_not_come(serve: Serve, seen: list[Any]) -> None:
    clock = FakeClock()
    served = serve(clock=clock)
    served.io.on_error(Asked(seen, "server"))

    with TestClient(served.io) as client:
        client.socket.timeout(1).emit("question", ack=fail)
        clock.advance(1)

    [(_, event, (error,), _)] = seen
    assert (event, type(error)) == ("question", sockio.AckTimeout)


def test_a_listener_that_waited_for_its_client_has_not_failed(
    served: Served, seen: list[Any]
) -> None:
    websocket, socket = served.connect()
    served.io.on_error(Asked(seen, "server"))
    left = Heard()
    socket.on("disconnect", left)
    socket.on("ask", lambda: socket.emit_with_ack("question"))

    websocket.send('42["ask"]')
    websocket.receive_message()
    websocket.send("41")
    left.next()

    assert seen == []


def test_what_is_around_a_call_is_around_error_handlers(serve: Serve) -> None:
    served = serve()
    calls: list[sockio.Call] = []

    @served.io.around
    def around(call: sockio.Call) -> Any:
        calls.append(call)
        yield

    served.io.on_error(Asked([], "server"))
    served.io.on("connection", fail)
    with TestClient(served.io) as client:
        client.expect_disconnect()

    connection, error = calls
    assert (connection.kind, error.kind) == ("connection", "error")
    assert error.socket is connection.socket
    assert (error.namespace, error.event) == ("/", "connection")


# ------------------------------------------------------------------ what is refused


async def later(*args: Any) -> None: ...


@pytest.mark.parametrize(
    ("fn", "what"),
    [(later, "async"), (lambda error: None, "takes 1 argument"), (5, "callable")],
)
def test_what_is_no_error_handler(served: Served, fn: Any, what: str) -> None:
    _, socket = served.connect()

    for owner in served.io, served.io.of("/"), socket:
        with pytest.raises((sockio.ConfigError, TypeError), match=what):
            owner.on_error(fn)


def test_it_is_a_decorator(served: Served) -> None:
    def handler(socket: Any, event: Any, args: Any, error: Any) -> None: ...

    assert served.io.on_error(handler) is handler
    assert served.io.of("/").on_error(handler) is handler


# ------------------------------------------------------------------ clients of a test


def test_a_client_of_a_test_gets_what_nobody_has_handled(serve: Serve) -> None:
    served = serve()
    served.io.on("connection", lambda socket: socket.on("fail", fail))
    with TestClient(served.io) as client:
        with pytest.raises(LookupError, match="not here"):
            client.emit("fail")

        served.io.on_error(Asked([], "server", ZeroDivisionError("broken")))
        with pytest.raises(ZeroDivisionError, match="broken"):
            client.emit("fail")

        client.socket.on_error(Asked([], "socket", "handled"))
        assert client.emit_with_ack("fail") == "handled"
