"""Connection state recovery: what a client gets that comes back, and when nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import gevent
import pytest

import sockio
from sockio.testing import FakeClock
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Gate, Heard, Served, event

from .conftest import Serve


class Joined(NamedTuple):
    """How a namespace answered: the events before the answer, and its fields."""

    missed: list[list[Any]]
    sid: str
    pid: str


@pytest.fixture
def served(serve: Serve, clock: FakeClock) -> Served:
    """Give a running server with recovery on and a clock that stands still."""
    return serve(connection_state_recovery=True, clock=clock)


def join(websocket: RawWebSocket, namespace: str = "/", **auth: Any) -> Joined:
    """Ask to be let in, and read everything up to the answer."""
    prefix = "" if namespace == "/" else f"{namespace},"
    websocket.send(f"40{prefix}" + (json.dumps(auth) if auth else ""))
    missed = []
    while not str(message := websocket.receive_message()).startswith("40"):
        missed.append(event(message))
    fields = json.loads(str(message).removeprefix(f"40{prefix}"))
    return Joined(missed, **fields)


def connect(
    served: Served, namespace: str = "/", **auth: Any
) -> tuple[RawWebSocket, Joined, sockio.Socket[Any]]:
    """Join over a new WebSocket; return it, the answer and the server's end."""
    websocket, _ = served.raw.open_websocket_session()
    joined = join(websocket, namespace, **auth)
    return websocket, joined, served.io.of(namespace).sockets[joined.sid]


def lose(websocket: RawWebSocket, socket: sockio.Socket[Any]) -> None:
    """Cut a connection, and wait until the server has noticed."""
    gone = Heard()
    socket.on("disconnect", gone)
    websocket.cut()
    assert gone.next()[0] == "transport close"


def without_offsets(events: list[list[Any]]) -> list[list[Any]]:
    """Drop the last argument of each event, which must be text."""
    assert all(type(each[-1]) is str for each in events)
    return [each[:-1] for each in events]


# ------------------------------------------------------------------ the offsets


def test_without_the_option_nothing_of_it_is_on_the_wire(serve: Serve) -> None:
    served = serve()
    websocket, _ = served.raw.open_websocket_session()

    websocket.send('40{"pid":"a","offset":"b"}')

    fields = json.loads(str(websocket.receive_message())[2:])
    assert fields.keys() == {"sid"}
    served.io.emit("news", 1)
    assert websocket.receive_event() == ["news", 1]
    assert not served.newest().recovered


def test_the_answer_carries_a_secret_of_twenty_characters(served: Served) -> None:
    _, first, socket = connect(served)
    _, second, _ = connect(served)

    assert len(first.pid) == 20
    assert len({first.sid, first.pid, second.sid, second.pid}) == 4
    assert not socket.recovered


def test_every_event_ends_in_an_offset_of_its_own(served: Served) -> None:
    # It is appended as the last argument.
    websocket, _, socket = connect(served)
    socket.join("room")

    socket.emit("one", 1)
    served.io.emit("all")
    served.io.to("room").emit("bytes", b"\0")

    one, everybody = websocket.receive_event(), websocket.receive_event()
    binary = json.loads(str(websocket.receive_message()).removeprefix("451-"))
    assert websocket.receive_message() == b"\0"
    assert without_offsets([one, everybody, binary]) == [
        ["one", 1],
        ["all"],
        ["bytes", {"_placeholder": True, "num": 0}],
    ]
    assert len({one[-1], everybody[-1], binary[-1]}) == 3


@pytest.mark.parametrize("to_all", [False, True])
def test_a_volatile_event_carries_the_offset_before_it(
    served: Served, to_all: bool
) -> None:
    # The client takes any text at the end of an event for an offset.
    websocket, _, socket = connect(served)
    socket.emit("one")
    offset = websocket.receive_event()[-1]
    gevent.idle()

    (served.io if to_all else socket).volatile.emit("position", "here")

    assert websocket.receive_event() == ["position", "here", offset]


