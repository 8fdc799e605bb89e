"""Clients that come back to another process of the host than the one they had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import gevent.event
import pytest

import sockio
from sockio.adapters import Cluster, SiblingsBus
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.siblings.place import Folder
from sockio.testing import FakeClock
from tests.support.served import Gate, Served
from tests.support.waiting import PATIENCE

from .conftest import Serve
from .test_recovery import connect, lose, without_offsets

Begin = Callable[..., Served]


@pytest.fixture
def begin(serve: Serve, tmp_path: Path) -> Begin:
    """Give a function that starts one more of the servers that meet in a folder."""
    all: list[Served] = []

    def start(**options: Any) -> Served:
        served = serve(
            adapter=Cluster(SiblingsBus(Folder(tmp_path))),
            **{"connection_state_recovery": True, **options},
        )
        served.io.start()
        all.append(served)
        for each in all:  # what was said is heard before an answer
            each.io.fetch_sockets()
        return served

    return start


@pytest.fixture
def first(begin: Begin) -> Served:
    return begin()


@pytest.fixture
def second(begin: Begin, first: Served) -> Served:
    return begin()


def test_a_client_comes_back_to_another_process(first: Served, second: Served) -> None:
    websocket, before, socket = connect(first)
    socket.join("room")
    socket.data.name = "Ann"
    socket.emit("seen")
    offset = websocket.receive_event()[-1]
    socket.emit("lost on its way")
    lose(websocket, socket)
    first.io.emit("of the first", 1)
    second.io.to("room").emit("of the second", 2)
    first.io.local.emit("there only")
    second.io.local.emit("here only")
    second.io.except_("room").emit("others")
    first.io.volatile.emit("volatile")

    again, after, recovered = connect(second, pid=before.pid, offset=offset)

    assert (after.sid, after.pid) == (before.sid, before.pid)
    assert recovered.recovered
    assert recovered.rooms == {before.sid, "room"}
    assert recovered.data.name == "Ann"
    missed = without_offsets(after.missed)
    assert missed[0] == ["lost on its way"]
    assert sorted(missed[1:]) == [
        ["of the first", 1],
        ["of the second", 2],
        ["there only"],
    ]
    first.io.to("room").emit("later")
    assert again.receive_event()[0] == "later"


def test_a_client_that_has_seen_no_event_is_looked_for_everywhere(
    first: Served, second: Served
) -> None:
    websocket, before, socket = connect(first)
    lose(websocket, socket)
    second.io.emit("missed")

    _, after, recovered = connect(second, pid=before.pid)

    assert recovered.recovered
    assert without_offsets(after.missed) == [["missed"]]


@pytest.mark.parametrize("seen", [True, False])
def test_a_client_comes_back_to_a_process_that_has_just_started(
    first: Served, serve: Serve, tmp_path: Path, seen: bool
) -> None:
    websocket, before, socket = connect(first)
    socket.emit("seen")
    offset = websocket.receive_event()[-1] if seen else None
    lose(websocket, socket)
    newcomer = serve(
        adapter=Cluster(SiblingsBus(Folder(tmp_path))), connection_state_recovery=True
    )

    _, after, recovered = connect(newcomer, pid=before.pid, offset=offset)

    assert recovered.recovered
    assert (after.sid, after.pid) == (before.sid, before.pid)


def test_a_client_comes_back_before_its_end_is_noticed(
    first: Served, second: Served
) -> None:
    websocket, before, socket = connect(first)
    first.io.emit("seen")
    offset = websocket.receive_event()[-1]

    _, after, recovered = connect(second, pid=before.pid, offset=offset)

    assert recovered.recovered
    assert after.missed == []
    assert not socket.connected
    assert websocket.wait_closed()


def test_a_client_breaks_off_again_before_it_gets_something_new(
    first: Served, second: Served
) -> None:
    # It names an offset that the other process has made, at either process.
    websocket, before, socket = connect(first)
    first.io.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    for number in range(3):
        first.io.emit("n", number)
    websocket, after, socket = connect(second, pid=before.pid, offset=offset)
    assert [each[1] for each in after.missed] == [0, 1, 2]
    lose(websocket, socket)
    second.io.emit("n", 3)

    for served, got in ((second, 0), (first, 1), (second, 2), (first, 3)):
        offset = after.missed[0][-1] if got else offset
        websocket, after, socket = connect(served, pid=before.pid, offset=offset)
        assert [each[1] for each in after.missed] == list(
            range(max(got - 1, 0) + (got > 0), 4)
        )
        lose(websocket, socket)


def test_a_session_is_given_away_only_once(
    begin: Begin, first: Served, second: Served
) -> None:
    third = begin()
    websocket, before, socket = connect(first)
    lose(websocket, socket)

    found = [
        gevent.spawn(served.io.sockets.adapter.restore_session, before.pid, None)
        for served in (second, third, second, third)
    ]

    assert len([each for each in gevent.joinall(found, 10) if each.get()]) == 1


def test_an_event_during_the_search_comes_once(first: Served, second: Served) -> None:
    websocket, before, socket = connect(first)
    lose(websocket, socket)

    def talk() -> None:
        for number in range(200):
            first.io.emit("a", number)
            second.io.emit("b", number)
            gevent.idle()

    talking = gevent.spawn(talk)
    again, after, _ = connect(second, pid=before.pid)
    talking.join()
    heard = after.missed
    while len(heard) < 400:
        heard.append(again.receive_event())

    for name in ("a", "b"):
        assert [each[1] for each in heard if each[0] == name] == list(range(200))


def test_a_secret_that_nobody_knows_gets_a_new_socket(
    first: Served, second: Served
) -> None:
    _, before, _ = connect(first)

    for pid in (before.pid[:-1], before.pid.swapcase(), "x" * 1000, ""):
        _, after, socket = connect(second, pid=pid, offset="Q.1~beef")

        assert not socket.recovered
        assert after.sid != before.sid
    assert list(first.io.sockets.sockets) == [before.sid]


def test_data_that_cannot_travel_stays(
    first: Served, second: Served, caplog: pytest.LogCaptureFixture
) -> None:
    websocket, before, socket = connect(first)
    socket.data.connection = object()
    lose(websocket, socket)

    _, _, after = connect(second, pid=before.pid)

    assert not after.recovered
    (line,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "socket.data cannot go to another process" in line.getMessage()
    assert before.pid not in caplog.text


def test_middlewares_may_be_asked_again(begin: Begin) -> None:
    recovery = sockio.Recovery(skip_middlewares=False)
    first = begin(connection_state_recovery=recovery)
    second = begin(connection_state_recovery=recovery)
    gate = Gate()
    websocket, before, socket = connect(first)
    lose(websocket, socket)
    second.io.use(lambda socket: gate.stop())
    coming = gevent.spawn(connect, second, pid=before.pid)
    gate.wait_reached()
    first.io.emit("meanwhile")
    second.io.fetch_sockets()
    gate.open()

    _, after, recovered = coming.get(timeout=10)

    assert recovered.recovered
    assert without_offsets(after.missed) == [["meanwhile"]]


# ------------------------------------------------------------------ the end of one


def test_a_process_that_ends_leaves_its_sessions(
    begin: Begin, first: Served, second: Served
) -> None:
    websocket, before, socket = connect(first)
    socket.join("room")
    first.io.emit("seen")
    offset = websocket.receive_event()[-1]
    lose(websocket, socket)
    first.io.to("room").emit("missed", 1)
    _, other, _ = connect(first)

    end(first)
    second.io.emit("missed", 2)
    third = begin()
    second.io.emit("missed", 3)

    _, after, recovered = connect(third, pid=before.pid, offset=offset)
    assert recovered.rooms == {before.sid, "room"}
    assert without_offsets(after.missed) == [["missed", n] for n in (1, 2, 3)]
    _, after, recovered = connect(second, pid=other.pid)
    assert recovered.recovered
    assert without_offsets(after.missed) == [["missed", n] for n in (2, 3)]


def test_what_was_inherited_is_left_again(
    begin: Begin, first: Served, second: Served
) -> None:
    websocket, before, socket = connect(first)
    lose(websocket, socket)
    end(first)
    second.io.emit("missed", 1)
    third = begin()
    second.io.emit("missed", 2)
    end(second)
    third.io.emit("missed", 3)

    _, after, recovered = connect(third, pid=before.pid)

    assert recovered.recovered
    assert without_offsets(after.missed) == [["missed", n] for n in (1, 2, 3)]


def end(served: Served) -> None:
    """End a server in an orderly way."""
    served.io.drain(1.0)
    served.io.close()


def test_who_ends_waits_for_an_heir_that_has_just_begun(
    first: Served, serve: Serve, tmp_path: Path
) -> None:
    websocket, before, socket = connect(first)
    lose(websocket, socket)
    newcomer = serve(
        adapter=Cluster(SiblingsBus(Folder(tmp_path))), connection_state_recovery=True
    )
    newcomer.io.start()  # they have not met

    end(first)

    _, _, recovered = connect(newcomer, pid=before.pid)
    assert recovered.recovered


def test_nobody_inherits_where_nobody_stays(first: Served) -> None:
    websocket, _, socket = connect(first)
    lose(websocket, socket)

    end(first)


def test_an_heir_that_leaves_meanwhile_is_not_waited_for(
    begin: Begin, clock: FakeClock
) -> None:
    first, second, third = (begin(clock=clock) for _ in range(3))
    websocket, before, socket = connect(first)
    lose(websocket, socket)
    for number in range(300):
        first.io.emit("missed", number, "x" * 100)

    ending = [gevent.spawn(end, each) for each in (first, second)]
    for one in ending:
        one.get(timeout=PATIENCE)

    again, _, recovered = connect(third, pid=before.pid)
    assert recovered.recovered
    # They are so many that they come after the answer.
    assert [again.receive_event()[1] for _ in range(300)] == list(range(300))


def test_an_heir_may_leave_at_any_moment(begin: Begin, clock: FakeClock) -> None:
    passes, leaving = 0, True
    while leaving:
        # Who leaves picks the heir whom it met first.
        heir, first, third = (begin(clock=clock) for _ in range(3))
        websocket, before, socket = connect(first)
        lose(websocket, socket)

        ending = gevent.spawn(end, first)
        for _ in range(passes):
            one_pass(first)
        leaving = not ending.ready()
        end(heir)
        ending.get(timeout=PATIENCE)

        _, _, recovered = connect(third, pid=before.pid)
        assert recovered.recovered, passes
        end(third)
        passes += 1
    assert passes > 5


def test_a_client_comes_back_while_its_session_changes_hands(
    begin: Begin, serve: Serve, tmp_path: Path, clock: FakeClock
) -> None:
    _, first = begin(clock=clock), begin(clock=clock)
    bus = SlowTo(Folder(tmp_path), first)
    second = serve(adapter=Cluster(bus), connection_state_recovery=True, clock=clock)
    second.io.start()
    websocket, before, socket = connect(first)
    lose(websocket, socket)

    coming = gevent.spawn(connect, second, pid=before.pid)
    bus.wait_until_asked()
    second.io.fetch_sockets()  # the heir has said that it does not have it
    end(first)

    _, _, recovered = coming.get(timeout=PATIENCE)
    assert recovered.recovered


class SlowTo(SiblingsBus):
    """Its questions for one server take longer than that lives."""

    def __init__(self, place: Folder, served: Served) -> None:
        super().__init__(place)
        adapter: Any = served.io.sockets.adapter
        self._uid = adapter.uid
        self._asked = gevent.event.Event()

    def reply(self, uid: str, message: Message) -> None:
        if uid == self._uid and message.type is MessageType.SESSION_WANTED:
            self._asked.set()
        else:
            super().reply(uid, message)

    def wait_until_asked(self) -> None:
        assert self._asked.wait(PATIENCE)


def test_nobody_waits_for_a_process_that_leaves(begin: Begin, clock: FakeClock) -> None:
    second = begin(clock=clock)
    passes, leaving = 0, True
    while leaving:
        first = begin(clock=clock)
        websocket, _, socket = connect(first)
        socket.emit("seen")
        offset = websocket.receive_event()[-1]  # it names the first one

        ending = gevent.spawn(end, first)
        for _ in range(passes):
            one_pass(first)
        leaving = not ending.ready()
        restore = second.io.sockets.adapter.restore_session
        asking = [gevent.spawn(restore, "nobody", each) for each in (offset, None)]

        # No time passes.
        assert [each.get(timeout=PATIENCE) for each in asking] == [None, None], passes
        ending.get(timeout=PATIENCE)
        passes += 1
    assert passes > 5


def one_pass(served: Served) -> None:
    """Wait until the next pass of the loop."""
    reactor = served.io.reactor
    latch = reactor.latch()
    reactor.next_pass(lambda: latch.set(None))
    latch.wait()


def test_what_is_left_expires(begin: Begin, clock: FakeClock) -> None:
    first, second = begin(clock=clock), begin(clock=clock)
    websocket, before, socket = connect(first)
    lose(websocket, socket)
    clock.advance(100.0)
    end(first)
    clock.advance(30.0)

    _, _, after = connect(second, pid=before.pid)

    assert not after.recovered
