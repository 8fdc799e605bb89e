"""Difference: something that servers do in different ways, and why ours does so."""

from __future__ import annotations

from typing import NamedTuple

#: Of Go's module ``github.com/zishang520/socket.io/servers/socket/v3``, in its go.mod.
GO_VERSION = "3.0.6"
#: As for Node's server.
SAME = None
NODES_WAY = "Node's way."


class Difference(NamedTuple):
    """Something that the servers do in different ways.

    What a script has seen of Go's server or of ours differs from what it has seen of
    Node's in values, each of which must belong to a difference: the first one whose
    pattern matches ``script | what Node's sends / what the other sends``.

    Attributes:
        what: What it is about.
        node: What Node's server does.
        go: What Go's does; ``SAME``: what Node's does.
        ours: What ours does; ``SAME``: what Node's does.
        why: Why ours does that.
        in_go: What belongs to it of Go's.
        in_ours: What belongs to it of ours.
        hangs: For these scripts Go's server never does what is waited for.
        varies: The servers of which it is not seen each time.
    """

    what: str
    node: str
    go: str | None
    ours: str | None
    why: str
    in_go: str | None = None
    in_ours: str | None = None
    hangs: str | None = None
    varies: tuple[str, ...] = ()
