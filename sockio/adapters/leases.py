"""Leases: who of all servers does what only one of them may do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["ALONE", "Lease", "Leases"]


class Lease(Protocol):
    """A name that one server of all holds at a time."""

    @property
    def held(self) -> bool:
        """Whether this server holds it now; if that is not known, it does not."""

    def close(self) -> None:
        """Let another server hold it."""


@runtime_checkable
class Leases(Protocol):
    """A bus whose servers can agree on one of them."""

    def lease(self, name: str) -> Lease:
        """Compete for ``name`` with the other servers that do so, until ``close``.

        Never blocks. When the server that holds it ends or dies, another one holds it
        within seconds.
        """


class _Alone:
    """The lease of a server that there is no other one of."""

    held = True

    def close(self) -> None:
        """Nobody waits for it."""


ALONE: Lease = _Alone()
