"""Results: what the runs of a file measured, by scenario and server."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from scenarios import SCENARIOS, Scenario
from servers import KINDS

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
    return [Run(**run) for run in lines(path, "run")]


def lines(path: Path, kind: str) -> Iterator[Any]:
    """Yield what the lines of one kind hold: "run", "growth", "machine", "versions"."""
    for line in map(json.loads, path.read_text().splitlines()):
        if kind in line:
            yield line[kind]


def fault(result: dict[str, Any]) -> str:
    """Say why the figures of a run are worth nothing, "" if they are good."""
    if "failed" in result:
        return str(result["failed"])
    return counts(result, "errors", "mismatches", "missing", "hangups")


def counts(result: dict[str, Any], *keys: str) -> str:
    """List those of ``keys`` whose count in the result is not 0, with the counts."""
    return ", ".join(f"{result[key]} {key}" for key in keys if result.get(key))


class Results:
    """The runs without a fault."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = list(runs)
        self._good: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
        for run in self.runs:
            if not fault(run.result):
                self._good[run.scenario, run.server][run.repetition] = run.result
        ran = {run.scenario for run in self.runs}
        #: What was run, in our order.
        self.scenarios = [s for name, s in SCENARIOS.items() if name in ran]
        # The known servers in our order, then the added ones.
        known = list(KINDS)
        self.servers = sorted(
            {run.server for run in self.runs},
            key=lambda name: (known.index(name) if name in KINDS else len(known), name),
        )

    @property
    def repetitions(self) -> int:
        return len({run.repetition for run in self.runs})

    def median(self, scenario: Scenario, server: str, quantity: str) -> float | None:
        """Return the median of a quantity, None if there is no such run."""
        results = self._good.get((scenario.name, server), {}).values()
        values = [result[quantity] for result in results if quantity in result]
        return median(values) if values else None

    def pairs(
        self, scenario: Scenario, quantity: str, first: str, second: str
    ) -> list[tuple[float, float]]:
        """Return both servers' values of each repetition that has both."""
        a = self._good.get((scenario.name, first), {})
        b = self._good.get((scenario.name, second), {})
        both = [(a[n].get(quantity, 0), b[n].get(quantity, 0)) for n in a if n in b]
        return [(x, y) for x, y in both if x > 0 and y > 0]

    def ratios(
        self, scenario: Scenario, quantity: str, ours: str, theirs: str
    ) -> list[float]:
        """Return ours : theirs of each repetition that has both."""
        return [a / b for a, b in self.pairs(scenario, quantity, ours, theirs)]

    def at_limit(self, scenario: Scenario, server: str) -> bool:
        """Tell whether the load generator was at its limit."""
        return (self.median(scenario, server, "load_busy") or 0) > LOAD_LIMIT
