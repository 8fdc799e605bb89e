from __future__ import annotations

import logging
from typing import Any

import gevent
import gevent.event
import pytest

import sockio
from sockio.testing import TestClient


@pytest.fixture
def client(io: sockio.Server[Any]) -> TestClient:
    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        @socket.on("add")
        def add(a: int, b: int) -> int:
            return a + b

        @socket.on("say")
        def say(text: str) -> None:
            io.emit("said", text)

        @socket.on("fail")
        def fail() -> None:
            raise LookupError("not here")

        @socket.on("ask")
        def ask(question: str) -> Any:
            return socket.emit_with_ack("question", question)

    return TestClient(io)


@pytest.fixture(autouse=True)
def _closed(client: TestClient) -> Any:
    yield
    client.close()


# ------------------------------------------------------------------ emitting


def test_the_answer_of_the_server(client: TestClient) -> None:
    assert client.emit_with_ack("add", 1, 2) == 3
    assert client.call("add", 1, 2) == (3,)


def test_a_callback_is_called_with_the_answer(client: TestClient) -> None:
    answers: list[tuple[Any, ...]] = []

    client.emit("add", 1, 2, ack=lambda *args: answers.append(args))
    client.emit("add", 3, 4, lambda *args: answers.append(args))

    assert answers == [(3,), (7,)]


