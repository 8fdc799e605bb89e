"""Text: what processes say of themselves, in the formats that Prometheus reads.

Nothing else imports ``prometheus_client``, and this module is imported late, since only
those need the package who want such a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from .families import FAMILIES, Family, Reading

__all__ = ["Told", "write"]

_CLASSES: dict[str, Any] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


class Told:
    """What one process has said of itself."""

    def __init__(self, said: Mapping[str, Any], worker: str | None) -> None:
        """Read what it said.

        Args:
            said: Its ``reading``, ``buckets`` and ``info``.
            worker: Its tag, if it is one of several.
        """
        self.reading: Reading = said["reading"]
        self.buckets: Sequence[float] = said["buckets"]
        self.info: Mapping[str, str] = said["info"]
        self.labels = {} if worker is None else {"worker": worker}


def write(
    processes: Sequence[Told], silent: int | None, accept: str
) -> tuple[str, bytes]:
    """Write the metrics of processes.

    Args:
        processes: What they have said.
        silent: How many have said nothing; None: there are no others.
        accept: The formats that whoever asks can read; empty: the one of old.

    Returns:
        The content type, and the text.
    """
    registry = CollectorRegistry()
    registry.register(_Collector(processes, silent))
    encode, content_type = choose_encoder(accept)
    text: bytes = encode(registry)
    return content_type, text


class _Collector:
    """Gives a registry what was said."""

    def __init__(self, processes: Sequence[Told], silent: int | None) -> None:
        self._processes = processes
        self._silent = silent

    def describe(self) -> Iterable[Any]:
        """Nothing: no other collector is in the registry."""
        return ()

    def collect(self) -> Iterator[Any]:
        """Yield each metric once, with the values of all processes."""
        info = InfoMetricFamily("sockio", "The process.", labels=self._names())
        for told in self._processes:
            info.add_metric(list(told.labels.values()), dict(told.info))
        yield info
        if self._silent is not None:
            help = "Processes of this host that did not answer."
            yield GaugeMetricFamily("sockio_silent_workers", help, value=self._silent)
        for family in FAMILIES:
            yield self._metric(family)

    def _names(self) -> list[str]:
        return list(self._processes[0].labels) if self._processes else []

    def _metric(self, family: Family) -> Any:
        labels = [*self._names(), *family.labels]
        metric = _CLASSES[family.kind](family.name, family.help, labels=labels)
        for told in self._processes:
            mine = list(told.labels.values())
            for values, number in told.reading.get(family.name, ()):
                if family.kind == "histogram":
                    seconds, groups = number
                    buckets = _cumulative(told.buckets, groups)
                    metric.add_metric([*mine, *values], buckets, seconds)
                else:
                    metric.add_metric([*mine, *values], number)
        return metric


def _cumulative(
    bounds: Sequence[float], groups: Sequence[int]
) -> list[tuple[str, int]]:
    """Return how many are below each bound, and how many there are."""
    names = [*map(floatToGoString, bounds), "+Inf"]
    return list(zip(names, accumulate(groups), strict=True))
