"""Rivals: which of the processes of one host does what only one may do.

Each tells the others for which names it competes. Of those that compete for a name, the
one with the lowest tag holds it, so nobody has to ask.
"""

from __future__ import annotations

from typing import Protocol

from sockio.errors import ProtocolError
from sockio.siblings.member import Member

__all__ = ["Owner", "Rivals"]


class Owner(Protocol):
    """The bus of this process."""

    @property
    def tag(self) -> str:
        """The tag of this process."""

    def tell_state(self) -> None:
        """Tell the others for what this process competes."""


class Rivals:
    """What this process competes for, and against whom."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        #: What we compete for.
        self._ours: set[str] = set()
        #: What each member competes for that is there, or may come back.
        self._theirs: dict[Member, frozenset[str]] = {}

    @property
    def names(self) -> list[str]:
        """For what this process competes."""
        return sorted(self._ours)

    def lease(self, name: str) -> RivalsLease:
        """Compete for ``name``; see ``Leases``."""
        self._ours.add(name)
        self._owner.tell_state()
        return RivalsLease(self, name)

    def give_up(self, name: str) -> None:
        """Compete for ``name`` no longer."""
        self._ours.discard(name)
        self._owner.tell_state()

    def holds(self, name: str) -> bool:
        """Whether this process holds ``name``.

        A member that hangs keeps what it holds until it is dropped, since it may go on.
        """
        tag = self._owner.tag
        return name in self._ours and all(
            tag < member.tag
            for member, names in self._theirs.items()
            if name in names and member.state != "away"
        )

    def close(self) -> None:
        """Compete for nothing any more, without telling it."""
        self._ours.clear()

    def greeted(self, member: Member, names: object) -> None:
        """Note for what a member competes.

        Raises:
            ProtocolError: ``names`` are none.
        """
        if not isinstance(names, (list, tuple)):
            raise ProtocolError("the leases of a greeting are no list")
        self._theirs[member] = frozenset(str(name) for name in names)

    def forget(self, member: Member) -> None:
        """A member will not come back."""
        self._theirs.pop(member, None)


class RivalsLease:
    """A name that this process competes for; see ``Lease``."""

    def __init__(self, rivals: Rivals, name: str) -> None:
        self._rivals = rivals
        self._name = name

    @property
    def held(self) -> bool:
        return self._rivals.holds(self._name)

    def close(self) -> None:
        self._rivals.give_up(self._name)
