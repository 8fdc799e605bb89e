"""InboxPolicy: it limits what waits for slow handlers, and none of that is lost."""

from __future__ import annotations

import os
from typing import Any

import gevent
import pytest

import sockio
from sockio.protocol.websocket.frames import frame
from sockio.testing import FakeClock
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Gate, Heard, Served
from tests.support.waiting import wait_until

from .conftest import Serve

#: Few enough for a test, and more than arrives in one step.
POLICY = sockio.InboxPolicy(
    high_bytes=20_000, low_bytes=5_000, high_events=100, low_events=25, hard=4
)
#: More bytes than a client can send without anybody reading them.
MUCH = 12_000_000


def masked(text: str) -> bytes:
    return frame(text, mask=os.urandom(4))


def wait_paused(served: Served) -> sockio.ServerStats:
    while not (stats := served.io.stats()).paused:
        gevent.idle()
    return stats


def flood(websocket: RawWebSocket, count: int, size: int = 0) -> gevent.Greenlet:
    """Send numbered events, in a greenlet, since nobody may read them for a while."""
    data = b"".join(masked(f'42["a",{n},"{"x" * size}"]') for n in range(count))
    return gevent.spawn(websocket.send_bytes, data)


@pytest.mark.parametrize(("count", "size"), [(20_000, 0), (300, MUCH // 300)])
def test_reading_pauses_and_nothing_is_lost(
    serve: Serve, count: int, size: int
) -> None:
    served = serve(inbox=POLICY)
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    socket.on("slow", gate.stop)
    socket.on("a", lambda number, _: heard(number))
    socket.on("disconnect", lambda: heard("gone"))

    websocket.send('42["slow"]')
    gate.wait_reached()
    sender = flood(websocket, count, size)
    stats = wait_paused(served)
    gevent.idle()
    most = POLICY.high_events if not size else 0
    messages = [f'2["a",{n},"{"x" * size}"]' for n in range(most + 1)]
    assert stats.events_waiting == len(messages)
    assert stats.bytes_waiting == sum(map(len, messages))
    assert stats.pauses == 1
    gate.open()
    sender.join()
    websocket.close()

    assert [heard.next() for _ in range(count)] == [(n,) for n in range(count)]
    assert heard.next() == ("gone",)
    # How often it paused again depends on how the kernel splits the rest.
    stats = served.io.stats()
    assert (stats.events_waiting, stats.bytes_waiting, stats.paused) == (0, 0, 0)


@pytest.mark.parametrize("way", ["direct", "WSGI"])
def test_a_post_is_answered_when_its_events_are_handled(serve: Serve, way: str) -> None:
    # A client has one POST under way at a time, so it cannot send faster.
    served = serve(inbox=POLICY)
    if way == "WSGI":
        served.engine.on("headers", lambda headers, request: None)
    gate, heard = Gate(), Heard()
    session, socket = served.poll()
    socket.on("slow", gate.stop)
    socket.on("a", heard)
    body = "\x1e".join(['42["slow"]', *(f'42["a",{n}]' for n in range(1000))])

    posted = gevent.spawn(session.post, body)
    gate.wait_reached()
    wait_paused(served)
    gevent.idle()
    assert not posted.ready()
    gate.open()

    assert posted.get(timeout=20).status == 200
    assert [heard.next() for _ in range(1000)] == [(n,) for n in range(1000)]


def test_who_leaves_behind_a_post_that_waits(serve: Serve) -> None:
    served = serve(inbox=POLICY)
    gate, heard = Gate(), Heard()
    session, socket = served.poll()
    socket.on("slow", gate.stop)
    socket.on("a", heard)
    socket.on("disconnect", lambda reason: heard(reason))
    poll = session.start_poll()
    body = "\x1e".join(['42["slow"]', *(f'42["a",{n}]' for n in range(1000))])
    posted = served.raw.http()
    posted.send("POST", session.target(), body)
    gate.wait_reached()
    wait_paused(served)

    poll.close()
    posted.close()
    gevent.idle()
    gate.open()

    assert [heard.next() for _ in range(1000)] == [(n,) for n in range(1000)]
    assert heard.next() == ("transport error",)


@pytest.mark.parametrize("how", ["emit_with_ack", "call", "wait_for", "stream"])
def test_a_handler_gets_what_it_waits_for_behind_the_events(
    serve: Serve, how: str
) -> None:
    served = serve(inbox=POLICY)
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("a", lambda number, _: heard(number))

    @socket.on("ask")
    def ask() -> None:
        if how == "emit_with_ack":
            heard(socket.timeout(20).emit_with_ack("question"))
        elif how == "call":
            heard(*socket.call("question", timeout=20))
        elif how == "wait_for":
            heard(*socket.wait_for("answer", timeout=20))
        else:
            heard(*next(socket.stream("answer")))

    websocket.send('42["ask"]')
    if how in ("emit_with_ack", "call"):
        question = str(websocket.receive_message())
        answer = f'43{question[2 : question.index("[")]}["yes"]'
    else:
        answer = '42["answer","yes"]'
    websocket.send_bytes(
        b"".join(masked(f'42["a",{n},""]') for n in range(300)) + masked(answer)
    )

    assert heard.next(20) == ("yes",)
    assert [heard.next() for _ in range(300)] == [(n,) for n in range(300)]


def test_who_answers_with_a_flood_is_disconnected(serve: Serve) -> None:
    served = serve(inbox=POLICY)
    heard = Heard()
    websocket, socket = served.connect()
    ended: list[Any] = []
    socket.on("disconnect", lambda reason, description: ended.append(description))

    @socket.on("ask")
    def ask() -> None:
        try:
            socket.call("question", timeout=30)
        except sockio.Disconnected as exc:
            heard(exc.reason)

    websocket.send('42["ask"]')
    websocket.receive_message()
    sender = flood(websocket, 20_000)

    assert heard.next(20) == ("transport error",)
    sender.join()
    while not ended:
        gevent.idle()
    assert isinstance(ended[0], sockio.InboxFull)
    assert served.io.stats().inbox_full == 1


@pytest.mark.parametrize("way", ["websocket", "one POST"])
@pytest.mark.parametrize(("size", "most"), [(0, 400), (4000, 19)])
def test_what_came_before_the_inbox_was_full_is_handled_and_nothing_else(
    serve: Serve, way: str, size: int, most: int
) -> None:
    # Up to 400 events or 80,000 bytes may wait; one more is too many.
    served = serve(inbox=POLICY)
    heard, asked = Heard(), Heard()
    websocket, session, socket = None, None, None
    if way == "websocket":
        websocket, socket = served.connect()
    else:
        session, socket = served.poll()
    socket.on("a", lambda number, _: heard(number))
    socket.on("disconnect", lambda reason, error: heard(reason, type(error)))

    @socket.on("ask")
    def ask() -> None:
        asked()
        with pytest.raises(sockio.Disconnected):
            socket.call("question", timeout=30)

    events = [f'42["a",{n},"{"x" * size}"]' for n in range(most + 50)]
    if websocket is not None:
        websocket.send('42["ask"]')
        asked.next()
        gevent.spawn(websocket.send_bytes, b"".join(map(masked, events)))
        websocket.wait_closed()
    elif session is not None:
        session.post('42["ask"]')
        asked.next()
        session.post("\x1e".join(events))

    while heard.calls[-1:] != [("transport error", sockio.InboxFull)]:
        heard.next()
    assert heard.calls[:-1] == [(n,) for n in range(most + 1)]
    assert served.io.stats().inbox_full == 1
    assert not served.engine.clients_count


def test_what_is_held_for_a_namespace_counts(serve: Serve) -> None:
    served = serve(inbox=POLICY)
    gate, heard = Gate(), Heard()

    def judge(name: str, auth: Any) -> bool:
        gate.stop()
        return True

    @served.io.of(judge).on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.on("a", heard)

    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/x,")
    data = b"".join(masked(f'42/x,["a",{n}]') for n in range(5000))
    sender = gevent.spawn(websocket.send_bytes, data)
    gate.wait_reached()
    assert wait_paused(served).events_waiting == POLICY.high_events + 1
    gate.open()

    assert [heard.next() for _ in range(5000)] == [(n,) for n in range(5000)]
    sender.join()


def test_clients_that_are_to_be_let_in_count(serve: Serve) -> None:
    # Each namespace is one more middleware under way.
    served = serve(inbox=POLICY)
    gate, heard = Gate(), Heard()
    namespace = served.io.of(lambda name, auth: True)
    namespace.use(lambda socket: gate.stop())
    namespace.on("connection", heard)
    websocket, _ = served.raw.open_websocket_session()

    data = b"".join(masked(f"40/{n},") for n in range(500))
    sender = gevent.spawn(websocket.send_bytes, data)
    gate.wait_reached()
    assert wait_paused(served).events_waiting == POLICY.high_events + 1
    gate.open()

    for _ in range(500):
        heard.next()
    sender.join()


def test_concurrent_handlers_count(serve: Serve) -> None:
    served = serve(inbox=POLICY)
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    running = []

    def slow(number: int, _: str) -> None:
        running.append(number)
        gate.stop()
        running.remove(number)
        heard(number)

    socket.on("a", slow, concurrent=True)

    sender = flood(websocket, 1000)
    gate.wait_reached()
    stats = wait_paused(served)
    # Each begins to run in a greenlet of its own.
    wait_until(lambda: len(running) >= stats.events_waiting)
    # An event that finds the inbox empty is counted only when it runs. So one or two
    # events too many get in, depending on where a turn of parsing ends.
    assert len(running) - POLICY.high_events in (1, 2)
    gate.open()

    assert sorted(heard.next()[0] for _ in range(1000)) == list(range(1000))
    sender.join()


def test_a_stream_that_is_not_read_counts(serve: Serve) -> None:
    served = serve(inbox=POLICY)
    websocket, socket = served.connect()
    events = socket.stream("a")

    sender = flood(websocket, 1000)
    assert wait_paused(served).events_waiting == POLICY.high_events + 1

    assert [next(events)[0] for _ in range(1000)] == list(range(1000))
    sender.join()


def test_a_stream_that_is_given_up_counts_no_more(serve: Serve) -> None:
    served = serve(inbox=POLICY)
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("b", heard)
    events = socket.stream("a")

    sender = flood(websocket, 1000)
    wait_paused(served)
    del events
    sender.join()
    websocket.send('42["b"]')

    assert heard.next() == ()
    assert served.io.stats().events_waiting == 0


def test_no_pong_is_demanded_while_reading_pauses(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(inbox=POLICY, clock=clock)
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    socket.on("slow", gate.stop)
    socket.on("a", heard)
    socket.on("disconnect", lambda reason: heard(reason))
    websocket.send('42["slow"]')
    gate.wait_reached()
    sender = flood(websocket, 1000)
    wait_paused(served)

    for _ in range(10):
        clock.advance(20)
    assert socket.connected
    gate.open()
    for _ in range(1000):
        heard.next()
    sender.join()

    clock.advance(25)
    assert websocket.receive() == "2"
    clock.advance(21)
    assert heard.next() == ("ping timeout",)


def test_it_may_be_switched_off(serve: Serve) -> None:
    served = serve(inbox=None)
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()
    socket.on("slow", gate.stop)
    socket.on("a", lambda number, _: heard(number))
    websocket.send('42["slow"]')
    gate.wait_reached()
    flood(websocket, 5000).join()
    while served.io.stats().events_waiting < 4999:
        gevent.idle()

    assert served.io.stats().pauses == 0
    gate.open()
    assert [heard.next() for _ in range(5000)] == [(n,) for n in range(5000)]


@pytest.mark.parametrize(
    ("event", "packet"),
    [("message", "4"), ("data", "4"), ("packet", "4"), ("packet", "3")],
)
def test_listeners_of_the_engine_count(
    start_engine: Any, event: str, packet: str
) -> None:
    engine = start_engine(inbox=POLICY)
    gate, heard = Gate(), Heard()

    def connected(session: sockio.EngineSession) -> None:
        session.on(event, lambda _: gate.stop())
        session.on(event, heard)

    engine.engine.on("connection", connected)
    websocket, _ = engine.client().open_websocket_session()
    data = b"".join(masked(f"{packet}{n}") for n in range(1000))
    sender = gevent.spawn(websocket.send_bytes, data)
    gate.wait_reached()
    [session] = engine.engine.clients.values()
    while not session.intake.paused:
        gevent.idle()
    assert session.intake.events == POLICY.high_events + 1
    gate.open()

    told = [heard.next()[0] for _ in range(1000)]
    assert [getattr(one, "data", one) for one in told] == [str(n) for n in range(1000)]
    sender.join()
    assert session.intake.events == 0


def test_who_overfills_the_inbox_with_a_namespace_is_let_in_nowhere(
    serve: Serve,
) -> None:
    served = serve(inbox=POLICY)
    heard, asked = Heard(), Heard()
    served.io.of("/admin").on("connection", heard)
    websocket, socket = served.connect()
    socket.on("disconnect", lambda reason: heard(reason))

    @socket.on("ask")
    def ask() -> None:
        asked()
        with pytest.raises(sockio.Disconnected):
            socket.call("question", timeout=30)

    websocket.send('42["ask"]')
    asked.next()
    most = POLICY.high_events * POLICY.hard
    data = b"".join(masked(f'42["a",{n}]') for n in range(most))
    gevent.spawn(websocket.send_bytes, data + masked("40/admin,"))

    assert heard.next() == ("transport error",)
    assert heard.calls == [("transport error",)]
    assert not served.io.of("/admin").sockets


def test_a_closed_session_answers_the_post_that_waits(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(inbox=POLICY, clock=clock)
    gate = Gate()
    session, socket = served.poll()
    socket.on("slow", gate.stop)
    socket.on("a", lambda: None)
    body = "\x1e".join(['42["slow"]', *['42["a"]'] * 1000])
    posted = gevent.spawn(session.post, body)
    gate.wait_reached()
    wait_paused(served)

    socket.conn.close()

    assert posted.get(timeout=20).status == 400
    gate.open()
    clock.advance(31)


def test_an_upgrade_behind_a_post_that_waits_ends_with_its_session(
    serve: Serve,
) -> None:
    served = serve(inbox=POLICY)
    gate = Gate()
    session, socket = served.poll()
    socket.on("slow", gate.stop)
    socket.on("a", lambda: None)
    websocket = session.websocket()
    websocket.send("2probe")
    assert websocket.receive() == "3probe"
    body = "\x1e".join(['42["slow"]', *['42["a"]'] * 1000])
    posted = gevent.spawn(session.post, body)
    gate.wait_reached()
    wait_paused(served)
    websocket.send("5")
    gevent.idle()

    socket.client.lose()

    websocket.wait_closed()
    assert posted.get(timeout=20).status == 400
    gate.open()
