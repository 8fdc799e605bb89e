"""The metrics, and that the document and the dashboard know the same ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sockio.socket.server.metrics.families import FAMILIES, Family

DOCS = Path(__file__).parents[5] / "docs"
#: Metrics of the whole host, and labels that each metric has.
BESIDES = {
    "sockio_info": {"pid", "version", "compiled"},
    "sockio_silent_workers": set[str](),
}
COMMON = {"instance", "job", "worker"}


def written(family: Family) -> list[str]:
    """Return the names under which Prometheus keeps a metric."""
    if family.kind == "counter":
        return [f"{family.name}_total"]
    if family.kind == "histogram":
        return [f"{family.name}_{part}" for part in ("bucket", "count", "sum")]
    return [family.name]


LABELS = {name: {*each.labels, "le"} for each in FAMILIES for name in written(each)}
LABELS.update(BESIDES)


def panels() -> list[dict[str, Any]]:
    dashboard: dict[str, Any] = json.loads((DOCS / "grafana.json").read_text("utf-8"))
    shown: list[dict[str, Any]] = dashboard["panels"]
    return shown


def queries() -> Iterator[str]:
    for panel in panels():
        for target in panel.get("targets", ()):
            yield target["expr"]


def test_names_are_those_of_prometheus() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"sockio_[a-z_]+[a-z]", family.name)
        assert not family.name.endswith(("_total", "_bucket", "_count", "_sum"))
        assert family.help.endswith(".")
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_the_document_has_each_metric_with_its_labels() -> None:
    rows = re.findall(
        r"^``(sockio_\w+)`` +((?:``\w+``(?:, )?)*) *",
        (DOCS / "metrics.rst").read_text("utf-8"),
        re.MULTILINE,
    )
    told = {name: re.findall(r"\w+", labels) for name, labels in rows}

    for family in FAMILIES:
        name = family.name + ("_total" if family.kind == "counter" else "")
        assert told.pop(name) == list(family.labels)
    assert set(told) == set(BESIDES)


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_the_dashboard_asks_for_what_there_is(query: str) -> None:
    names = re.findall(r"sockio_\w+", query)
    assert names
    for name in names:
        assert name in LABELS
    known = COMMON.union(*(LABELS[name] for name in names))
    grouped = re.findall(r"by \(([\w, ]+)\)", query)
    used = {label for labels in grouped for label in labels.split(", ")}
    used.update(re.findall(r"(\w+)=~?\"", query))
    assert used <= known


def test_the_dashboard_shows_all_that_there_is() -> None:
    shown = set(re.findall(r"sockio_\w+", " ".join(queries())))

    for family in FAMILIES:
        assert shown.intersection(written(family)), family.name
    assert set(BESIDES) <= shown


def test_no_two_panels_are_at_one_place() -> None:
    places: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        covered = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not covered & places, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= covered
    assert len({panel["id"] for panel in panels()}) == len(panels())
