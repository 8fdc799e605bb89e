from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable

import pytest
from gevent.monkey import get_original

from sockio.runtime.ids import (
    BATCH,
    Offsets,
    SessionIds,
    is_tag,
    new_sid,
    new_tag,
    offset_order,
    tag_of,
)
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


# ------------------------------------------------------------------ tags


def test_a_tag_is_drawn_from_24_bits() -> None:
    tags = [new_tag() for _ in range(1000)]

    assert all(map(is_tag, tags))
    assert len(set(tags)) > 990  # two of a thousand are equal once in 34 such tests


@pytest.mark.parametrize("text", ["", "abc", "abcde", "ab d", "ab/d", "abc\n", "äbcd"])
def test_what_is_no_tag(text: str) -> None:
    assert not is_tag(text)


def test_the_ids_of_sessions_begin_with_the_tag_of_their_process() -> None:
    ids = SessionIds()

    made = [ids() for _ in range(3 * BATCH)]

    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", sid) for sid in made)
    assert {sid[:4] for sid in made} == {ids.tag}
    assert {tag_of(sid) for sid in made} == {ids.tag}


def test_behind_the_tag_72_bits_are_random_and_24_count() -> None:
    ids = SessionIds()
    made = [ids() for _ in range(2 * BATCH)]

    assert len({sid[4:16] for sid in made}) == len(made)
    assert len({sid[16:] for sid in made}) == len(made)
    assert len({sid[16] for sid in made}) <= 2


def test_the_tag_can_be_another_one() -> None:
    ids = SessionIds()
    ids()

    ids.tag = "abcd"

    assert ids()[:4] == ids.tag == "abcd"


def test_two_servers_have_two_tags() -> None:
    assert SessionIds().tag != SessionIds().tag


@pytest.mark.skipif(PATCHED, reason="gevent's hooks of fork do not bear pytest")
def test_nothing_is_drawn_before_the_first_use() -> None:
    """Processes that fork off later must not share it."""
    ids = SessionIds()

    assert in_child(lambda: ids.tag) != ids.tag


def in_child(fn: Callable[[], str]) -> str:
    """Return what ``fn`` returns in a forked child."""
    reader, writer = os.pipe()
    child = get_original("os", "fork")()
    if child == 0:  # pragma: no cover - another process
        os.write(writer, fn().encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    with contextlib.suppress(ChildProcessError):  # gevent has waited for it
        os.waitpid(child, 0)
    return text


@pytest.mark.skipif(PATCHED, reason="gevent's hooks of fork do not bear pytest")
def test_a_forked_child_has_a_tag_and_sessions_of_its_own() -> None:
    ids = SessionIds()
    tag, first = ids.tag, ids()

    sid = in_child(ids)

    assert len(sid) == len(first) == 20
    assert tag_of(sid) != tag
    assert ids()[:4] == tag


@pytest.mark.parametrize(
    ("sid", "tag"),
    [
        ("abcdefghijklmnopqrst", "abcd"),
        ("abcdefghijklmnopqrs", ""),
        ("abcdefghijklmnopqrstu", ""),
        ("ab defghijklmnopqrst", ""),
        ("\0bcdefghijklmnopqrst", ""),
        ("user-1~abcd", "abcd"),
        ("~abcd", "abcd"),
        ("a~b~abcd", "abcd"),
        ("user-1~abc", ""),
        ("user-1~abcde", ""),
        ("user-1~ab/d", ""),
        ("user-1~", ""),
        ("~", ""),
        ("", ""),
        # It is of generate_id, and so long by chance.
        ("fifteen-letter~abcd1", ""),
    ],
)
def test_the_tag_in_an_id(sid: str, tag: str) -> None:
    assert tag_of(sid) == tag


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
