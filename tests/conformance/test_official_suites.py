"""The public protocol suites themselves, run by mocha against servers of this process.

They are not copied into this repository. ``SOCKIO_SUITES=CHECKOUT`` names a checkout of
socketio/socket.io at ``COMMIT``; without it nothing here is collected, and the tests
beside this file, one for each title, stand in.

The suites presume an idle machine: they sleep for just as long as a session lives,
cancel a poll 5 ms after they began to send it, expect messages before the first ping at
300 ms, and miss what comes between two waits. Beside other load Node's own server fails
them, too. The tests beside this file depend on no such time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
from gevent import subprocess

from tests.support import services, suite_servers
from tests.support.loopback import Kind, Loopback

#: A commit of socketio/socket.io: the suites have no version of their own.
COMMIT = "d2d753fed4435015c2d83fe62e676b44e07fa3f7"
CHECKOUT = Path(os.environ.get("SOCKIO_SUITES", "."))
#: Base URL of another implementation, to try this runner.
ELSEWHERE = os.environ.get("SOCKIO_TEST_URL")
#: The URL of the server in the suites' sources.
THEIR_URL = "http://localhost:3000"
#: Seconds for all tests of one suite, and for the installation of its packages.
SUITE_LIMIT, INSTALL_LIMIT = 180, 120


class Suite(NamedTuple):
    """One suite: its folder, how many tests it has, what it runs against."""

    folder: str
    tests: int
    make_server: Callable[[], Any]


SUITES = {
    "engine.io v3": Suite(
        "docs/engine.io-protocol/v3-test-suite", 23, suite_servers.old_engine_server
    ),
    "engine.io v4": Suite(
        "docs/engine.io-protocol/v4-test-suite", 25, suite_servers.engine_server
    ),
    "socket.io v5": Suite(
        "docs/socket.io-protocol/v5-test-suite", 32, suite_servers.socket_server
    ),
}
KINDS: tuple[Kind, ...] = ("sockio", "pywsgi")


def titles(suite: Suite) -> list[str]:
    """Read the full titles of a suite's tests from its source, in order."""
    source = (CHECKOUT / suite.folder / "test-suite.js").read_text()
    found: list[str] = []
    groups: list[tuple[int, str]] = []
    for indent, kind, title in re.findall(
        r'^( *)(describe|it)\(\s*"((?:[^"\\]|\\.)*)"', source, re.MULTILINE
    ):
        groups = [group for group in groups if group[0] < len(indent)]
        if kind == "describe":
            groups.append((len(indent), title))
        else:
            found.append(" ".join([*(name for _, name in groups), title]))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    runs = [(name, kind) for name in SUITES for kind in KINDS]
    if "title" in metafunc.fixturenames:
        cases = [(*run, title) for run in runs for title in titles(SUITES[run[0]])]
        metafunc.parametrize(("name", "kind", "title"), cases)
    else:
        metafunc.parametrize(("name", "kind"), runs)


#: A function that returns the outcomes of one run, by title; "" is a success.
Outcomes: TypeAlias = Callable[[str, Kind], dict[str, str]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """Give a function that runs a suite at its first call, and returns its outcomes."""
    folders: dict[str, Path] = {}
    known: dict[tuple[str, Kind], dict[str, str]] = {}

    def outcomes_of(name: str, kind: Kind) -> dict[str, str]:
        if name not in folders:
            folders[name] = install(SUITES[name], tmp_path_factory.mktemp("suite"))
        if (name, kind) not in known:
            known[name, kind] = run(SUITES[name], kind, folders[name])
        return known[name, kind]

    return outcomes_of


def install(suite: Suite, parent: Path) -> Path:
    """Copy a suite and return the copy's folder, with its packages installed."""
    folder = parent / "suite"
    shutil.copytree(CHECKOUT / suite.folder, folder, symlinks=True)
    if not (folder / "node_modules").is_dir():
        command = [services.program("npm"), "ci", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_LIMIT)
    return folder


def run(suite: Suite, kind: Kind, folder: Path) -> dict[str, str]:
    """Run the suite in ``folder`` against a new server, or against ``ELSEWHERE``.

    Blocks:
        Until mocha has ended.
    """
    if ELSEWHERE:
        return run_mocha(folder, ELSEWHERE)
    loopback = Loopback(suite.make_server(), kind)
    try:
        return run_mocha(folder, loopback.url)
    finally:
        loopback.close()


def run_mocha(folder: Path, url: str) -> dict[str, str]:
    """Run the suite in ``folder`` against ``url``; return its outcomes."""
    source = (folder / "test-suite.js").read_text()
    assert THEIR_URL in source
    (folder / "run.js").write_text(source.replace(THEIR_URL, url))
    mocha = ["node_modules/.bin/mocha", "--reporter=json", "--exit"]
    done = subprocess.run(
        [services.program("node"), *mocha, "run.js"],
        cwd=folder,
        stdout=subprocess.PIPE,
        timeout=SUITE_LIMIT,
    )
    report = json.loads(done.stdout)
    tests = [*report["passes"], *report["failures"]]  # one suite skips a test
    return {test["fullTitle"]: test["err"].get("message", "") for test in tests}


@pytest.mark.patience(INSTALL_LIMIT + SUITE_LIMIT)
def test_official(outcomes: Outcomes, name: str, kind: Kind, title: str) -> None:
    assert outcomes(name, kind)[title] == ""


@pytest.mark.patience(INSTALL_LIMIT + SUITE_LIMIT)
def test_no_title_is_left_out(outcomes: Outcomes, name: str, kind: Kind) -> None:
    found = outcomes(name, kind)

    assert sorted(found) == sorted(titles(SUITES[name]))
    assert len(found) == SUITES[name].tests
