"""Tables of docs/performance.rst: how they are drawn, and their cells."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from results import Results
from scenarios import Scenario

#: Where there is no figure.
NOTHING = "--"


def quantities(results: Results, group: str) -> Iterator[tuple[Scenario, str]]:
    """Yield what is compared in each scenario of a group that was run."""
    for scenario in results.scenarios:
        if scenario.group == group:
            for quantity in scenario.quantities:
                yield scenario, quantity


def title(scenario: Scenario, quantity: str) -> str:
    """Say which scenario it is, and which of its quantities."""
    names = {"p50_us": ", p50", "p99_us": ", p99"}
    return f"``{scenario.name}``: {scenario.text}{names.get(quantity, '')}"


def middle(ratios: list[float]) -> str:
    """Return the median."""
    return f"{median(ratios):.2f}" if ratios else NOTHING


def bound(results: Results, scenario: Scenario, server: str) -> str:
    """Mark the figure of a server that the load generator has slowed down."""
    return ">" if results.at_limit(scenario, server) else ""


def costs(results: Results, scenario: Scenario, quantity: str, *servers: str) -> str:
    """Return the CPU of one operation, of each server (for memory: that)."""
    of = quantity if quantity == "kib_each" else "server_us"
    found = [results.median(scenario, server, of) for server in servers]
    return " : ".join(cost(one) for one in found if one is not None) or NOTHING


def cost(figure: float) -> str:
    """Write a figure with three digits or more."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Draw a simple table of reStructuredText, nothing if it has no rows."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    yield rule
    for row in (head, *rows):
        cells = zip(row, widths, strict=True)
        # An empty first cell would continue the row above.
        line = "  ".join(cell.ljust(width) for cell, width in cells).rstrip()
        yield line if row[0] else "\\" + line[1:]
        if row is head:
            yield rule
    yield rule
