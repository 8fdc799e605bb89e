"""Families: the metrics that there are, with their labels and what they mean.

Their names are those of OpenMetrics: the text that Prometheus reads adds ``_total`` to
counters, and ``_bucket``, ``_sum`` and ``_count`` to histograms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = ["FAMILIES", "Family", "Reading", "Values"]

#: The values of a family: those of the labels, and a number; of a histogram the sum,
#: and how many fall into each group.
Values: TypeAlias = "list[tuple[list[str], Any]]"
#: What one process says of itself, by family.
Reading: TypeAlias = "Mapping[str, Values]"


class Family(NamedTuple):
    """A metric, with all combinations of its labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


def _counter(name: str, help: str, *labels: str) -> Family:
    return Family(f"sockio_{name}", "counter", help, labels)


def _gauge(name: str, help: str, *labels: str) -> Family:
    return Family(f"sockio_{name}", "gauge", help, labels)


#: All of them; those of the whole host are made elsewhere.
FAMILIES = (
    # ---- clients
    _gauge("clients", "Open sessions.", "transport", "protocol"),
    _counter("handshakes", "Sessions that were opened.", "transport", "protocol"),
    _counter("refusals", "Requests that were refused, by Engine.IO's code.", "code"),
    _counter("upgrades", "Sessions that changed their transport.", "before", "after"),
    _counter("closed_sessions", "Sessions that have ended.", "reason"),
    # ---- sockets
    _gauge("sockets", "Connected sockets.", "namespace"),
    _gauge("namespaces", "Namespaces."),
    _gauge("rooms", "Rooms, without those of each socket's own id."),
    _counter("connects", "Clients that joined a namespace."),
    _counter("refused_connects", "Clients that a middleware has refused."),
    _counter("disconnects", "Sockets that have disconnected.", "reason"),
    _counter("recoveries", "Clients that asked for their former socket.", "result"),
    _counter("recovered_events", "Missed events that were sent again."),
    # ---- packets
    _counter("received_packets", "Socket.IO packets from clients."),
    _counter("received_bytes", "Their size in bytes (of text: characters)."),
    _counter("sent_packets", "Socket.IO packets to clients."),
    _counter("sent_bytes", "Their size in bytes (of text: characters)."),
    # ---- events
    _counter("events", "Events from clients, also if nobody listens.", "event"),
    _counter("rejected_events", "Events that a guard or their arguments rejected."),
    _counter("failed_handlers", "Calls of handlers that raised.", "event"),
    Family(
        "sockio_handler_seconds",
        "histogram",
        "How long a handler took, with all that it waited for.",
        ("event",),
    ),
    _gauge("awaited_acks", "Acknowledgements that clients have not sent yet."),
    _counter("missing_acks", "Acknowledgements that did not come in time."),
    # ---- what waits, and limits
    _gauge(
        "inbox_events", "Events of one client that wait for handlers.", "percentile"
    ),
    _gauge("inbox_bytes", "The size of these events.", "percentile"),
    _gauge("buffer_bytes", "What waits to be sent to one client.", "percentile"),
    _gauge("paused_clients", "Clients from which nothing is read at present."),
    _counter("limits_hit", "How often a client met a limit.", "limit"),
    _counter("dropped_events", "Events that were not sent, by policy.", "policy"),
    # ---- the loop and the others
    _gauge("loop_lag_seconds", "How late the loop was, of a minute.", "percentile"),
    _gauge("ready", "1 if new clients may come."),
    _gauge("adapter_connected", "1 if the adapter is connected to its broker."),
    _gauge("adapter_waiting_messages", "Messages to other servers that wait."),
    _gauge("adapter_waiting_bytes", "The size of these messages."),
    _counter("adapter_lost_messages", "Messages that reached no other server."),
    _counter("adapter_uncertain_messages", "Messages that have arrived or not."),
    _counter("adapter_unreadable_messages", "Messages that could not be read."),
    _counter("adapter_gaps", "How often nothing was heard of the others."),
    _counter(
        "adapter_failures", "Questions without an answer, and messages that failed."
    ),
    _counter("moved_requests", "Requests for sessions of other processes.", "result"),
)
