"""Finding: which brokers to connect to now: those of the URL, or of whom these know.

Sentinels tell which broker is the master. The nodes of a cluster tell which of them
there are, and for which slots each is responsible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from .connection import FAILURES, Connection, slot_of
from .dialer import Dialer
from .url import Address, Site

__all__ = ["Finder", "Map", "ask"]

#: The slots of a cluster.
SLOTS = 16384


class Map(NamedTuple):
    """Who is responsible for what."""

    #: All that can be responsible.
    nodes: tuple[Address, ...]
    #: Who is, slot by slot; of one broker alone, there is one slot.
    owners: list[Address]

    def owner(self, name: bytes) -> Address:
        """Return who is responsible for a channel or a key."""
        return self.owners[slot_of(name, len(self.owners))]


class Finder:
    """Finds the brokers, as often as it is asked."""

    def __init__(self, site: Site, dialer: Dialer) -> None:
        """Make one.

        Args:
            site: What the URL says.
            dialer: Makes the sockets of whoever asks.
        """
        self.site = site
        self._dialer = dialer
        #: Those to ask, the next one first.
        self._known = list(site.addresses)

    def find(self, until: float | None = None) -> Map:
        """Return the brokers that are to be connected to.

        Args:
            until: When it is too late; see ``Connection``.

        Raises:
            FAILURES: Nobody tells.

        Blocks:
            Until somebody has told, or ``until``.
        """
        site = self.site
        if site.cluster:
            return self._first(_nodes, until)
        if site.master:
            return self._first(self._master, until)
        return Map(site.addresses, [*site.addresses])

    def check(self, connection: Connection) -> None:
        """Make sure that a broker which was found is what it was taken for.

        Raises:
            FAILURES: It is not.

        Blocks:
            Until it has answered, or until the connection's ``until``.
        """
        if self.site.master and ask(connection, "ROLE")[0] != b"master":
            raise ConnectionError("the sentinels name a broker that is no master")

    def keep(self) -> None:
        """What was found last is good: ask the same one first next time."""
        self._known.insert(0, self._known.pop())

    def _first(
        self, tell: Callable[[Connection, Address], Map], until: float | None
    ) -> Map:
        """Return what the first one tells that can be asked."""
        error: Exception = ConnectionError("nobody can be asked")
        for _ in range(len(self._known)):
            # Whoever hangs uses up all the time: next time another one is the first.
            address = self._known.pop(0)
            self._known.append(address)
            connection = Connection(address, self._dialer)
            connection.until = until
            try:
                connection.open()
                found = tell(connection, address)
            except FAILURES as exc:
                error = exc
            else:
                self._learn(found)
                return found
            finally:
                connection.close()
        raise error

    def _learn(self, found: Map) -> None:
        """Take note of nodes that can be asked, when those of the URL are gone."""
        if self.site.cluster:
            last = self._known[-1]
            known = dict.fromkeys([*self.site.addresses, *found.nodes])
            known.pop(last, None)
            self._known = [*known, last]

    def _master(self, connection: Connection, _: Address) -> Map:
        """Ask a sentinel."""
        name = self.site.master
        match ask(connection, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name):
            case [bytes(host), bytes(port)]:
                broker = replace(self.site.broker, host=host.decode(), port=int(port))
                return Map((broker,), [broker])
        raise ConnectionError(f"the sentinels know no broker named {name}")


def _nodes(connection: Connection, asked: Address) -> Map:
    """Ask a node of a cluster."""
    owners = [asked] * SLOTS
    covered = 0
    nodes: dict[Address, None] = {}
    for entry in ask(connection, "CLUSTER", "SLOTS"):
        match entry:
            case [int(first), int(last), [host, int(port), *_], *_]:
                pass
            case _:
                raise ConnectionError("the nodes of the cluster cannot be read")
        # A node that does not know its own name is where it was asked.
        name = host.decode() if host else asked.host
        node = replace(asked, host=name, port=port)
        nodes[node] = None
        owners[first : last + 1] = [node] * (last + 1 - first)
        covered += last + 1 - first
    if covered != SLOTS or len(owners) != SLOTS:
        raise ConnectionError("the cluster has slots for which nobody is responsible")
    return Map(tuple(nodes), owners)


def ask(connection: Connection, *command: str) -> Any:
    """Return the answer to a command.

    Raises:
        FAILURES: There is none, or it is an error.

    Blocks:
        Until it is there.
    """
    connection.send([command])
    return connection.read()
