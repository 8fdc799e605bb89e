"""The benchmarks: who is measured, and the tables that are written from it."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docutils.core
import docutils.nodes
import pytest

from tests.support.deployed import ROOT

BENCHMARKS = ROOT / "benchmarks"

#: Imports a module of the benchmarks.
Load = Callable[[str], Any]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    yield importlib.import_module
    # They have names that others could have, too.
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in (getattr(sys.modules[name], "__file__", "") or ""):
            del sys.modules[name]


def run(server: str, scenario: str, **result: Any) -> dict[str, Any]:
    place = {"server": server, "scenario": scenario, "repetition": 0}
    return {"run": {**place, "result": result}}


def section(load: Load, path: Path, *lines: dict[str, Any]) -> str:
    """Return the section about other languages that such results make."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = load("results")
    found = load("languages").section(path, results.Results(results.read(path)))
    return "\n".join(found)


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables, row by row."""
    complaints = io.StringIO()
    settings = {"report_level": 2, "warning_stream": complaints}
    document = docutils.core.publish_doctree(text, settings_overrides=settings)
    assert complaints.getvalue() == ""
    return [
        [cell[-1].astext() for cell in row.findall(docutils.nodes.entry)]
        for row in document.findall(docutils.nodes.row)
    ]


def test_each_server_that_ran_has_a_column(load: Load, tmp_path: Path) -> None:
    text = section(
        load,
        tmp_path / "results",
        run("sockio", "echo-100", rate=200, server_us=10.5),
        run("go", "echo-100", rate=50, server_us=30.5),
        run("rust-2", "echo-100", rate=400, server_us=7.25),
        run("sockio", "idle", kib_each=6.5),
        run("go", "idle", kib_each=26),
    )

    assert rows(text) == [
        ["CPU us", "sockio", "Go", "Rust, 2 threads"],
        ["echo-100", "10.5", "30.5", "7.25"],
        ["idle, KiB", "6.5", "26", "--"],
        ["sockio : other", "Go", "Rust, 2 threads"],
        ["echo-100", "4.00", "0.50"],
        ["idle", "0.25", "--"],
    ]


def test_a_limit_of_the_load_generator_is_marked(load: Load, tmp_path: Path) -> None:
    text = section(
        load,
        tmp_path / "results",
        run("sockio", "echo-100", rate=200, server_us=10, load_busy=0.5),
        run("go", "echo-100", rate=100, server_us=10, load_busy=0.5),
        run("rust", "echo-100", rate=400, server_us=10, load_busy=0.99),
    )

    assert ["echo-100", "2.00", "<0.50"] in rows(text)


def test_wrong_answers_are_told_instead_of_figures(load: Load, tmp_path: Path) -> None:
    text = section(
        load,
        tmp_path / "results",
        run("sockio", "rooms", rate=200, server_us=10.5),
        run("bun", "rooms", rate=900, server_us=1, mismatches=3),
    )

    assert ["rooms", "10.5", "--"] in rows(text)
    assert "* Bun failed in ``rooms``: 3 mismatches" in text


def test_what_a_server_cannot_do_has_a_reason(load: Load, tmp_path: Path) -> None:
    text = section(
        load,
        tmp_path / "results",
        run("sockio", "broadcast-x8", rate=200, server_us=10.5),
        run("rust-2", "broadcast", rate=200, server_us=10.5),
    )

    assert ["broadcast-x8", "10.5", "--"] in rows(text)
    assert "* Rust, 2 threads is not in ``broadcast-x8``: each event is" in text


def test_versions_are_told(load: Load, tmp_path: Path) -> None:
    text = section(
        load,
        tmp_path / "results",
        {"versions": {"go": "Go 1, a 2", "go-2": "Go 1, a 2"}},
        run("go", "echo-1", rate=1, server_us=1),
        run("go-2", "echo-1", rate=1, server_us=1),
    )

    assert text.count("* Go 1, a 2") == 1


def test_results_of_node_alone_make_no_section(load: Load, tmp_path: Path) -> None:
    node = run("node", "echo-1", rate=1, server_us=1)

    assert section(load, tmp_path / "results", node) == ""


def test_a_toolchain_that_is_missing_is_named(load: Load) -> None:
    toolchains = load("toolchains")

    with pytest.raises(toolchains.MissingError, match=r"^no-such-one is not"):
        toolchains.Toolchain("no-such-one", "--version", (1, 0)).path()


def test_a_toolchain_that_is_too_old_is_named(load: Load) -> None:
    toolchains = load("toolchains")

    with pytest.raises(toolchains.MissingError, match=r"^git 99\.1 is needed: this is"):
        toolchains.Toolchain("git", "--version", (99, 1)).path()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("package.json", "socket.io"),
        ("package.json", "@socket.io/bun-engine"),
        ("go/go.mod", "github.com/zishang520/socket.io/servers/socket/v3"),
        ("rust/Cargo.toml", "axum"),
        ("rust/Cargo.toml", "socketioxide"),
        ("requirements.txt", "gevent"),
    ],
)
def test_peers_are_pinned(load: Load, file: str, name: str) -> None:
    version = load("versions").pinned(file, name)

    assert version.count(".") == 2
