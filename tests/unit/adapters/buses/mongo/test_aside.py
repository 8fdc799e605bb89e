from __future__ import annotations

import gevent
import pytest

from sockio.adapters.buses.mongo.aside import Aside
from sockio.runtime.reactor import Reactor
from tests.support.native import Event


@pytest.fixture
def aside() -> Aside:
    reactor = Reactor()
    reactor.start()
    return Aside(reactor)


def test_a_call_returns_or_raises(aside: Aside) -> None:
    assert aside.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        aside.call(divmod, 7, 0)
    aside.end()


def test_calls_are_made_in_order_also_if_nobody_waits_any_more(aside: Aside) -> None:
    made: list[int] = []
    waiting = gevent.spawn(aside.call, made.append, 1)
    gevent.idle()
    waiting.kill()
    aside.post(lambda: made.append(2))

    aside.call(made.append, 3)

    assert made == [1, 2, 3]
    aside.end()


def test_the_end_comes_behind_all_calls(aside: Aside) -> None:
    done = Event()
    aside.call(int)

    aside.post(done.set)
    aside.end()
    aside.post(lambda: pytest.fail("called after the end"))

    gevent.idle()
    assert done.wait(30)
