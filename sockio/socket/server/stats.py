"""ServerStats: what a server is busy with, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from sockio.adapters.accounting import AdapterStats
from sockio.engine.server import EngineServer

from .namespaces import Namespaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStats:
    """A snapshot of a server; sizes are in bytes (of text: characters)."""

    #: Open connections.
    clients: int
    #: Connected sockets of all namespaces.
    sockets: int
    #: Events of clients that wait for their handlers, beyond the first of each socket.
    events_waiting: int
    #: Size of the messages in which they came.
    bytes_waiting: int
    #: Clients from which nothing is read at present because their handlers are slow.
    paused: int
    #: How often reading from a client has paused, since the server was made.
    pauses: int
    #: Clients disconnected because too much from them waited for handlers.
    inbox_full: int
    #: Clients disconnected because too much waited to be sent to them.
    buffer_full: int
    #: Requests that went to the processes which have their sessions: whose connection
    #: was handed over to another process of this host, those that were proxied, there
    #: or to another machine, and those that were refused, since the other process had
    #: gone or hung.
    handed_over: int
    proxied: int
    not_taken: int
    #: How the server is connected to others; None: no adapter connects it.
    adapter: AdapterStats | None


def look(engine: EngineServer, namespaces: Namespaces) -> ServerStats:
    """Count what is there now."""
    intakes = [session.intake for session in engine.sessions.values()]
    tally = engine.tally
    return ServerStats(
        clients=len(intakes),
        sockets=sum(len(each.sockets) for each in namespaces.by_name.values()),
        events_waiting=sum(intake.events for intake in intakes),
        bytes_waiting=sum(intake.size for intake in intakes),
        paused=sum(intake.paused for intake in intakes),
        pauses=tally.pauses,
        inbox_full=tally.inbox_full,
        buffer_full=tally.buffer_full,
        **moved(engine),
        adapter=namespaces.adapter_stats(),
    )


def moved(engine: EngineServer) -> dict[str, int]:
    """Count requests for sessions of other processes, as ``ServerStats`` does."""
    siblings = engine.elsewhere.siblings
    proxies = [each for each in (siblings, engine.elsewhere.nodes) if each is not None]
    return {
        "handed_over": 0 if siblings is None else siblings.given,
        "proxied": sum(each.proxied for each in proxies),
        "not_taken": sum(each.lost for each in proxies),
    }
