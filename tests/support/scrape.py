"""Scrape: what Prometheus reads, by the parsers of its client library."""

from __future__ import annotations

from .http_wire import Answer

__all__ = ["OPEN_METRICS", "Scrape"]

#: What Prometheus asks for.
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Scrape:
    """One answer of a page for Prometheus; it must be such a text to the letter."""

    def __init__(self, answer: Answer) -> None:
        # Here, since only these tests need the package.
        from prometheus_client import parser
        from prometheus_client.openmetrics import parser as open_parser

        assert answer.status == 200, answer.text
        self.content_type = answer.headers["content-type"]
        is_open = "openmetrics" in self.content_type
        read = (open_parser if is_open else parser).text_string_to_metric_families
        found = list(read(answer.text))
        #: The kind of each family, by name.
        self.families: dict[str, str] = {family.name: family.type for family in found}
        self._samples = [sample for family in found for sample in family.samples]

    def all(self, name: str) -> list[dict[str, str]]:
        """Return the labels of all samples of that name."""
        return [sample.labels for sample in self._samples if sample.name == name]

    def labels(self, name: str) -> dict[str, str]:
        """Return the labels of the only sample of that name."""
        [labels] = self.all(name)
        return labels

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a sample with these labels, and others; None: no such."""
        for sample in self._samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                value: float = sample.value
                return value
        return None

    def __getitem__(self, name: str) -> float:
        """Return the value of the first sample of that name, which must be there."""
        value = self.value(name)
        assert value is not None, name
        return value
