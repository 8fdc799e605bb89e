"""Where typed lines are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from sockio.cli.prompt import history_file


def test_only_its_owner_may_read_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    path = history_file()

    assert path == tmp_path / "state" / "sockio" / "history"
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_kept_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert history_file() == tmp_path / ".local/state/sockio/history"


def test_a_folder_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    assert history_file() is None
