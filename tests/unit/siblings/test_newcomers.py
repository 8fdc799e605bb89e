"""Who takes newcomers, and who is about to end, in both places."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sockio.runtime.reactor import Reactor
from sockio.siblings.place import Folder, Names, Place
from sockio.siblings.siblings import Siblings


@pytest.fixture(params=["names", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        tmp_path.chmod(0o700)
        return Folder(tmp_path)
    return Names(secrets.token_hex(8))


@pytest.fixture
def join(place: Place, reactor: Reactor) -> Iterator[Callable[[], Siblings]]:
    joined: list[Siblings] = []

    def join() -> Siblings:
        joined.append(Siblings(place, reactor))
        joined[-1].open()
        return joined[-1]

    yield join
    for siblings in joined:
        siblings.close()


def test_who_has_opened_takes_newcomers(join: Callable[[], Siblings]) -> None:
    one = join()
    assert one.welcoming == []

    other = join()

    assert one.welcoming == [other.tag]
    assert other.welcoming == [one.tag]


def test_who_takes_no_newcomers_still_serves(join: Callable[[], Siblings]) -> None:
    one, other = join(), join()

    other.take_no_newcomers()
    other.take_no_newcomers()

    assert one.welcoming == []
    assert one.others == [other.tag]
    assert other.welcoming == [one.tag]


def test_who_steps_back_takes_whom_nobody_else_takes(
    place: Place, join: Callable[[], Siblings]
) -> None:
    one, other = join(), join()
    assert one.reserve == []

    other.step_back()
    assert (one.welcoming, one.reserve) == ([], [other.tag])
    assert (other.welcoming, other.reserve) == ([one.tag], [])

    other.take_no_newcomers()
    other.step_back()
    assert (one.welcoming, one.reserve) == ([], [])
    one.step_back()
    one.close()
    assert place.welcoming(reserve=True) == []


def test_who_has_closed_takes_nobody(
    place: Place, join: Callable[[], Siblings]
) -> None:
    one, other, last = join(), join(), join()

    other.take_no_newcomers()
    other.close()
    last.close()

    assert one.welcoming == one.others == []
    assert place.tags() == place.welcoming() == [one.tag]


def test_a_mark_ends_with_its_process(place: Place) -> None:
    listener, mark = place.bind("abcd"), place.welcome("abcd")
    assert place.welcoming() == ["abcd"]

    listener.close()  # as when the process is killed
    mark.close()
    with pytest.raises(ConnectionRefusedError):
        place.connect("abcd")

    assert place.tags() == place.welcoming() == []


def test_a_mark_that_was_left_behind_goes_with_its_tag(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.welcome("abcd").close()
    assert folder.welcoming() == ["abcd"]

    with pytest.raises(ConnectionRefusedError):
        folder.connect("abcd")

    assert os.listdir(tmp_path) == []


def test_a_mark_can_be_set_where_one_was_left_behind(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.welcome("abcd").close()

    folder.welcome("abcd").close()

    assert folder.welcoming() == ["abcd"]


def test_to_listen_is_not_to_take_newcomers(place: Place) -> None:
    listener = place.bind("abcd")

    assert place.tags() == ["abcd"]
    assert place.welcoming() == []

    listener.close()
    place.leave("abcd")
