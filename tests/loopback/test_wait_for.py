"""wait_for() and stream(): take events out of the inbox, in a line of code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

import sockio
from sockio.errors import Disconnected
from sockio.testing import FakeClock
from tests.support.served import Gate, Heard, Served

from .conftest import Serve


def outcome(fn: Callable[..., Any], *args: Any) -> gevent.Greenlet:
    """Return a greenlet whose value is what ``fn`` returns or raises."""

    def run() -> Any:
        try:
            return fn(*args)
        except (Disconnected, TimeoutError) as exc:
            return exc

    task = gevent.spawn(run)
    gevent.idle()
    return task


# ------------------------------------------------------------------ wait_for


def test_a_handler_waits_for_an_event(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("ask", lambda: (*socket.wait_for("name"), *socket.wait_for("age")))

    websocket.send('421["ask"]')
    websocket.send('42["name","me"]')
    websocket.send('42["age",5]')

    assert websocket.receive() == '431["me",5]'


def test_a_connection_handler_waits_for_an_event(served: Served) -> None:
    heard = Heard()
    served.io.on("connection", lambda socket: heard(socket.wait_for("name")))
    websocket, _ = served.connect()

    websocket.send('42["name","me",1]')

    assert heard.next() == (("me", 1),)


def test_a_middleware_waits_for_an_event(served: Served) -> None:
    served.io.use(lambda socket: socket.data.update(name=socket.wait_for("name")))
    websocket, _ = served.raw.open_websocket_session()

    websocket.send("40")
    websocket.send('42["name","me"]')

    assert str(websocket.receive()).startswith("40")
    assert served.newest().data.name == ("me",)


def test_any_greenlet_waits_for_an_event(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(socket.wait_for, "name")

    websocket.send('42["name"]')

    assert task.get(timeout=30) == ()


def test_the_oldest_queued_event_comes_first(served: Served) -> None:
    # The oldest queued event of that name, else the next to arrive.
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("start")
    def start() -> None:
        gate.stop()
        heard(*[socket.wait_for("n")[0] for _ in range(3)])

    websocket.send('42["start"]')
    gate.wait_reached()
    websocket.send('42["n",1]')
    websocket.send('42["other"]')
    websocket.send('42["n",2]')
    gevent.idle()
    gate.open()
    websocket.send('42["n",3]')

    assert heard.next() == (1, 2, 3)


def test_a_waiting_handler_gets_events_past_itself(served: Served) -> None:
    # They pass the running handler; the others keep their order behind it.
    order = Heard()
    websocket, socket = served.connect()

    @socket.on("start")
    def start() -> None:
        order("got", *socket.wait_for("wanted"))

    socket.on("other", lambda number: order("other", number))
    websocket.send('42["start"]')
    websocket.send('42["other",1]')
    websocket.send('42["other",2]')
    websocket.send('42["wanted","x"]')

    assert order.next() == ("got", "x")
    assert order.next() == ("other", 1)
    assert order.next() == ("other", 2)


def test_ordinary_listeners_do_not_get_what_is_taken(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("x", heard)
    task = outcome(socket.wait_for, "x")

    websocket.send('42["x",1]')
    websocket.send('42["x",2]')

    assert task.get(timeout=30) == (1,)
    assert heard.next() == (2,)


def test_several_waiters_get_one_event_each(served: Served) -> None:
    websocket, socket = served.connect()
    tasks = [outcome(socket.wait_for, "x") for _ in range(3)]

    for number in range(3):
        websocket.send(f'42["x",{number}]')

    assert [task.get(timeout=30) for task in tasks] == [(0,), (1,), (2,)]


def test_the_ack_function_is_the_last_item(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(socket.wait_for, "x")

    websocket.send('427["x",1]')

    value, ack = task.get(timeout=30)
    ack(value + 1)
    assert websocket.receive() == "437[2]"


def test_catch_all_listeners_and_guards_run_in_the_waiting_greenlet(
    served: Served,
) -> None:
    seen = Heard()
    websocket, socket = served.connect()
    socket.on_any(lambda *args: seen("any", *args, gevent.getcurrent()))
    socket.use(lambda event, args: seen("guard", event, gevent.getcurrent()))
    task = outcome(socket.wait_for, "x")

    websocket.send('42["x",1]')

    task.get(timeout=30)
    assert seen.next() == ("any", "x", 1, task)
    assert seen.next() == ("guard", "x", task)


def test_a_rejected_event_is_not_what_was_waited_for(served: Served) -> None:
    errors = Heard()
    websocket, socket = served.connect()
    socket.on("error", errors)

    @socket.use
    def positive(event: str, args: list[int]) -> None:
        if args[0] < 0:
            raise sockio.EventRejected("positive numbers only")

    socket.on("ask", lambda _: socket.wait_for("x"))
    websocket.send('421["ask",0]')
    websocket.send('42["x",-1]')
    websocket.send('42["x",1]')

    assert websocket.receive() == "431[1]"
    assert str(errors.next()[0]) == "positive numbers only"


def test_a_typed_event_and_a_number_are_names(served: Served) -> None:
    typed: sockio.Event[[int], None] = sockio.event("typed")
    websocket, socket = served.connect()
    first = outcome(socket.wait_for, typed)
    second = outcome(socket.wait_for, "5")

    websocket.send('42[5,"five"]')
    websocket.send('42["typed",1]')

    assert first.get(timeout=30) == (1,)
    assert second.get(timeout=30) == ("five",)


def test_a_wait_times_out(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("x", heard)
    task = outcome(lambda: socket.wait_for("x", timeout=5))

    clock.advance(4.9)
    assert not task.ready()
    clock.advance(0.1)

    assert isinstance(task.get(timeout=30), TimeoutError)
    websocket.send('42["x",1]')
    assert heard.next() == (1,)


def test_a_disconnect_ends_the_wait(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(socket.wait_for, "x")

    websocket.send("41")

    error = task.get(timeout=30)
    assert isinstance(error, Disconnected)
    assert error.reason == "client namespace disconnect"


def test_an_event_whose_client_left_during_the_guard_ends_the_wait(
    served: Served,
) -> None:
    gate = Gate()
    websocket, socket = served.connect()
    socket.use(lambda event, args: gate.stop())
    task = outcome(socket.wait_for, "x")
    websocket.send('42["x"]')
    gate.wait_reached()

    websocket.close()
    while served.engine.clients_count:
        gevent.idle()
    gate.open()

    assert task.get(timeout=30) == ()


def test_after_the_disconnect_no_wait_begins(served: Served) -> None:
    _, socket = served.connect()
    socket.disconnect()

    with pytest.raises(Disconnected):
        socket.wait_for("x")
    with pytest.raises(Disconnected):
        next(socket.stream("x"))


# ------------------------------------------------------------------ stream


def test_a_stream_gives_event_after_event(served: Served) -> None:
    websocket, socket = served.connect()
    numbers = socket.stream("n")

    for number in range(5):
        websocket.send(f'42["n",{number}]')

    assert [next(numbers) for _ in range(5)] == [(n,) for n in range(5)]


def test_a_stream_works_inside_a_handler(served: Served) -> None:
    websocket, socket = served.connect()

    @socket.on("sum")
    def total() -> int:
        result = 0
        for (number,) in socket.stream("n"):
            if number is None:
                break
            result += number
        return result

    websocket.send('421["sum"]')
    for number in ("1", "2", "3", "null"):
        websocket.send(f'42["n",{number}]')

    assert websocket.receive() == "431[6]"


def test_a_stream_begins_with_what_is_queued(served: Served) -> None:
    gate, heard = Gate(), Heard()
    websocket, socket = served.connect()

    @socket.on("start")
    def start() -> None:
        gate.stop()
        numbers = socket.stream("n")
        heard(next(numbers), next(numbers))

    websocket.send('42["start"]')
    gate.wait_reached()
    websocket.send('42["n",1]')
    websocket.send('42["n",2]')
    gevent.idle()
    gate.open()

    assert heard.next() == ((1,), (2,))


def test_a_full_stream_forgets_the_oldest(served: Served) -> None:
    rest = Heard()
    websocket, socket = served.connect()
    socket.on("end", rest)
    numbers = socket.stream("n", maxsize=2)

    for number in range(5):
        websocket.send(f'42["n",{number}]')
    websocket.send('42["end"]')
    rest.next()

    assert [next(numbers), next(numbers)] == [(3,), (4,)]


def test_a_stream_that_ends_gives_the_events_back_to_the_listeners(
    served: Served,
) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("n", heard)
    stream = socket.stream("n")
    websocket.send('42["n",0]')
    for _ in stream:
        break
    del stream

    websocket.send('42["n",1]')

    assert heard.next() == (1,)
    assert heard.calls == [(1,)]


def test_a_stream_nobody_iterates_over_ends_with_its_last_reference(
    served: Served,
) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("n", heard)
    numbers = socket.stream("n")
    del numbers

    websocket.send('42["n",1]')

    assert heard.next() == (1,)


def test_a_stream_gives_what_came_before_the_disconnect(served: Served) -> None:
    websocket, socket = served.connect()
    numbers = socket.stream("n")

    websocket.send('42["n",1]')
    websocket.send("41")

    assert next(numbers) == (1,)
    with pytest.raises(Disconnected):
        next(numbers)


def test_a_disconnect_ends_a_stream(served: Served) -> None:
    websocket, socket = served.connect()
    task = outcome(next, socket.stream("n"))

    websocket.cut()

    error = task.get(timeout=30)
    assert isinstance(error, Disconnected)
    assert error.reason == "transport close"


def test_a_stream_skips_rejected_events(served: Served) -> None:
    websocket, socket = served.connect()
    numbers = socket.stream("n")

    @socket.use
    def even(event: str, args: list[int]) -> None:
        if args[0] % 2:
            raise sockio.EventRejected("even numbers only")

    for number in range(4):
        websocket.send(f'42["n",{number}]')

    assert [next(numbers), next(numbers)] == [(0,), (2,)]


def test_somebody_waiting_comes_before_a_stream(served: Served) -> None:
    websocket, socket = served.connect()
    numbers = socket.stream("n")
    task = outcome(socket.wait_for, "n")

    websocket.send('42["n",1]')
    websocket.send('42["n",2]')

    assert task.get(timeout=30) == (1,)
    assert next(numbers) == (2,)


def test_several_takers_of_one_stream_get_one_event_each(served: Served) -> None:
    websocket, socket = served.connect()
    numbers = socket.stream("n")
    tasks = [outcome(next, numbers) for _ in range(3)]

    for number in range(3):
        websocket.send(f'42["n",{number}]')

    gevent.joinall(tasks, timeout=30)
    assert sorted(task.value for task in tasks) == [(0,), (1,), (2,)]
    assert socket.conn.intake.waits == 0


@pytest.mark.parametrize("events", [0, 1])
def test_a_disconnect_ends_all_takers_of_a_stream(served: Served, events: int) -> None:
    websocket, socket = served.connect()
    numbers = socket.stream("n")
    tasks = [outcome(next, numbers) for _ in range(3)]
    assert socket.conn.intake.waits == 3

    for number in range(events):
        websocket.send(f'42["n",{number}]')
    websocket.send("41")

    gevent.joinall(tasks, timeout=30)
    ended = [isinstance(task.value, Disconnected) for task in tasks]
    assert sorted(ended) == [False] * events + [True] * (3 - events)
    assert socket.conn.intake.waits == 0


def test_a_taker_that_is_killed_takes_nothing(served: Served) -> None:
    websocket, socket = served.connect()
    numbers = socket.stream("n")
    killed, other = (outcome(next, numbers) for _ in range(2))

    killed.kill()
    assert socket.conn.intake.waits == 1
    websocket.send('42["n",1]')

    assert other.get(timeout=30) == (1,)
    assert socket.conn.intake.waits == 0


def test_all_takers_may_be_killed_and_others_come(served: Served) -> None:
    websocket, socket = served.connect()
    numbers = socket.stream("n")
    gevent.killall([outcome(next, numbers) for _ in range(2)])
    assert socket.conn.intake.waits == 0

    task = outcome(next, numbers)
    websocket.send('42["n",1]')

    assert task.get(timeout=30) == (1,)
    assert socket.conn.intake.waits == 0
