"""Telling: the page about the differences, and how many scripts found each of them."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from . import frames, old, requests, states, talks, times, upgrades
from .comparing import atoms
from .conversation import Script
from .difference import SAME, Difference
from .differences import DIFFERENCES, of_go, of_ours
from .running import Seen

DOCUMENT = Path(__file__).parents[3] / "docs" / "differences.rst"
#: For each family of scripts and each server, how many scripts found which difference.
FOUND = Path(__file__).with_name("found.json")
#: The place of the table in the document.
TABLE = "the differences"
#: The width of the document's text.
WIDTH = 120

FAMILIES: dict[str, dict[str, Script]] = {
    module.__name__.rpartition(".")[2]: module.scripts()
    for module in (talks, requests, old, frames, upgrades, times, states)
}
#: Who is compared with Node, and how their differences are named.
OTHERS = {"Go": of_go, "sockio": of_ours}


def found(seen: Mapping[str, Seen]) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Return how many scripts found which difference, and what belongs to none."""
    counts: dict[str, dict[str, int]] = {}
    undecided = []
    for server, difference_of in OTHERS.items():
        count: Counter[str] = Counter()
        for name, theirs in seen["Node"].items():
            differences = set()
            for atom in atoms(theirs, seen[server][name]):
                if (difference := difference_of(name, atom)) is None:
                    undecided.append(f"{server}: {name} | {atom}")
                elif server not in difference.varies:
                    differences.add(difference.what)
            count.update(differences)
        counts[server] = dict(sorted(count.items()))
    return counts, undecided


def known() -> dict[str, dict[str, dict[str, int]]]:
    """Return how many scripts found which difference, by family and server."""
    counts: dict[str, dict[str, dict[str, int]]] = json.loads(FOUND.read_text())
    return counts


def table() -> str:
    """Return the table of the document."""
    rows = [("What", "Node", "Go", "sockio", "Why")]
    for it in DIFFERENCES:
        rows.append((it.what, it.node, _cell(it.go), _cell(it.ours), it.why))
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 22 22 22 14", ""]
    for row in rows:
        for number, cell in enumerate(row):
            mark = "   - - " if number == 0 else "     - "
            lines += textwrap.wrap(
                cell,
                WIDTH,
                initial_indent=mark.replace("- -", "* -"),
                subsequent_indent="       ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines) + "\n"


def _cell(text: str | None) -> str:
    return "as Node" if text is SAME else text


def of_server(server: str) -> list[Difference]:
    """Return the differences that are found each time between Node's server and one."""
    return [
        it
        for it in DIFFERENCES
        if (it.in_go if server == "Go" else it.in_ours) and server not in it.varies
    ]
