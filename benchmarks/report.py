"""Print what was measured: rates, CPU per operation, latencies, ratios, complaints.

report.py RESULTS.jsonl
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

from results import Results, Run, counts, fault, read
from scenarios import LESS_IS_BETTER, Scenario

#: Which server is compared with which, and the goal that holds between them.
PAIRS: tuple[tuple[str, str, Callable[[Scenario], float | None]], ...] = (
    ("sockio", "node", lambda scenario: scenario.to_node),
    ("sockio", "bun", lambda scenario: None),
    ("sockio", "go", lambda scenario: None),
    ("sockio", "rust", lambda scenario: None),
    ("sockio", "python-socketio", lambda scenario: None),
    ("sockio-gunicorn", "node", lambda scenario: None),
    (
        "sockio-gunicorn",
        "python-socketio-gunicorn",
        lambda scenario: scenario.to_python,
    ),
    ("sockio-worker", "sockio", lambda scenario: 0.95),
)


def text(runs: Iterable[Run]) -> str:
    """Return all tables."""
    return "\n".join(_Report(Results(runs)).lines())


class _Report:
    def __init__(self, results: Results) -> None:
        self._results = results

    def lines(self) -> Iterable[str]:
        results = self._results
        yield f"Medians of {results.repetitions} interleaved repetitions."
        foreign = [run.result.get("foreign", 0) for run in results.runs]
        yield (
            f"Other processes took {median(foreign):.0%} of a CPU in the median run, "
            f"{max(foreign):.0%} in the worst."
        )
        timed = [s for s in results.scenarios if s.quantities == ("rate",)]
        late = [s for s in results.scenarios if "p50_us" in s.quantities]
        idle = [s for s in results.scenarios if "kib_each" in s.quantities]
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
        servers = self._results.servers
        rows = [
            [scenario.name]
            + [_number(self._results.median(scenario, s, quantity)) for s in servers]
            for scenario in scenarios
        ]
        yield from _columns(title, ["", *servers], rows)

    def _ratios(self) -> Iterable[str]:
        for ours, theirs, goal_of in PAIRS:
            rows = []
            for scenario in self._results.scenarios:
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
        ratios = self._results.ratios(scenario, quantity, ours, theirs)
        if not ratios:
            return None
        middle = median(ratios)
        less = quantity in LESS_IS_BETTER
        verdict = ""
        if goal is not None:
            verdict = "ok" if (middle <= goal if less else middle >= goal) else "MISSED"
        cpu = self._results.ratios(scenario, "server_us", theirs, ours)
        bound = ">" if self._results.at_limit(scenario, ours) else ""
        name = scenario.name
        if scenario.quantities != ("rate",):
            name = f"{name} {quantity}"
        return [
            name,
            f"{bound}{middle:.2f}",
            f"{min(ratios):.2f}-{max(ratios):.2f}",
            "" if goal is None else f"{'<=' if less else '>='} {goal:g}",
            verdict,
            f"{median(cpu):.2f}" if cpu else "",
        ]

    def _complaints(self) -> Iterable[str]:
        found = [
            f"  {run.server}, {run.scenario}, repetition {run.repetition}: {what}"
            for run in self._results.runs
            if (what := fault(run.result) or counts(run.result, "starved"))
        ]
        if found:
            yield "\nNot as it should be (starved: connections without any reply)"
            yield from found


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
