"""Write what was measured into ``docs/performance.rst``, and draw its plots.

document.py RESULTS.jsonl

The results are those of run.py and growth.py. The plots need matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

import languages
import plots
import tables
from results import Results, lines, read
from scenarios import LESS_IS_BETTER, SCENARIOS

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.rst"
PICTURES = DOCUMENT.with_suffix("")
#: The marks around each table.
BEGIN, END = ".. begin: {name}\n\n", "\n.. end: {name}\n"


def main() -> None:
    """Write the tables for which there are results, and the plots of these."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    path = parser.parse_args().results
    results = Results(read(path))
    growth = {row["title"]: row["row"] for row in lines(path, "growth")}
    document = DOCUMENT.read_text()
    for name, table in (
        ("machine", _machine(path, results)),
        ("marks", _marks(results)),
        ("python", _python(results)),
        ("languages", languages.section(path, results)),
        ("payloads", _payloads(results)),
        ("growth", _growth(growth)),
    ):
        if text := "\n".join(table):
            document = _replace(document, name, text + "\n")
    DOCUMENT.write_text(document)
    PICTURES.mkdir(exist_ok=True)
    plots.ratios(results, PICTURES / "ratios.svg")
    plots.payloads(results, PICTURES / "payloads.svg")
    plots.growth(growth, PICTURES / "growth.svg")


def _replace(document: str, name: str, table: str) -> str:
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, found, rest = document.partition(begin)
    _, end_found, after = rest.partition(end)
    if not (found and end_found):
        raise SystemExit(f"{DOCUMENT} has no {begin.strip()!r} and {end.strip()!r}")
    return before + begin + table + end + after


def _machine(path: Path, results: Results) -> Iterator[str]:
    # The run may have been made in several parts.
    *_, machine = lines(path, "machine")
    versions = ", ".join(f"{key} {value}" for key, value in machine.items())
    yield f"{results.repetitions} repetitions; {versions}."


def _marks(results: Results) -> Iterable[str]:
    head = [
        "",
        "CPU us, Node : sockio",
        "sockio : Node",
        "least-most",
        "aim",
        "of C",
        "under gunicorn",
    ]
    rows = []
    for scenario, quantity in tables.quantities(results, "usual"):
        if scenario.to_node is None:
            continue
        less = quantity in LESS_IS_BETTER
        aim = f"{scenario.to_node:g}" + (", at most" if less else "")
        ratios = results.ratios(scenario, quantity, "sockio", "node")
        middle = median(ratios) if ratios else 0.0
        if less is (middle > scenario.to_node) and middle != scenario.to_node:
            aim += ", missed"
        share = results.ratios(scenario, quantity, "sockio", "limit")
        rows.append(
            [
                tables.title(scenario, quantity),
                tables.costs(results, scenario, quantity, "node", "sockio"),
                tables.bound(results, scenario, "sockio") + tables.middle(ratios),
                f"{min(ratios):.2f}-{max(ratios):.2f}" if ratios else tables.NOTHING,
                aim,
                f"{median(share):.0%}" if share and not less else tables.NOTHING,
                tables.middle(
                    results.ratios(scenario, quantity, "sockio-gunicorn", "node")
                ),
            ]
        )
    return tables.table(head, rows)


def _python(results: Results) -> Iterable[str]:
    head = ["sockio : python-socketio", "own servers", "under gunicorn", "aim there"]
    rows = []
    for scenario, quantity in tables.quantities(results, "usual"):
        own = results.ratios(scenario, quantity, "sockio", "python-socketio")
        gunicorn = results.ratios(
            scenario, quantity, "sockio-gunicorn", "python-socketio-gunicorn"
        )
        aim = tables.NOTHING
        if scenario.to_python is not None:
            missed = gunicorn and median(gunicorn) < scenario.to_python
            aim = f"{scenario.to_python:g}" + (", missed" if missed else "")
        rows.append(
            [
                tables.title(scenario, quantity),
                tables.middle(own),
                tables.middle(gunicorn),
                aim,
            ]
        )
    return tables.table(head, rows)


def _payloads(results: Results) -> Iterable[str]:
    head = [
        "sockio : Node",
        "CPU us, theirs : ours",
        "ratio",
        "in /chat",
        "with deflate",
    ]
    rows = []
    for scenario, quantity in tables.quantities(results, "payloads"):
        costs = tables.costs(results, scenario, quantity, "node", "sockio")
        rows.append([scenario.text, costs])
        for prefix in ("", "chat-", "deflate-"):
            same = SCENARIOS[prefix + scenario.name]
            ratios = results.ratios(same, quantity, "sockio", "node")
            rows[-1].append(
                tables.bound(results, same, "sockio") + tables.middle(ratios)
            )
    return tables.table(head, rows)


def _growth(growth: dict[str, list[tuple[int, float]]]) -> Iterable[str]:
    sizes = sorted({size for row in growth.values() for size, _ in row})
    rows = []
    for title, row in growth.items():
        costs = dict(row)
        rows.append(
            [title, *(tables.cost(costs[s]) if s in costs else "" for s in sizes)]
        )
    return tables.table(["size", *(f"{size:,}" for size in sizes)], rows)


if __name__ == "__main__":
    main()
