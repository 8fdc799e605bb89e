"""Compatibility: writes the table of ``docs/compatibility.rst``, or checks it.

Every kind of client runs every check against one server of this process, which takes
JSON and MessagePack; the table says how many passed, of how many.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.interop.versions import (
    CHECKS,
    KINDS,
    PARSERS,
    TRANSPORTS,
    VERSIONS,
    Kind,
    Way,
    make_server,
)
from tests.support.loopback import Loopback
from tests.support.node import FOLDER, Driver, Version

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.rst"
#: The lines before and after the table.
BEGIN, END = ".. begin of the table\n\n", "\n.. end of the table\n"
#: Engine.IO protocol by version of the client; 4 for all others.
PROTOCOLS: dict[object, int] = {2: 3}
#: The captions, and how many columns each one spans.
CAPTIONS = {"Client": 2, "JSON": len(TRANSPORTS), "MessagePack": len(TRANSPORTS)}
COLUMNS = ["socket.io-client", "Engine.IO", *TRANSPORTS, *TRANSPORTS]
#: The cell of a client that does not exist.
NOTHING = "--"


def run(node: Driver) -> dict[Kind, int]:
    """Run all checks; return how many pass.

    Blocks:
        Until they have run.
    """
    loopback = Loopback(make_server())
    passed = {}
    for kind in KINDS:
        passed[kind] = count_passed(Way(node, loopback.url, kind))
        node.reset()
    loopback.close()
    return passed


def count_passed(way: Way) -> int:
    """Run all checks with one kind of client; print what fails."""
    passed = 0
    for check in CHECKS:
        try:
            check(way)
        except Exception as exc:  # whatever it is, the check failed
            print(f"{way.kind}: {check.__name__}: {exc!r}")
        else:
            passed += 1
    return passed


def installed(version: object) -> str:
    """Return the full version of a client, from the lock file."""
    name = "socket.io-client" if version == 4 else f"socket.io-client-{version}"
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    found: str = lock["packages"][f"node_modules/{name}"]["version"]
    return found


def with_table(text: str, passed: Mapping[Kind, int]) -> str:
    """Return the document's text with a table of these counts."""
    head, _, tail = parted(text)
    rows = []
    for version in VERSIONS:
        cells = [
            f"{passed[kind]}/{len(CHECKS)}" if kind in KINDS else NOTHING
            for kind in kinds_of(version)
        ]
        rows.append([installed(version), str(PROTOCOLS.get(version, 4)), *cells])
    return head + BEGIN + drawn(rows) + END + tail


def told(text: str) -> dict[Kind, int]:
    """Return the counts in the document's table."""
    _, table, _ = parted(text)
    rows = {
        words[0]: words[2:] for words in map(str.split, table.splitlines()) if words
    }
    return {
        kind: int(cell.partition("/")[0])
        for version in VERSIONS
        for kind, cell in zip(
            kinds_of(version), rows.get(installed(version), []), strict=False
        )
        if cell != NOTHING
    }


def broken_promises(text: str, passed: Mapping[Kind, int]) -> list[str]:
    """Return what is wrong with a document if these are the actual counts.

    It is not wrong if more checks pass than it says.
    """
    promised = told(text)
    if promised.keys() != passed.keys() or with_table(text, promised) != text:
        return ["the table is not one of these clients and checks"]
    return [
        f"{kind}: {passed[kind]} checks passed, not {count}"
        for kind, count in promised.items()
        if passed[kind] < count
    ]


def kinds_of(version: Version) -> list[Kind]:
    """Return the kinds of client in the columns of a version's row."""
    return [Kind(version, by, over) for by in PARSERS for over in TRANSPORTS]


def parted(text: str) -> tuple[str, str, str]:
    """Return the text before the document's table, the table, and the text after it."""
    head, begin, rest = text.partition(BEGIN)
    table, end, tail = rest.partition(END)
    assert begin, "the document has no place for the table"
    assert end, "the document's table has no end"
    return head, table, tail


def drawn(rows: list[list[str]]) -> str:
    """Return the text of the table with these rows."""
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    ends = list(itertools.accumulate(CAPTIONS.values()))
    spans = [
        len(aligned([""] * count, widths[end - count : end]))
        for count, end in zip(CAPTIONS.values(), ends, strict=True)
    ]
    rule = aligned(["=" * width for width in widths], widths)
    lines = [
        rule,
        aligned(list(CAPTIONS), spans),
        aligned(["-" * span for span in spans], spans),
        aligned(COLUMNS, widths),
        rule,
        *(aligned(row, widths) for row in rows),
        rule,
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def aligned(cells: list[str], widths: list[int]) -> str:
    """Return a line with the cells in their columns."""
    filled = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(filled)


def main() -> int:
    """Run the checks; return 1 if the document promises more than has passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.compatibility")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the table")
    what.add_argument("--check", action="store_true", help="compare it")
    arguments = parser.parse_args()
    node = Driver()
    try:
        passed = run(node)
    finally:
        node.close()
    text = DOCUMENT.read_text()
    if arguments.write:
        DOCUMENT.write_text(with_table(text, passed))
        return 0
    broken = broken_promises(text, passed)
    if broken:
        print(f"{DOCUMENT.name} is not what came out:", *broken, sep="\n  ")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
