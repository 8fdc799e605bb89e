"""Differences: where the servers of Node, of Go and of ours differ, and why ours does.

``docs/differences.rst`` is written from these tables.
"""

from __future__ import annotations

import re

from .difference import Difference
from .packet_differences import PACKETS
from .request_differences import REQUESTS

#: What a script has seen belongs to the first one that matches.
DIFFERENCES = (*PACKETS, *REQUESTS)


def of_go(name: str, atom: str) -> Difference | None:
    """Return the difference to which this belongs that Go's server does."""
    told = f"{name} | {atom}"
    return next((it for it in DIFFERENCES if _matches(it.in_go, told)), None)


def of_ours(name: str, atom: str) -> Difference | None:
    """Return the difference to which this belongs that our server does."""
    told = f"{name} | {atom}"
    return next((it for it in DIFFERENCES if _matches(it.in_ours, told)), None)


def hangs(name: str) -> bool:
    """Whether Go's server is known not to do what a script waits for."""
    return any(_matches(difference.hangs, name) for difference in DIFFERENCES)


def _matches(pattern: str | None, text: str) -> bool:
    return pattern is not None and re.search(pattern, text, re.DOTALL) is not None
