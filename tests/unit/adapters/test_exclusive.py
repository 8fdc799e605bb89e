from __future__ import annotations

import os
import time
from threading import Thread

import pytest

from sockio.adapters.exclusive import Exclusive


def soon(seconds: float = 60) -> float:
    return time.monotonic() + seconds


def test_a_process_finds_what_it_has_left() -> None:
    kept: Exclusive[str] = Exclusive(lambda thing: None)
    with kept.use(soon()) as place:
        assert place.thing is None
        place.thing = "thing"

    with kept.use(soon()) as place:
        assert place.thing == "thing"


def test_one_thread_at_a_time() -> None:
    kept: Exclusive[str] = Exclusive(lambda thing: None)
    late: list[TimeoutError] = []

    def use() -> None:
        try:
            with kept.use(soon(0)):
                pass
        except TimeoutError as exc:
            late.append(exc)

    with kept.use(soon()):
        thread = Thread(target=use)
        thread.start()
        thread.join()
    use()

    assert len(late) == 1


def test_who_fails_leaves_the_place_free() -> None:
    kept: Exclusive[str] = Exclusive(lambda thing: None)
    with pytest.raises(ZeroDivisionError), kept.use(soon()):
        1 / 0  # noqa: B018

    with kept.use(soon(0)):
        pass


def test_a_child_has_a_place_of_its_own() -> None:
    abandoned: list[str] = []
    kept: Exclusive[str] = Exclusive(abandoned.append)
    with kept.use(soon()) as place:
        place.thing = "the parent's"
        # The parent's lock is held at this moment: the child must not wait for it.
        child = os.fork()
        if child == 0:
            with kept.use(soon(0)) as mine:
                os._exit(0 if (mine.thing, abandoned) == (None, [place.thing]) else 1)
    assert os.waitpid(child, 0)[1] == 0

    with kept.use(soon()) as place:
        assert place.thing == "the parent's"
    assert abandoned == []
