"""Tables: what servers share in PostgreSQL, and make if it is missing (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .commands import Command

if TYPE_CHECKING:
    from .connection import Answer

__all__ = ["Table"]


class Table(NamedTuple):
    """A table, as we make it."""

    name: str
    columns: str
    #: Whether it need not outlive a crash.
    passing: bool = False

    @property
    def making(self) -> str:
        """The command that makes it."""
        kind = "UNLOGGED TABLE" if self.passing else "TABLE"
        return f"CREATE {kind} IF NOT EXISTS {self.name} {self.columns}"

    def provide(
        self, carry_out: Callable[[Sequence[Command]], list[Answer]]
    ) -> str | None:
        """Make it, if it is missing and we may; return why it is still missing.

        Args:
            carry_out: Has commands carried out, and returns their answers.

        Blocks:
            As ``carry_out`` does.
        """
        there = Command("SELECT to_regclass($1)::text", [self.name.encode()])
        (found,) = carry_out([there])
        if found.value is not None:
            return None
        # Two that make it at the same moment disturb each other: is it there now?
        made, found = carry_out([Command(self.making), there])
        return None if found.value is not None else made.error or "it is gone again"
