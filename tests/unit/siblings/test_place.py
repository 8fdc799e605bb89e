from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.siblings.place import Folder, Names, Place, can_meet, supported


@pytest.fixture(params=["names", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Folder(tmp_path)
    return Names(os.urandom(8).hex())


def test_this_system_has_what_it_takes() -> None:
    assert can_meet()
    assert supported()


def test_who_listens_is_found_and_reached(place: Place) -> None:
    listener = place.bind("ab_-")

    assert place.tags() == ["ab_-"]
    caller = place.connect("ab_-")
    caller.send(b"one")
    caller.send(b"two")
    descriptor, _ = listener._accept()  # type: ignore[attr-defined]
    with socket.socket(fileno=descriptor) as accepted:
        assert [accepted.recv(100), accepted.recv(100)] == [b"one", b"two"]

    caller.close()
    listener.close()
    place.leave("ab_-")
    assert place.tags() == []


def test_a_tag_has_one_owner(place: Place) -> None:
    listener = place.bind("abcd")

    with pytest.raises(FileExistsError):
        place.bind("abcd")

    listener.close()
    place.leave("abcd")


def test_nobody_is_reached_where_nobody_is(place: Place) -> None:
    with pytest.raises(ConnectionRefusedError):
        place.connect("abcd")


def test_who_accepts_nobody_is_not_waited_for(place: Place) -> None:
    listener = place.bind("abcd")
    callers: list[Any] = []

    def call_often() -> None:
        for _ in range(10_000):
            callers.append(place.connect("abcd"))

    with pytest.raises(BlockingIOError):
        call_often()

    for sock in (listener, *callers):
        sock.close()
    place.leave("abcd")


def test_groups_do_not_meet() -> None:
    group = os.urandom(8).hex()
    listener = Names(group).bind("abcd")

    assert Names(f"{group}0").tags() == []
    assert Names(group[:-1]).tags() == []
    with pytest.raises(ConnectionRefusedError):
        Names(f"{group}0").connect("abcd")

    listener.close()


def test_a_name_ends_with_its_process() -> None:
    group = os.urandom(8).hex()
    Names(group).bind("abcd").close()

    assert Names(group).tags() == []
    Names(group).bind("abcd").close()


# ------------------------------------------------------------------ folders


def test_a_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"

    Folder(folder).bind("abcd").close()

    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(folder) == ["abcd"]


def test_what_a_killed_process_leaves_is_removed(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    place.bind("abcd").close()  # as the kernel does when a process is killed

    assert place.tags() == ["abcd"]
    with pytest.raises(ConnectionRefusedError):
        place.connect("abcd")

    assert place.tags() == []
    place.bind("abcd").close()


def test_what_else_is_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    for name in ("README", ".abcd.1", "abcde", "ab.d"):
        (tmp_path / name).touch()
    (tmp_path / "file").touch()
    place = Folder(tmp_path)

    assert place.tags() == ["file"]
    with pytest.raises(ConnectionRefusedError):
        place.connect("file")


def test_what_was_left_unfinished_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / f".abcd.{os.getpid()}").touch()

    Folder(tmp_path).bind("abcd").close()

    assert os.listdir(tmp_path) == ["abcd"]


def for_all(folder: Path) -> None:
    folder.chmod(0o777)


def for_the_group(folder: Path) -> None:
    folder.chmod(0o770)


def of_somebody_else(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize("change", [for_all, for_the_group, of_somebody_else])
def test_a_folder_that_others_can_write_is_refused(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    change(folder)

    with pytest.raises(ConfigError, match="can be written by others"):
        Folder(folder).bind("abcd")

    assert os.listdir(folder) == []


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(ConfigError, match="where processes are to meet"):
        Folder(file).bind("abcd")


def test_where_no_socket_can_be_made_is_refused() -> None:
    # The kernel's folder, in which nobody makes files.
    with pytest.raises(ConfigError, match="no socket can be made in '/proc'"):
        Folder("/proc").bind("abcd")


def test_a_path_that_is_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="at most 93 bytes"):
        Folder(f"/{'x' * 93}")
    Folder(f"/{'x' * 92}")


def test_a_stream_is_refused(tmp_path: Path) -> None:
    listener = Folder(tmp_path).bind("abcd")

    with (
        socket.socket(socket.AF_UNIX) as stream,
        pytest.raises(OSError, match=os.strerror(errno.EPROTOTYPE)),
    ):
        stream.connect(str(tmp_path / "abcd"))

    listener.close()