def test_an_event_with_an_ack_is_as_it_was_written(served: Served) -> None:
    # It has no offset: the client puts a function behind the arguments, not a text.
    websocket, _, socket = connect(served)

    socket.emit("question", "why?", ack=lambda *answer: None)
    socket.timeout(5).emit("question", "how?", lambda *answer: None)
    served.io.timeout(5).emit("question", "who?", ack=lambda *answers: None)

    assert websocket.receive_message() == '420["question","why?"]'
    assert websocket.receive_message() == '421["question","how?"]'
    assert websocket.receive_message() == '422["question","who?"]'


def test_outgoing_catch_all_listeners_see_no_offset(served: Served) -> None:
    websocket, _, socket = connect(served)
    seen = Heard()
    socket.on_any_outgoing(seen)

    socket.emit("one", 1)
    served.io.emit("all", 2)
    gevent.idle()
    socket.volatile.emit("now", 3)

    assert [websocket.receive_event()[1] for _ in range(3)] == [1, 2, 3]
    assert seen.calls == [("one", 1), ("all", 2), ("now", 3)]


def test_what_cannot_be_encoded_is_not_logged(served: Served) -> None:
    websocket, joined, socket = connect(served)

    with pytest.raises(sockio.EncodeError):
        socket.emit("bad", object())
    with pytest.raises(sockio.EncodeError):
        served.io.emit("bad", object())
    socket.emit("good")

    assert websocket.receive_event()[0] == "good"
    lose(websocket, socket)
    assert [each[0] for each in connect(served, pid=joined.pid)[1].missed] == ["good"]


def test_an_event_from_a_native_thread_is_logged_too(served: Served) -> None:
    websocket, joined, socket = connect(served)
    served.io.run_in_thread(socket.emit, "seen", 1)
    seen = websocket.receive_event()
    assert seen[:2] == ["seen", 1]
    with pytest.raises(sockio.EncodeError):
        served.io.run_in_thread(socket.emit, "bad", object())
    lose(websocket, socket)
    served.io.run_in_thread(socket.emit, "missed", 2)
    gevent.idle()

    _, after, _ = connect(served, pid=joined.pid, offset=seen[-1])

    assert without_offsets(after.missed) == [["missed", 2]]


# ------------------------------------------------------------------ coming back


def test_a_client_gets_back_its_socket_and_what_it_missed(served: Served) -> None:
    # The events come before the answer.
    websocket, before, socket = connect(served)
    socket.join("room")
    socket.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    served.io.emit("all", 1)
    served.io.to("room").emit("room", 2)
    served.io.to(before.sid).emit("own", 3)
    served.io.to("elsewhere").emit("elsewhere")
    served.io.except_("room").emit("others")
    served.io.volatile.emit("volatile")

    _, after, _ = connect(served, pid=before.pid, offset=offset)

    assert (after.sid, after.pid) == (before.sid, before.pid)
    assert without_offsets(after.missed) == [["all", 1], ["room", 2], ["own", 3]]


def test_the_answer_is_written_as_node_does(served: Served) -> None:
    session, socket = poll(served)
    served.io.emit("a")
    offset = json.loads(session.poll().text[2:])[-1]
    pid = pid_of(socket)
    session.post("1")
    served.io.emit("b", 2)
    served.io.emit("d", 4)
    again = served.raw.open_session()

    again.post(f'40{{"pid":"{pid}","offset":"{offset}"}}')

    first, second, answer = again.poll().packets
    assert first.startswith('42["b",2,"')
    assert second.startswith('42["d",4,"')
    assert answer == f'40{{"sid":"{socket.id}","pid":"{pid}"}}'


def poll(served: Served) -> tuple[PollingSession, sockio.Socket[Any]]:
    """Join over a new polling session; return both ends."""
    return served.poll()


def pid_of(socket: Any) -> str:
    """Return the secret of a socket."""
    pid: str = socket.pid
    return pid


def test_rooms_data_and_handlers_find_the_recovered_socket(served: Served) -> None:
    # Listeners of "connection" are called again.
    connected = Heard()
    served.io.on("connection", connected)
    websocket, before, socket = connect(served)
    connected.next()
    socket.join("a", "b")
    socket.data.name = "Ann"
    lose(websocket, socket)

    again, _, recovered = connect(served, pid=before.pid)

    assert connected.next() == (recovered,)
    assert recovered is not socket
    assert recovered.recovered
    assert recovered.rooms == {before.sid, "a", "b"}
    assert recovered.data.name == "Ann"
    assert recovered.handshake.auth == {"pid": before.pid}
    served.io.to("b").emit("to the room")
    assert again.receive_event()[0] == "to the room"


