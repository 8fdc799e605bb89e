"""Farewell: the clients of a server that ends are disconnected one after the other."""

from __future__ import annotations

from sockio.engine.server import EngineServer
from sockio.socket.namespace.connection import Connection

from .background import Background
from .namespaces import Namespaces

__all__ = ["see_off"]

#: Most seconds between two clients.
LONGEST_PAUSE = 0.1
#: Seconds that the last clients have to fetch the news, and between two looks whether
#: they have.
PATIENCE, LOOK = 2.0, 0.01


def see_off(
    engine: EngineServer,
    namespaces: Namespaces,
    background: Background,
    seconds: float,
    reason: str,
) -> None:
    """Disconnect all clients, and leave to others what is kept for them.

    Args:
        engine: Has their sessions, and opens no others.
        namespaces: The server's.
        background: Waits.
        seconds: How long it may take.
        reason: Why they are disconnected.

    Blocks:
        Until all are disconnected and know it.
    """
    clock = engine.reactor.clock
    end = clock.now() + seconds
    connections = _connections(engine)
    pause = min(seconds / len(connections), LONGEST_PAUSE) if connections else 0.0
    for number, connection in enumerate(connections):
        if number:
            background.sleep(pause)
        connection.end(reason)
    namespaces.hand_on(end - clock.now())
    # Who polls learns it from the next poll, for which this process must be there.
    end = min(end, clock.now() + PATIENCE)
    while (left := _connections(engine)) and clock.now() < end:
        for connection in left:  # a session may have been opened just before
            connection.end(reason)
        background.sleep(LOOK)


def _connections(engine: EngineServer) -> list[Connection]:
    """Return those of all clients whose sessions have not ended."""
    consumers = [session.consumer for session in engine.sessions.values()]
    return [each for each in consumers if isinstance(each, Connection)]
