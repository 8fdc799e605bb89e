"""The section of docs/performance.rst about servers in other languages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import tables
from results import Results, fault, lines
from scenarios import LESS_IS_BETTER, Scenario
from servers import KINDS

#: The servers by name, with the heads of their columns.
PEERS = {
    "node": "Node",
    "bun": "Bun",
    "go": "Go",
    "rust": "Rust",
    "go-2": "Go, 2 threads",
    "rust-2": "Rust, 2 threads",
}
COLUMNS = {"sockio": "sockio", **PEERS, "limit": "C"}

HEADING = "Servers in other languages"
COSTS = """\
The same scenarios, with the servers of other languages in the same run. Server CPU for
one operation, in microseconds (for ``idle``: KiB of memory):
"""
RATES = """\
The ratio of the rates (of the latencies, of the memory), sockio to each other one.
``>``: the load generator had reached its own limit with sockio, so that the true ratio
is larger; ``<``: with the other one, so that it is smaller:
"""
THREADS = """\
A server with two threads runs on both cores, and the load generator takes its part of
one of them. So the rate is that of one core and what is left of the other. The CPU is
that of all threads, and can be compared.
"""


def section(path: Path, results: Results) -> Iterator[str]:
    """Yield the lines of the section, none if nothing but sockio and Node was run."""
    if not set(results.servers) & (PEERS.keys() - {"node"}):
        return
    ran = [name for name in COLUMNS if name in results.servers]
    yield from (HEADING, "-" * len(HEADING), "", _filled(COSTS), "")
    yield from _costs(results, ran)
    yield from ("", _filled(RATES), "")
    yield from _ratios(results, [name for name in ran if name in PEERS])
    if any(KINDS[name].cpus > 1 for name in ran):
        yield from ("", _filled(THREADS))
    yield ""
    notes = _versions(path, ran)
    for name in ran:
        notes += _absences(results, name)
        notes += _failures(results, name)
    yield from (_filled(f"* {note}") for note in notes)


def _filled(text: str) -> str:
    return textwrap.fill(text, 120, subsequent_indent="  " * text.startswith("* "))


def _costs(results: Results, ran: list[str]) -> Iterator[str]:
    rows = []
    for scenario in _scenarios(results):
        quantity = scenario.quantities[0]
        unit = ", KiB" if quantity == "kib_each" else ""
        costs = (tables.costs(results, scenario, quantity, name) for name in ran)
        rows.append([f"``{scenario.name}``{unit}", *costs])
    return tables.table(["CPU us", *(COLUMNS[name] for name in ran)], rows)


def _ratios(results: Results, peers: list[str]) -> Iterator[str]:
    rows = []
    for scenario, quantity in tables.quantities(results, "usual"):
        what = {"p50_us": ", p50", "p99_us": ", p99"}.get(quantity, "")
        cells = (_ratio(results, scenario, quantity, name) for name in peers)
        rows.append([f"``{scenario.name}``{what}", *cells])
    return tables.table(["sockio : other", *(PEERS[name] for name in peers)], rows)


def _ratio(results: Results, scenario: Scenario, quantity: str, peer: str) -> str:
    found = results.ratios(scenario, quantity, "sockio", peer)
    mark = ""
    if found and quantity not in LESS_IS_BETTER:
        ours, theirs = (results.at_limit(scenario, name) for name in ("sockio", peer))
        mark = ">" * ours + "<" * theirs
    return mark + tables.middle(found)


def _versions(path: Path, ran: list[str]) -> list[str]:
    """Say of what the servers consist."""
    said: dict[str, str] = {}
    for versions in lines(path, "versions"):
        said |= versions
    return list(dict.fromkeys(said[name] for name in ran if name in said))


def _absences(results: Results, name: str) -> Iterator[str]:
    """Say what a server cannot do."""
    for need, why in KINDS[name].lacks.items():
        needing = [s for s in _scenarios(results) if need in s.needs]
        if needing:
            names = ", ".join(f"``{scenario.name}``" for scenario in needing)
            yield f"{COLUMNS[name]} is not in {names}: {why}"


def _failures(results: Results, name: str) -> Iterator[str]:
    """Say what a server did wrong."""
    for scenario in _scenarios(results):
        wrong = [
            fault(run.result)
            for run in results.runs
            if (run.server, run.scenario) == (name, scenario.name)
        ]
        if why := next(filter(None, wrong), ""):
            yield f"{COLUMNS[name]} failed in ``{scenario.name}``: {why}"


def _scenarios(results: Results) -> list[Scenario]:
    return [scenario for scenario in results.scenarios if scenario.group == "usual"]