def test_a_client_that_has_seen_no_event_comes_back_without_offset(
    served: Served,
) -> None:
    served.io.emit("before it came")
    websocket, before, socket = connect(served)
    lose(websocket, socket)
    served.io.emit("missed")

    _, after, recovered = connect(served, pid=before.pid)

    assert recovered.recovered
    assert without_offsets(after.missed) == [["missed"]]


def test_an_event_that_was_under_way_is_sent_again(served: Served) -> None:
    websocket, before, socket = connect(served)
    socket.emit("seen")
    offset = websocket.receive_event()[-1]
    socket.emit("lost on its way")
    lose(websocket, socket)

    _, after, _ = connect(served, pid=before.pid, offset=offset)

    assert without_offsets(after.missed) == [["lost on its way"]]


def test_a_handler_may_still_answer_while_its_client_is_away(served: Served) -> None:
    gate = Gate()
    served.io.on("connection", lambda socket: socket.on("work", lambda: work(socket)))

    def work(socket: Any) -> None:
        gate.stop()
        socket.emit("done")

    websocket, before, socket = connect(served)
    ended = Heard()
    socket.conn.on("close", ended)
    websocket.send('42["work"]')
    gate.wait_reached()
    websocket.cut()
    ended.next()
    gate.open()

    _, after, recovered = connect(served, pid=before.pid)

    assert recovered.recovered
    assert without_offsets(after.missed) == [["done"]]


def test_what_the_caller_changes_later_is_not_what_is_sent_again(
    served: Served,
) -> None:
    websocket, before, socket = connect(served)
    lose(websocket, socket)
    score = {"points": 1}
    served.io.emit("score", score)
    score["points"] = 2

    _, after, _ = connect(served, pid=before.pid)

    assert without_offsets(after.missed) == [["score", {"points": 1}]]


def test_bytes_are_sent_again_too(served: Served) -> None:
    websocket, before, socket = connect(served)
    lose(websocket, socket)
    served.io.emit("bytes", b"\0\1")
    again, _ = served.raw.open_websocket_session()

    again.send(f'40{{"pid":"{before.pid}"}}')

    assert str(again.receive_message()).startswith('451-["bytes",{"_placeholder"')
    assert again.receive_message() == b"\0\1"
    assert str(again.receive_message()).startswith("40{")


def test_much_that_was_missed_comes_behind_the_answer(served: Served) -> None:
    # The official client shows events before the answer twice if the connection
    # breaks between them.
    websocket, before, socket = connect(served)
    lose(websocket, socket)
    for number in range(50):
        served.io.emit("number", number, "x" * 100)

    again, after, _ = connect(served, pid=before.pid)

    assert after.missed == []
    assert [again.receive_event()[1] for _ in range(50)] == list(range(50))


def test_it_works_again_and_again(served: Served) -> None:
    websocket, joined, socket = connect(served)
    claim = {"pid": joined.pid}
    for number in range(3):
        lose(websocket, socket)
        socket.emit("missed", number)

        websocket, joined, socket = connect(served, **claim)

        assert socket.recovered
        assert without_offsets(joined.missed) == [["missed", number]]
        claim["offset"] = joined.missed[-1][-1]


def test_each_namespace_is_recovered_for_itself(served: Served) -> None:
    served.io.of("/chat")
    websocket, main, main_socket = connect(served)
    chat = join(websocket, "/chat")
    lose(websocket, main_socket)
    served.io.of("/chat").emit("chat")
    served.io.emit("main")

    again, main_after, _ = connect(served, pid=main.pid)
    chat_after = join(again, "/chat", pid=chat.pid)

    assert (main_after.sid, chat_after.sid) == (main.sid, chat.sid)
    assert without_offsets(main_after.missed) == [["main"]]
    assert without_offsets(chat_after.missed) == [["chat"]]


# ------------------------------------------------------------------ a live socket


