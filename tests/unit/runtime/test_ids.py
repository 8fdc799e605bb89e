from __future__ import annotations

import os
import re
import threading

import pytest

from sockio.runtime.ids import BATCH, Offsets, new_sid, offset_order
from tests import PATCHED


def test_an_id_has_20_characters_that_fit_into_a_url() -> None:
    for _ in range(3 * BATCH):
        assert re.fullmatch(r"[A-Za-z0-9_-]{20}", new_sid())


def test_ids_do_not_repeat() -> None:
    ids = [new_sid() for _ in range(50 * BATCH)]

    assert len(set(ids)) == len(ids)


def test_sixteen_characters_are_random_and_four_count() -> None:
    ids = [new_sid() for _ in range(2 * BATCH)]

    assert len({sid[:16] for sid in ids}) == len(ids)
    assert len({sid[16:] for sid in ids}) == len(ids)
    assert len({sid[16] for sid in ids}) <= 2


def test_native_threads_get_different_ids() -> None:
    made: list[list[str]] = []

    def make() -> None:
        made.append([new_sid() for _ in range(5 * BATCH)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({sid for ids in made for sid in ids}) == 4 * 5 * BATCH


@pytest.mark.skipif(PATCHED, reason="gevent's hooks of fork do not bear pytest")
def test_a_forked_child_does_not_repeat_its_parents_ids() -> None:
    new_sid()  # the parent holds a batch ready
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os.write(writer, "".join(new_sid() for _ in range(BATCH)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(child, 0)

    theirs = {text[start : start + 20] for start in range(0, len(text), 20)}
    assert len(theirs) == BATCH
    assert theirs.isdisjoint(new_sid() for _ in range(2 * BATCH))


# ------------------------------------------------------------------ offsets

#: 2026-11-22 in milliseconds, and as yeast writes it.
MOMENT, TEXT = 1_795_376_519_910, "Q84nvhc"


def test_an_offset_is_the_time_in_base_64() -> None:
    offsets = Offsets()

    assert offsets.new_offset(0) == "0"
    assert offsets.new_offset(0.063) == "_"
    assert offsets.new_offset(0.064) == "10"
    assert offsets.new_offset(MOMENT / 1000) == TEXT


def test_offsets_of_one_millisecond_are_counted() -> None:
    offsets = Offsets()

    made = [offsets.new_offset(1.0) for _ in range(66)]

    assert made[:3] == ["Fe", "Fe.0", "Fe.1"]
    assert made[-2:] == ["Fe._", "Fe.10"]
    assert offsets.new_offset(1.0015) == "Ff"
    assert offsets.new_offset(1.0015) == "Ff.0"


def test_offsets_do_not_go_back_with_the_clock() -> None:
    offsets = Offsets()

    made = [offsets.new_offset(time) for time in (5.0, 4.0, 4.5, 5.0, 5.001)]

    assert len(set(made)) == 5
    assert sorted(made, key=offset_order) == made


def test_the_order_of_an_offset() -> None:
    assert offset_order(TEXT) == (MOMENT, -1)
    assert offset_order(TEXT + ".10") == (MOMENT, 64)
