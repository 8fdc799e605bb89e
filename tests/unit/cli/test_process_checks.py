"""What is said about the process that serves."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockio import build
from sockio.cli.process_checks import (
    PATCHED,
    check_build,
    check_descriptors,
    check_patching,
)


@pytest.mark.parametrize(
    ("loaded", "patched", "level", "told"),
    [
        ([], (), "ok", "nothing known needs it"),
        (["requests", "urllib3"], (), "warning", "requests, urllib3 would hold up all"),
        (["requests"], PATCHED, "ok", "has patched"),
        ([], ("socket", "ssl"), "error", "only a part"),
        (["redis", "sockio.adapters.buses.redis.bus"], (), "ok", "nothing known"),
        (["redis"], (), "warning", "redis"),
    ],
)
def test_patching(
    loaded: list[str], patched: tuple[str, ...], level: str, told: str
) -> None:
    (finding,) = check_patching(loaded, patched, by_worker=False)

    assert finding.level == level
    assert told in finding.text
    assert bool(finding.advice) == (level != "ok")


def test_patching_by_a_worker_of_gunicorn() -> None:
    (finding,) = check_patching(["requests"], (), by_worker=True)

    assert finding.level == "ok"


def test_packages_that_wait_in_c() -> None:
    _, psycopg2, pyodbc = check_patching(
        ["psycopg2", "pyodbc"], PATCHED, by_worker=False
    )

    assert "install psycogreen" in psycopg2.advice
    assert pyodbc.advice == "call it in io.run_in_thread(fn, ...)"
    (finding,) = check_patching(["psycopg2", "psycogreen"], PATCHED, by_worker=False)
    assert finding.level == "ok"


@pytest.fixture
def soft_limit() -> Iterator[None]:
    """Put the limit of descriptors back that a test changes."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("soft_limit")
def test_few_descriptors(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))

    (finding,) = check_descriptors(tmp_path / "none")

    assert finding.level == "warning"
    assert "may have 1024" in finding.text
    assert "LimitNOFILE" in finding.advice


@pytest.mark.usefixtures("soft_limit")
def test_enough_descriptors_and_few_that_wait(tmp_path: Path) -> None:
    somaxconn = tmp_path / "somaxconn"
    somaxconn.write_text("128\n")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    limit, backlog = check_descriptors(somaxconn)

    assert limit.level == "ok"
    assert backlog.level == "hint"
    assert "at most 128 new connections" in backlog.text
    somaxconn.write_text("4096\n")
    assert list(check_descriptors(somaxconn)) == [limit]


def test_the_build() -> None:
    (finding,) = check_build()

    assert finding.level == ("ok" if build.compiled else "hint")
    assert f"sockio {build.VERSION}" in finding.text
