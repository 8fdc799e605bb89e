"""Print what was measured: rates, CPU per operation, latencies, ratios, complaints.

report.py RESULTS.jsonl
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from scenarios import LESS_IS_BETTER, SCENARIOS, Scenario
from servers import KINDS

#: Which server is compared with which, and the goal that holds between them.
PAIRS: tuple[tuple[str, str, Callable[[Scenario], float | None]], ...] = (
    ("sockio", "node", lambda scenario: scenario.to_node),
    ("sockio", "python-socketio", lambda scenario: None),
    ("sockio-gunicorn", "node", lambda scenario: None),
    (
        "sockio-gunicorn",
        "python-socketio-gunicorn",
        lambda scenario: scenario.to_python,
    ),
)

#: Above this share of its CPU the load generator, not the server, is what we measure.
LOAD_LIMIT = 0.95


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one scenario against one server."""

    server: str
    scenario: str
    repetition: int
    result: dict[str, Any]  #: what the load generator printed, or {"failed": why}


def read(path: Path) -> list[Run]:
    """Read the runs of a results file."""
    lines = map(json.loads, path.read_text().splitlines())
    return [Run(**line["run"]) for line in lines if "run" in line]


def text(runs: Iterable[Run]) -> str:
    """Return all tables."""
    return "\n".join(_Report(list(runs)).lines())


class _Report:
    def __init__(self, runs: list[Run]) -> None:
        self._runs = runs
        self._good: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
        for run in runs:
            if not fault(run.result):
                self._good[run.scenario, run.server][run.repetition] = run.result
        ran = {run.scenario for run in runs}
        self._scenarios = [s for name, s in SCENARIOS.items() if name in ran]
        # Those we know in our order, then the added ones.
        known = list(KINDS)
        self._servers = sorted(
            {run.server for run in runs},
            key=lambda name: (known.index(name) if name in KINDS else len(known), name),
        )

    def lines(self) -> Iterable[str]:
        repetitions = len({run.repetition for run in self._runs})
        yield f"Medians of {repetitions} interleaved repetitions."
        foreign = [run.result.get("foreign", 0) for run in self._runs]
        yield (
            f"Other processes took {median(foreign):.0%} of a CPU in the median run, "
            f"{max(foreign):.0%} in the worst."
        )
        timed = [s for s in self._scenarios if s.quantities == ("rate",)]
        late = [s for s in self._scenarios if "p50_us" in s.quantities]
        idle = [s for s in self._scenarios if "kib_each" in s.quantities]
        yield from self._table("Operations a second", timed, "rate")
        yield from self._table(
            "Server CPU, microseconds an operation", timed + late, "server_us"
        )
        yield from self._table("Median latency, microseconds", late, "p50_us")
        yield from self._table("Latency of the slowest 1 %", late, "p99_us")
        yield from self._table("Memory of an idle connection, KiB", idle, "kib_each")
        yield from self._ratios()
        yield from self._complaints()

    def _table(
        self, title: str, scenarios: list[Scenario], quantity: str
    ) -> Iterable[str]:
        if not scenarios:
            return
        rows = [
            [scenario.name]
            + [_number(self._median(scenario, s, quantity)) for s in self._servers]
            for scenario in scenarios
        ]
        yield from _columns(title, ["", *self._servers], rows)

    def _median(self, scenario: Scenario, server: str, quantity: str) -> float | None:
        results = self._good.get((scenario.name, server), {}).values()
        values = [result[quantity] for result in results if quantity in result]
        return median(values) if values else None

    def _ratios(self) -> Iterable[str]:
        for ours, theirs, goal_of in PAIRS:
            rows = []
            for scenario in self._scenarios:
                goal = goal_of(scenario)
                for quantity in scenario.quantities:
                    row = self._ratio(scenario, quantity, ours, theirs, goal)
                    if row:
                        rows.append(row)
            if rows:
                head = ["", "median", "least-most", "goal", "", "CPU of theirs : ours"]
                yield from _columns(f"{ours} : {theirs}", head, rows)

    def _ratio(
        self,
        scenario: Scenario,
        quantity: str,
        ours: str,
        theirs: str,
        goal: float | None,
    ) -> list[str] | None:
        pairs = self._pairs(scenario, quantity, ours, theirs)
        if not pairs:
            return None
        ratios = [a / b for a, b in pairs]
        middle = median(ratios)
        less = quantity in LESS_IS_BETTER
        verdict = ""
        if goal is not None:
            verdict = "ok" if (middle <= goal if less else middle >= goal) else "MISSED"
        cpu = self._pairs(scenario, "server_us", theirs, ours)
        name = scenario.name
        if scenario.quantities != ("rate",):
            name = f"{name} {quantity}"
        return [
            name,
            f"{self._bound(scenario, ours)}{middle:.2f}",
            f"{min(ratios):.2f}-{max(ratios):.2f}",
            "" if goal is None else f"{'<=' if less else '>='} {goal:g}",
            verdict,
            f"{median(a / b for a, b in cpu):.2f}" if cpu else "",
        ]

    def _pairs(
        self, scenario: Scenario, quantity: str, first: str, second: str
    ) -> list[tuple[float, float]]:
        """Return both servers' values of each repetition that has both."""
        a = self._good.get((scenario.name, first), {})
        b = self._good.get((scenario.name, second), {})
        both = [(a[n].get(quantity, 0), b[n].get(quantity, 0)) for n in a if n in b]
        return [(x, y) for x, y in both if x > 0 and y > 0]

    def _bound(self, scenario: Scenario, server: str) -> str:
        """Return ">" when the load generator could not have asked for more."""
        busy = self._median(scenario, server, "load_busy") or 0
        return ">" if busy > LOAD_LIMIT else ""

    def _complaints(self) -> Iterable[str]:
        found = [
            f"  {run.server}, {run.scenario}, repetition {run.repetition}: {what}"
            for run in self._runs
            if (what := fault(run.result) or _counts(run.result, "starved"))
        ]
        if found:
            yield "\nNot as it should be (starved: connections without any reply)"
            yield from found


def fault(result: dict[str, Any]) -> str:
    """Say why the figures of a run are worth nothing, "" if they are not."""
    if "failed" in result:
        return str(result["failed"])
    return _counts(result, "errors", "mismatches", "missing", "hangups")


def _counts(result: dict[str, Any], *keys: str) -> str:
    return ", ".join(f"{result[key]} {key}" for key in keys if result.get(key))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _columns(title: str, head: list[str], rows: list[list[str]]) -> Iterable[str]:
    """Align a table: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    yield f"\n{title}"
    for row in (head, *rows):
        name, *figures = row
        cells = [
            cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True)
        ]
        yield "  ".join([f"  {name.ljust(widths[0])}", *cells]).rstrip()


if __name__ == "__main__":
    print(text(read(Path(sys.argv[1]))))
