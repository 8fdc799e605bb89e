"""Which clients work: writes the table of ``docs/compatibility.rst``, or checks it.

Every version runs every check over every transport against a server of this process;
"yes" in the table means that all of them passed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.interop.versions import CHECKS, TRANSPORTS, VERSIONS, Way, make_server
from tests.support.loopback import Loopback
from tests.support.node import FOLDER, Driver

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.rst"
#: What the table stands between.
BEGIN, END = ".. begin of the table\n\n", "\n.. end of the table\n"
#: Engine.IO protocol by version of the client; 4 for all others.
PROTOCOLS: dict[object, int] = {2: 3}


def run(node: Driver) -> dict[tuple[object, str], bool]:
    """Run all checks; return which versions pass them over which transport.

    Blocks:
        Until they have run.
    """
    outcomes: dict[tuple[object, str], bool] = {}
    for version in VERSIONS:
        for transport in TRANSPORTS:
            loopback = Loopback(make_server())
            way = Way(node, loopback.url, version, transport)
            outcomes[version, transport] = passes(way)
            node.reset()
            loopback.close()
    return outcomes


def passes(way: Way) -> bool:
    """Run all checks of one way; say what fails."""
    failed = False
    for check in CHECKS:
        try:
            check(way)
        except Exception as exc:  # whatever it is, it is a failure of that client
            print(f"{way.version} over {way.transport}: {check.__name__}: {exc!r}")
            failed = True
    return not failed


def installed(version: object) -> str:
    """Return the full version of a client, from the lock file."""
    name = "socket.io-client" if version == 4 else f"socket.io-client-{version}"
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    found: str = lock["packages"][f"node_modules/{name}"]["version"]
    return found


def with_table(text: str, outcomes: Mapping[tuple[object, str], bool]) -> str:
    """Return the document's text with the table that tells these outcomes."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    assert rest, "the document has no place for the table"
    rows = [["socket.io-client", "Engine.IO", *TRANSPORTS]]
    for version in VERSIONS:
        cells = ["yes" if outcomes[version, name] else "no" for name in TRANSPORTS]
        rows.append([installed(version), str(PROTOCOLS.get(version, 4)), *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    table = [rule, lines[0], rule, *lines[1:], rule, ""]
    return head + BEGIN + "\n".join(line.rstrip() for line in table) + END + tail


def main() -> int:
    """Run the checks; return 1 if the document does not say what came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.compatibility")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the table")
    what.add_argument("--check", action="store_true", help="compare it")
    arguments = parser.parse_args()
    node = Driver()
    try:
        outcomes = run(node)
    finally:
        node.close()
    text = DOCUMENT.read_text()
    expected = with_table(text, outcomes)
    if arguments.write:
        DOCUMENT.write_text(expected)
    elif text != expected:
        print(f"{DOCUMENT.name} is not what came out: run this with --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
