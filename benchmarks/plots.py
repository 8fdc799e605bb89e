"""Plots: the ratios, the payloads and the growth as pictures."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
from matplotlib import pyplot
from payloads import CONTENTS, SIZES
from results import Results
from scenarios import LESS_IS_BETTER, SCENARIOS, Scenario

# The same results give the same files.
matplotlib.rcParams["svg.hashsalt"] = "sockio"
matplotlib.rcParams["svg.fonttype"] = "none"

OURS, AIM, OTHER = "#2f6f9f", "#c0392b", "#9aa5ad"


def ratios(results: Results, path: Path) -> None:
    """Draw sockio's ratio to Node in each scenario, and the goal for it."""
    rows: list[tuple[str, float, float, float | None]] = []
    for scenario in results.scenarios:
        if scenario.group != "usual" or scenario.to_node is None:
            continue
        for quantity in scenario.quantities:
            ours = _better(results, scenario, quantity, "sockio")
            if ours is None:
                continue
            aim = scenario.to_node
            rows.append(
                (
                    _label(scenario, quantity),
                    ours,
                    1 / aim if quantity in LESS_IS_BETTER else aim,
                    _better(results, scenario, quantity, "sockio-gunicorn"),
                )
            )
    if not rows:
        return
    rows.reverse()
    figure, axes = pyplot.subplots(figsize=(8, 0.34 * len(rows) + 1.2))
    heights = range(len(rows))
    axes.barh(heights, [row[1] for row in rows], color=OURS, label="own server")
    axes.plot(
        [row[2] for row in rows],
        heights,
        marker="|",
        markersize=14,
        markeredgewidth=2,
        linestyle="",
        color=AIM,
        label="aim",
    )
    other = [(row[3], at) for at, row in enumerate(rows) if row[3] is not None]
    axes.plot(
        [value for value, _ in other],
        [at for _, at in other],
        marker="o",
        linestyle="",
        color=OTHER,
        label="under gunicorn",
    )
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(heights, [row[0] for row in rows])
    axes.set_xlabel(
        "times what Node's socket.io does (latency and memory: the inverse)"
    )
    axes.legend(loc="lower right")
    _save(figure, path)


def payloads(results: Results, path: Path) -> None:
    """Draw the ratio to Node over the size of the payload."""
    groups = {"": "main namespace", "chat-": "/chat", "deflate-": "permessage-deflate"}
    figure, row = pyplot.subplots(1, len(groups), figsize=(10, 3.4), sharey=True)
    drawn = False
    for axes, (prefix, title) in zip(row, groups.items(), strict=True):
        for content in CONTENTS:
            points = []
            for label, (size, _) in SIZES.items():
                found = results.ratios(
                    SCENARIOS[f"{prefix}{content}-{label}"], "rate", "sockio", "node"
                )
                if found:
                    points.append((size, median(found)))
            if points:
                drawn = True
                axes.plot(*zip(*points, strict=True), marker=".", label=content)
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set(xscale="log", title=title, xlabel="bytes")
    row[0].set(ylabel="sockio : Node", ylim=(0, None))
    row[0].legend()
    if drawn:
        _save(figure, path)


def growth(rows: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Draw what an operation costs over the size of the server."""
    if not rows:
        return
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for title, row in rows.items():
        axes.plot(*zip(*row, strict=True), marker=".", label=title)
    axes.set(xscale="log", yscale="log", xlabel="size", ylabel="us of CPU")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, path)


def _better(
    results: Results, scenario: Scenario, quantity: str, ours: str
) -> float | None:
    """Return the median ratio to Node, inverted where less is better."""
    found = results.ratios(scenario, quantity, ours, "node")
    if not found:
        return None
    middle = median(found)
    return 1 / middle if quantity in LESS_IS_BETTER else middle


def _label(scenario: Scenario, quantity: str) -> str:
    what = {"p50_us": " p50", "p99_us": " p99"}.get(quantity, "")
    return f"{scenario.name}{what}"


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