def test_a_client_that_comes_back_ends_its_dead_connection(served: Served) -> None:
    # A CONNECT with the pid of a connected socket proves that its connection is dead.
    gone = Heard()
    session, socket = poll(served)
    socket.on("disconnect", gone)
    ended = Heard()
    socket.conn.on("close", ended)
    served.io.emit("waits for a poll that never comes")

    _, after, recovered = connect(served, pid=pid_of(socket))

    assert gone.next()[0] == "transport close"
    assert ended.next()[0] == "transport close"
    assert recovered.recovered
    assert after.sid == socket.id
    assert [each[0] for each in after.missed] == ["waits for a poll that never comes"]
    assert session.poll().status == 400


def test_the_socket_that_was_goes_on_knowing_what_it_was(served: Served) -> None:
    websocket, before, socket = connect(served)
    socket.join("a")
    rooms = Heard()
    socket.on("disconnecting", lambda: rooms(socket.rooms))

    _, _, recovered = connect(served, pid=before.pid)
    recovered.join("b")

    assert rooms.next() == ({before.sid, "a"},)
    assert recovered.rooms == {before.sid, "a", "b"}
    assert socket.disconnected
    assert served.io.sockets.sockets[before.sid] is recovered
    websocket.wait_closed()


# ------------------------------------------------------------------ nothing comes back


def assert_new(served: Served, before: Joined, **auth: Any) -> None:
    """Check that a CONNECT with ``auth`` makes a new socket."""
    _, after, socket = connect(served, **auth)
    assert not socket.recovered
    assert after.missed == []
    assert {after.sid, after.pid}.isdisjoint(before[1:])


@pytest.mark.parametrize(
    "auth",
    [
        {"pid": "unknown", "offset": None},
        {"pid": 1},
        {"pid": None},
        {"offset": "unknown"},
        {"pid": ["unknown"], "offset": {}},
    ],
)
def test_who_does_not_know_the_secret_is_new(
    served: Served, auth: dict[str, Any]
) -> None:
    # Both must be known texts.
    websocket, before, socket = connect(served)
    lose(websocket, socket)

    assert_new(served, before, **auth)


@pytest.mark.parametrize("offset", ["unknown", "", 1, ["a"], {}])
def test_an_offset_that_is_none_of_ours_makes_a_new_socket(
    served: Served, offset: Any
) -> None:
    websocket, before, socket = connect(served)
    socket.emit("seen")
    lose(websocket, socket)

    assert_new(served, before, pid=before.pid, offset=offset)


def test_who_comes_too_late_is_new(served: Served, clock: FakeClock) -> None:
    # After the time for which sessions are kept.
    websocket, before, socket = connect(served)
    lose(websocket, socket)

    clock.advance(120.5)

    assert_new(served, before, pid=before.pid)


def test_how_late_is_too_late_may_be_chosen(serve: Serve, clock: FakeClock) -> None:
    recovery = sockio.Recovery(max_disconnection_duration=10)
    served = serve(connection_state_recovery=recovery, clock=clock)
    websocket, before, socket = connect(served)
    lose(websocket, socket)
    clock.advance(9)
    websocket, after, socket = connect(served, pid=before.pid)
    assert after.sid == before.sid
    lose(websocket, socket)

    clock.advance(11)

    assert_new(served, before, pid=before.pid)


def test_nothing_is_kept_for_ever(served: Served, clock: FakeClock) -> None:
    websocket, _, socket = connect(served)
    served.io.emit("kept", 1)
    lose(websocket, socket)

    clock.advance(1000)

    assert clock.armed == 0


def test_a_client_that_left_is_new(served: Served) -> None:
    # Its reason is none after which a client may come back.
    websocket, before, _ = connect(served)

    websocket.send("41")

    after = join(websocket, pid=before.pid)
    assert {after.sid, after.pid}.isdisjoint(before[1:])


def test_a_client_that_was_sent_away_is_new(served: Served) -> None:
    # Its reason is none after which a client may come back.
    websocket, before, socket = connect(served)

    socket.disconnect(close=True)

    websocket.wait_closed()
    assert_new(served, before, pid=before.pid)


def test_a_session_is_recovered_once(served: Served) -> None:
    # In Node it could be restored twice.
    websocket, before, socket = connect(served)
    lose(websocket, socket)
    first, after, recovered = connect(served, pid=before.pid)
    assert after.sid == before.sid
    first.send("41")
    gone = Heard()
    recovered.on("disconnect", gone)
    gone.next()

    assert_new(served, before, pid=before.pid)