def test_what_the_callback_raises_is_raised(client: TestClient) -> None:
    with pytest.raises(ZeroDivisionError):
        client.emit("add", 1, 2, ack=lambda _: 1 // 0)


def test_what_a_handler_raises_is_raised(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(LookupError, match="not here"):
        client.emit("fail")
    with pytest.raises(LookupError, match="not here"):
        client.emit_with_ack("fail")

    assert [r.getMessage().split()[-1] for r in caplog.records] == ["failed"] * 2


def test_an_event_with_a_wrong_number_of_arguments(client: TestClient) -> None:
    with pytest.raises(sockio.EventRejected, match=r"1 argument, but add\(a, b\)"):
        client.emit("add", 1)


def test_what_a_guard_raises_is_raised(client: TestClient) -> None:
    client.socket.use(lambda event, args: args != ["rude"])

    with pytest.raises(sockio.EventRejected):
        client.emit("say", "rude")

    client.expect_nothing()


def test_errors_may_only_be_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.raise_errors = False

    client.emit("fail")

    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    client.raise_errors = True
    with pytest.raises(LookupError):
        client.settle()


def test_emit_waits_until_the_handler_has_ended(client: TestClient) -> None:
    go = gevent.event.Event()
    ended: list[str] = []

    def slow() -> None:
        go.wait()
        ended.append("slow")

    client.socket.on("slow", slow, concurrent=True)
    later = gevent.spawn_later(0.02, go.set)
    client.emit("slow")

    assert ended == ["slow"]
    later.join()


def test_emit_need_not_wait(client: TestClient) -> None:
    go = gevent.event.Event()
    client.socket.on("slow", go.wait)

    client.emit("slow", wait=False)

    assert not go.is_set()
    go.set()
    client.settle()


def test_a_handler_that_does_not_end(client: TestClient) -> None:
    go = gevent.event.Event()
    client.socket.on("slow", go.wait)
    client.timeout = 0.02

    with pytest.raises(TimeoutError, match="the listener of 'slow' has not ended"):
        client.emit("slow")

    go.set()


def test_nobody_acknowledges(client: TestClient) -> None:
    client.socket.on("silent", lambda *, ack: None)

    with pytest.raises(sockio.AckTimeout) as caught:
        client.emit_with_ack("silent", timeout=0.01)

    assert (caught.value.event, caught.value.seconds) == ("silent", 0.01)


def test_disconnected_instead_of_an_answer(client: TestClient) -> None:
    socket = client.socket
    socket.on("leave", lambda *, ack: socket.disconnect() and None)

    with pytest.raises(sockio.Disconnected, match="io server disconnect"):
        client.emit_with_ack("leave")
    with pytest.raises(sockio.Disconnected, match="io server disconnect"):
        client.emit("add", 1, 2)


def test_an_argument_that_cannot_travel(client: TestClient) -> None:
    with pytest.raises(sockio.EncodeError):
        client.emit("say", object())
    with pytest.raises(sockio.ReservedEventError):
        client.emit("disconnect")


def test_bytes_travel_both_ways(client: TestClient) -> None:
    client.emit("say", {"image": b"\x00\x01", "more": [b"x"] * 9})

    client.expect("said", {"image": b"\x00\x01", "more": [b"x"] * 9})


# ------------------------------------------------------------------ receiving


def test_an_event_that_is_expected(client: TestClient) -> None:
    client.emit("say", "a")
    client.emit("say", "b")

    assert client.received == [("a",), ("b",)]
    assert client.expect("said") == ("a",)
    assert client.expect("said", "b").event == "said"
    client.expect_nothing()


def test_an_event_that_comes_later(client: TestClient) -> None:
    later = gevent.spawn_later(0.01, client.socket.emit, "late", 1)

    assert client.expect("late") == (1,)
    later.join()


def test_an_event_that_does_not_come(client: TestClient) -> None:
    client.emit("say", "a")

    with pytest.raises(
        AssertionError,
        match=r"'x' did not come within 0.01 s; these have come: 'said': \('a',\)",
    ):
        client.expect("x", timeout=0.01)


def test_an_event_with_other_arguments(client: TestClient) -> None:
    client.emit("say", "a")

    with pytest.raises(
        AssertionError, match=r"'said' came with \('a',\), expected \('b',\)"
    ):
        client.expect("said", "b")


def test_nothing_is_expected(client: TestClient) -> None:
    client.emit("say", "a")

    client.expect_nothing("other")
    with pytest.raises(AssertionError, match="expected nothing, but these have come"):
        client.expect_nothing()
    with pytest.raises(AssertionError, match="expected no 'said', but"):
        client.expect_nothing("said")
    assert client.take_received() == [("a",)]
    client.expect_nothing()


def test_after_the_end_nothing_is_awaited(client: TestClient) -> None:
    client.socket.disconnect()

    with pytest.raises(AssertionError, match="is disconnected: io server disconnect"):
        client.expect("x", timeout=60)


# ------------------------------------------------------------------ answering


def test_a_question_of_the_server_is_answered_later(client: TestClient) -> None:
    answers: list[Any] = []
    client.emit("ask", "how much?", answers.append)

    question = client.expect("question", "how much?")
    assert (answers, question.wants_ack) == ([], True)
    question.ack(5)
    question.ack(6)
    client.settle()

    assert answers == [5]


def test_an_event_that_wants_no_answer(client: TestClient) -> None:
    client.emit("say", "a")

    said = client.expect("said")

    assert not said.wants_ack
    with pytest.raises(AssertionError, match="wants no answer to 'said'"):
        said.ack()


@pytest.mark.parametrize(
    ("result", "answer"), [("yes", "yes"), (None, None), ((1, 2), 1)]
)
def test_a_handler_answers_the_server(
    client: TestClient, result: Any, answer: Any
) -> None:
    client.on("question", lambda text: result)

    assert client.emit_with_ack("ask", "how much?") == answer
    client.expect_nothing()


def test_a_handler_answers_by_hand(client: TestClient) -> None:
    @client.on("question")
    def question(text: str, *, ack: Any) -> None:
        ack(text.upper())

    assert client.emit_with_ack("ask", "how much?") == "HOW MUCH?"


def test_what_a_handler_of_the_test_raises_is_raised(client: TestClient) -> None:
    client.on("said", lambda text: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        client.emit("say", "a")


def test_a_handler_of_the_test_may_emit(client: TestClient) -> None:
    client.on("question", lambda text: client.emit_with_ack("add", 1, 2))
    client.socket.off("ask")

    def ask(text: str) -> Any:
        return client.socket.emit_with_ack("question", text)

    client.socket.on("ask", ask, concurrent=True)

    assert client.emit_with_ack("ask", "?") == 3


# ------------------------------------------------------------------ leaving


def test_leaving_calls_the_handlers(client: TestClient) -> None:
    reasons: list[str] = []
    client.socket.on("disconnect", reasons.append)

    client.disconnect()

    assert reasons == ["client namespace disconnect"]
    assert (client.connected, client.reason) == (False, "io client disconnect")
    assert "io client disconnect" in repr(client)


def test_the_server_disconnects(client: TestClient) -> None:
    client.socket.disconnect()

    assert client.expect_disconnect() == "io server disconnect"
    with pytest.raises(sockio.Disconnected):
        client.socket  # noqa: B018


def test_a_disconnect_that_does_not_come(client: TestClient) -> None:
    with pytest.raises(AssertionError, match=r"still connected after 0.01 s"):
        client.expect_disconnect(timeout=0.01)


def test_a_disconnect_handler_that_fails(client: TestClient) -> None:
    client.socket.on("disconnect", lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        client.disconnect()


@pytest.mark.parametrize("call", ["emit", "emit_with_ack", "call"])
def test_options_of_other_libraries_are_refused(
    io: sockio.Server[Any], call: str
) -> None:
    with TestClient(io) as client, pytest.raises(TypeError, match=rf"{call}\(room="):
        getattr(client, call)("x", 1, room="r")
