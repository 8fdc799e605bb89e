"""A server goes on without standard output and error."""

from __future__ import annotations

import errno
import os
import sys
from io import StringIO
from typing import NoReturn

import pytest

from sockio.runtime.standard_streams import errors, flush, say


class Full(StringIO):
    """A file on a disk that is full."""

    def flush(self) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def closed() -> StringIO:
    file = StringIO()
    file.close()
    return file


@pytest.mark.parametrize("lost", [Full(), closed(), None])
def test_nothing_is_said_to_nobody(
    monkeypatch: pytest.MonkeyPatch, lost: StringIO | None
) -> None:
    monkeypatch.setattr(sys, "stderr", lost)

    say("sockio serves\n")


@pytest.mark.parametrize("lost", [Full(), closed(), None])
def test_what_one_keeps_back_is_written_although_the_other_is_lost(
    monkeypatch: pytest.MonkeyPatch, lost: StringIO | None
) -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as stream, open(reading, "rb", buffering=0) as read:
        monkeypatch.setattr(sys, "stdout", lost)
        monkeypatch.setattr(sys, "stderr", stream)
        stream.write("kept back")

        flush()

        assert read.read(100) == b"kept back"
        monkeypatch.undo()


def test_applications_always_have_a_stream_for_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert errors() is sys.stderr
    monkeypatch.setattr(sys, "stderr", None)

    assert errors().write("a line\n") == 7
    errors().writelines(["a line\n"])
    errors().flush()
