"""Tallies: counts of what happens seldom; what is frequent has a ``Meter``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sockio.engine.verify import MESSAGES
from sockio.runtime.meter import OTHER
from sockio.runtime.observers import Observer
from sockio.socket.reasons import Reason

from .families import Values

if TYPE_CHECKING:
    from sockio.engine.http.request import Request
    from sockio.engine.session import EngineSession
    from sockio.protocol.socketio.packet import Packet
    from sockio.runtime.meter import Meter
    from sockio.socket.one_socket.socket import Socket

__all__ = ["Tallies"]

_REASONS = tuple(str(reason) for reason in Reason)


class Tallies(Observer):
    """An observer that counts; the values of labels are bounded."""

    def __init__(self, meter: Meter) -> None:
        """Count from 0.

        Args:
            meter: Is told of packets that it does not see.
        """
        self._meter = meter
        self._counts: dict[str, Counter[tuple[str, ...]]] = {}
        # What is counted from 0 shows its first increase, too.
        for code in MESSAGES:
            self._of("refusals")[str(code),] = 0
        self._of("upgrades")["polling", "websocket"] = 0
        for reason in _REASONS:
            self._of("disconnects")[reason,] = 0
        for name in (
            "connects",
            "refused_connects",
            "recovered_events",
            "rejected_events",
            "missing_acks",
            "adapter_failures",
        ):
            self._of(name)[()] = 0
        self._of("dropped_events")["volatile",] = 0
        for result in ("recovered", "unknown"):
            self._of("recoveries")[result,] = 0

    def values(self) -> dict[str, Values]:
        """Return what was counted, by family."""
        return {
            name: [(list(labels), count) for labels, count in counts.items()]
            for name, counts in self._counts.items()
        }

    def _of(self, name: str) -> Counter[tuple[str, ...]]:
        return self._counts.setdefault(f"sockio_{name}", Counter())

    def _count(self, name: str, *labels: str, by: int = 1) -> None:
        self._of(name)[labels] += by

    # ---- what an observer is told

    def session_opened(self, session: EngineSession) -> None:
        """A client has opened a session; for the others see ``Observer``."""
        protocol = str(session.protocol)
        self._count("handshakes", session.transport_name, protocol)

    def session_upgraded(self, session: EngineSession, before: str) -> None:
        self._count("upgrades", before, session.transport_name)

    def session_closed(self, session: EngineSession, reason: str, why: object) -> None:
        self._count("closed_sessions", _known(reason))

    def request_refused(self, request: Request, code: int, message: str) -> None:
        self._count("refusals", str(code))

    def packet_dropped(self, socket: Socket[Any], packet: Packet) -> None:
        self._count("dropped_events", "volatile")

    def socket_connected(self, socket: Socket[Any]) -> None:
        self._count("connects")
        if socket.recovered:
            self._count("recoveries", "recovered")

    def socket_refused(self, socket: Socket[Any], message: str) -> None:
        self._count("refused_connects")

    def socket_disconnected(self, socket: Socket[Any], reason: str) -> None:
        self._count("disconnects", _known(reason))

    def events_recovered(self, socket: Socket[Any], events: int, size: int) -> None:
        self._count("recovered_events", by=events)
        self._meter.resent(events + 1, size)  # and the answer to the CONNECT

    def recovery_failed(self, socket: Socket[Any]) -> None:
        self._count("recoveries", "unknown")

    def answer_missing(self, socket: Socket[Any], event: str | None) -> None:
        self._count("missing_acks")

    def event_rejected(
        self, socket: Socket[Any], event: str, error: BaseException
    ) -> None:
        self._count("rejected_events")

    def adapter_failed(self, namespace: str, error: Exception) -> None:
        self._count("adapter_failures")


def _known(reason: str) -> str:
    """Return a reason; one that the application has made up is another."""
    return str(reason) if reason in _REASONS else OTHER
