"""Traffic: sessions, packets and bytes by the second, while somebody watches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from sockio.engine.session import EngineSession
from sockio.runtime.observers import Observer

__all__ = ["Traffic"]


class Traffic(Observer):
    """Counts what has happened since it was asked last."""

    def __init__(self, time: Callable[[], float]) -> None:
        """Count nothing yet.

        Args:
            time: Tells the seconds since 1970.
        """
        self._time = time
        #: By second, type and subtype.
        self._counts: Counter[tuple[int, str, str | None]] = Counter()

    def take(self) -> list[dict[str, Any]]:
        """Return what was counted, as the page expects it, and begin anew."""
        counts, self._counts = self._counts, Counter()
        rows = []
        for (second, kind, detail), count in counts.items():
            row: dict[str, Any] = {"timestamp": second * 1000, "type": kind}
            if detail is not None:
                row["subType"] = detail
            rows.append({**row, "count": count})
        return rows

    def _count(self, kind: str, by: int = 1, detail: str | None = None) -> None:
        self._counts[int(self._time()), kind, detail] += by

    def session_opened(self, session: EngineSession) -> None:
        """A client has opened a session; for the others see ``Observer``."""
        self._count("rawConnection")

    def session_closed(self, session: EngineSession, reason: str, why: object) -> None:
        self._count("rawDisconnection", detail=str(reason))

    def message_in(self, session: EngineSession, data: str | bytes) -> None:
        self._count("packetsIn")
        self._count("bytesIn", _size(data))

    def message_out(self, session: EngineSession, data: str | bytes) -> None:
        self._count("packetsOut")
        self._count("bytesOut", _size(data))


def _size(data: str | bytes) -> int:
    """Return how many bytes a message has, as UTF-8 if it is text."""
    if isinstance(data, str) and not data.isascii():
        return len(data.encode("utf-8", "surrogatepass"))
    return len(data)
