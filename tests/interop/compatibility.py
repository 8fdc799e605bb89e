"""Compatibility: writes the tables of ``docs/compatibility.rst``, or checks them.

Every kind of client runs every check against one server of this process, which takes
JSON and MessagePack; the tables say how many passed, of how many.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tests.interop.checks import CHECKS, TRANSPORTS, Check, Way, make_server
from tests.interop.languages import (
    CLIENTS,
    LACKS,
    ForeignKind,
    ForeignWay,
    lack_of,
    passes,
)
from tests.interop.sources import SOURCES
from tests.interop.tables import drawn, parted
from tests.interop.versions import KINDS, PARSERS, VERSIONS, JsWay, Kind
from tests.support.loopback import Loopback
from tests.support.node import FOLDER, Driver

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.rst"
#: The cell of a client that does not exist.
NOTHING = "--"
#: The width of the document's text.
WIDTH = 120

AnyKind: TypeAlias = Kind | ForeignKind


class Row(NamedTuple):
    """One client, and its kind in each cell; None: there is no such kind."""

    client: str
    protocol: int
    kinds: tuple[AnyKind | None, ...]


class Table(NamedTuple):
    """A table of the document.

    Attributes:
        name: Of its place in the document.
        captions: The captions, and how many columns each one spans.
    """

    name: str
    captions: Mapping[str, int]
    columns: list[str]
    rows: list[Row]


def installed(version: object) -> str:
    """Return the full version of a client, from the lock file."""
    name = "socket.io-client" if version == 4 else f"socket.io-client-{version}"
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    found: str = lock["packages"][f"node_modules/{name}"]["version"]
    return found


TABLES = (
    Table(
        "the versions of JavaScript's client",
        {"Client": 2, "JSON": len(TRANSPORTS), "MessagePack": len(TRANSPORTS)},
        ["socket.io-client", "Engine.IO", *TRANSPORTS, *TRANSPORTS],
        [
            Row(
                installed(version),
                3 if version == 2 else 4,
                tuple(
                    kind if (kind := Kind(version, by, over)) in KINDS else None
                    for by in PARSERS
                    for over in TRANSPORTS
                ),
            )
            for version in VERSIONS
        ],
    ),
    Table(
        "the clients of other languages",
        {"Client": 2, "Transport": len(TRANSPORTS)},
        ["language: name, version", "Engine.IO", *TRANSPORTS],
        [
            Row(client.label, 4, tuple(ForeignKind(client, to) for to in TRANSPORTS))
            for client in CLIENTS
        ],
    ),
)
#: The place of what clients cannot do.
CANNOT = "what they cannot do"
#: The place of the clients whose source was read.
READ = "the clients whose source was read"


def run(node: Driver) -> dict[AnyKind, int]:
    """Run all checks; return how many pass.

    Blocks:
        Until they have run.
    """
    loopback = Loopback(make_server())
    passed: dict[AnyKind, int] = {}
    for kind in KINDS:
        way = JsWay(node, loopback.url, kind)
        passed[kind] = _count(kind, partial(_passes, way), node.reset)
    for client in CLIENTS:
        driver = client.start()
        for transport in TRANSPORTS:
            foreign = ForeignWay(driver, loopback.url, ForeignKind(client, transport))
            passed[foreign.kind] = _count(
                foreign.kind, partial(passes, foreign), driver.reset
            )
        driver.close()
    loopback.close()
    return passed


def _passes(way: Way, check: Check) -> bool:
    check(way)
    return True


def _count(
    kind: AnyKind, passes: Callable[[Check], bool], reset: Callable[[], None]
) -> int:
    """Run all checks with one kind of client; print what fails."""
    passed = 0
    for check in CHECKS:
        try:
            passed += passes(check)
        except Exception as exc:  # whatever it is, the check failed
            print(f"{kind}: {check.__name__}: {exc!r}")
        reset()
    return passed


def expected() -> dict[AnyKind, int]:
    """Return how many checks pass if clients lack only what we know."""
    kinds = [kind for table in TABLES for row in table.rows for kind in row.kinds]
    return {
        kind: sum(
            isinstance(kind, Kind) or lack_of(kind, check) is None for check in CHECKS
        )
        for kind in kinds
        if kind is not None
    }


def with_tables(text: str, passed: Mapping[AnyKind, int]) -> str:
    """Return the document's text with tables of these counts."""
    for table in TABLES:
        rows = [
            [row.client, str(row.protocol)]
            + [f"{passed[it]}/{len(CHECKS)}" if it else NOTHING for it in row.kinds]
            for row in table.rows
        ]
        head, _, tail = parted(text, table.name)
        text = head + drawn(table.captions, [table.columns, *rows]) + tail
    for place, content in ((CANNOT, _lacks()), (READ, _sources())):
        head, _, tail = parted(text, place)
        text = head + content + tail
    return text


def _sources() -> str:
    """Return the table of the clients whose source was read."""
    captions = {"Client": 2, "Speaks": 2, "Tests": 1}
    columns = ["language: name", "version", "Engine.IO", "transports", "conformance"]
    rows = [
        [each.name, each.version, each.protocols, each.transports, f"``{each.tests}``"]
        for each in SOURCES
    ]
    return drawn(captions, [columns, *rows])


def _lacks() -> str:
    """Return the list of what clients cannot do, each reason once."""
    reasons = {}
    for lack in LACKS:
        reasons[lack.reason] = f"* {lack.client.name}: {lack.reason}"
    items = [
        textwrap.fill(
            item,
            WIDTH,
            subsequent_indent="  ",
            break_on_hyphens=False,
            break_long_words=False,
        )
        for item in reasons.values()
    ]
    return "\n".join(items) + "\n"


def told(text: str) -> dict[AnyKind, int]:
    """Return the counts in the document's tables."""
    counts: dict[AnyKind, int] = {}
    for table in TABLES:
        _, lines, _ = parted(text, table.name)
        cells = dict(line.partition("  ")[::2] for line in lines.splitlines())
        for row in table.rows:
            counts.update(
                (kind, int(cell.partition("/")[0]))
                for kind, cell in zip(
                    row.kinds, cells.get(row.client, "").split()[1:], strict=False
                )
                if kind is not None
            )
    return counts


def broken_promises(text: str, passed: Mapping[AnyKind, int]) -> list[str]:
    """Return what is wrong with a document if these are the actual counts.

    It is not wrong if more checks pass than it says.
    """
    promised = told(text)
    if promised.keys() != passed.keys() or with_tables(text, promised) != text:
        return ["the tables are not those of these clients and checks"]
    return [
        f"{kind}: {passed[kind]} checks passed, not {count}"
        for kind, count in promised.items()
        if passed[kind] < count
    ]


def main() -> int:
    """Run the checks; return 1 if the document promises more than has passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.compatibility")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the tables")
    what.add_argument("--check", action="store_true", help="compare them")
    arguments = parser.parse_args()
    node = Driver()
    try:
        passed = run(node)
    finally:
        node.close()
    text = DOCUMENT.read_text()
    if arguments.write:
        DOCUMENT.write_text(with_tables(text, passed))
        return 0
    broken = broken_promises(text, passed)
    if broken:
        print(f"{DOCUMENT.name} is not what came out:", *broken, sep="\n  ")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
