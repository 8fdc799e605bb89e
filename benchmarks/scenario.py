"""Scenario: one run of the load generator, and what it is compared by.

A goal is a ratio, sockio to the other server. For memory and latency the ratio is to be
at most the goal, for everything else at least.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Quantities of which less is better.
LESS_IS_BETTER = frozenset({"kib_each", "p50_us", "p99_us"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run of the load generator, the same for every server."""

    name: str
    text: str
    load: str  #: arguments of `load`, without the window's length
    quantities: tuple[str, ...] = ("rate",)  #: fields of its answer to compare
    to_node: float | None = None
    to_python: float | None = None  #: under the same gunicorn worker
    timed: bool = True  #: lasts `seconds`; otherwise as long as its connections take
    fresh: bool = False  #: wants a server that has served nothing yet
    group: str = "usual"  #: the name by which several are chosen together
    #: What a server may lack, see `servers.py`: "polling", "deflate", or the "order" of
    #: the events of one client.
    needs: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)  #: for the server

    def command(self, seconds: float) -> list[str]:
        """Return the load generator's arguments for a window of `seconds`."""
        window = ["--seconds", str(seconds)] if self.timed else []
        return [*self.load.split(), *window]