# ------------------------------------------------------------------ middlewares


def test_middlewares_are_not_asked_again(served: Served) -> None:
    asked = Heard()
    served.io.use(asked)
    websocket, before, socket = connect(served)
    lose(websocket, socket)

    connect(served, pid=before.pid)

    assert asked.calls == [(socket,)]


@pytest.fixture
def strict(serve: Serve, clock: FakeClock) -> Served:
    """Give a server whose middlewares are asked about recovered sockets too."""
    recovery = sockio.Recovery(skip_middlewares=False)
    return serve(connection_state_recovery=recovery, clock=clock)


def test_middlewares_may_be_asked_again(strict: Served) -> None:
    seen = Heard()
    strict.io.use(lambda socket: seen(socket.recovered, socket.data.get("name")))
    websocket, before, socket = connect(strict)
    socket.data.name = "Ann"
    lose(websocket, socket)

    _, after, recovered = connect(strict, pid=before.pid)

    assert seen.calls == [(False, None), (True, "Ann")]
    assert after.sid == before.sid
    assert recovered.rooms == {before.sid}


def test_a_middleware_may_refuse_a_recovered_socket(strict: Served) -> None:
    # Then the client gets nothing of what it missed.
    def only_new(socket: Any) -> None:
        if socket.recovered:
            raise sockio.ConnectError("no")

    strict.io.use(only_new)
    websocket, before, socket = connect(strict)
    lose(websocket, socket)
    strict.io.emit("missed")
    again, _ = strict.raw.open_websocket_session()

    again.send(f'40{{"pid":"{before.pid}"}}')

    assert again.receive_message() == '44{"message":"no"}'
    assert strict.io.sockets.adapter.rooms == {}


def test_what_is_sent_while_a_middleware_blocks_is_not_lost(strict: Served) -> None:
    gate = Gate()
    strict.io.use(lambda socket: gate.stop() if socket.recovered else None)
    websocket, before, socket = connect(strict)
    lose(websocket, socket)
    strict.io.emit("away")
    again, _ = strict.raw.open_websocket_session()
    again.send(f'40{{"pid":"{before.pid}"}}')
    gate.wait_reached()

    strict.io.emit("at the door")
    gate.open()

    assert again.receive_event()[0] == "away"
    assert again.receive_event()[0] == "at the door"
    assert str(again.receive_message()).startswith("40{")


def test_of_two_that_come_back_the_later_one_gets_the_socket(strict: Served) -> None:
    gate = Gate()
    strict.io.use(lambda s: gate.stop() if s.recovered and not gate.reached else None)
    websocket, before, socket = connect(strict)
    lose(websocket, socket)
    first, _ = strict.raw.open_websocket_session()
    first.send(f'40{{"pid":"{before.pid}"}}')
    gate.wait_reached()
    _, after, recovered = connect(strict, pid=before.pid)
    assert after.sid == before.sid

    gate.open()

    first.wait_closed()
    assert strict.io.sockets.sockets == {before.sid: recovered}
    assert recovered.rooms == {before.sid}


def test_an_event_in_a_middleware_poisons_no_offset(served: Served) -> None:
    served.io.use(lambda socket: socket.emit("wait", "a moment"))
    served.io.emit("before")
    websocket, _ = served.raw.open_websocket_session()

    joined = join(websocket)

    [early] = joined.missed
    assert early[:2] == ["wait", "a moment"]
    websocket.cut()
    served.io.emit("missed")
    _, after, _ = connect(served, pid=joined.pid, offset=early[2])
    assert [each[0] for each in after.missed] == ["missed"]


# ------------------------------------------------------------------ options


@pytest.mark.parametrize(
    "make",
    [
        lambda: sockio.Recovery(max_disconnection_duration=0),
        lambda: sockio.Recovery(max_disconnection_duration=float("inf")),
        lambda: sockio.Recovery(max_disconnection_duration="2"),  # type: ignore[arg-type]
        lambda: sockio.Recovery(skip_middlewares=1),  # type: ignore[arg-type]
        lambda: sockio.Server(connection_state_recovery=120),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_option_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(sockio.ConfigError, match=r"give"):
        make()
