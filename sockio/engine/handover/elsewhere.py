"""Elsewhere: whoever else may have to answer a request, on this host or another one."""

from __future__ import annotations

from collections.abc import Iterable

from sockio.types import Environ, StartResponse

from .handover import Handover
from .nodes import Nodes
from .transfer import Transfer

__all__ = ["Elsewhere"]


class Elsewhere:
    """The siblings of a process, and the nodes on other machines."""

    def __init__(self) -> None:
        #: Those on this host; None: there are none.
        self.siblings: Handover | None = None
        #: Carries the streams of their WebTransport sessions; None: nobody carries.
        self.streams: Transfer | None = None
        #: Those on other machines; None: there are none.
        self.nodes: Nodes | None = None

    def __bool__(self) -> bool:
        """Whether there is somebody."""
        return self.siblings is not None or self.nodes is not None

    def answer(
        self, environ: Environ, start_response: StartResponse, *, ending: bool
    ) -> Iterable[bytes] | None:
        """Have another process answer a request; None: this one has to.

        Args:
            ending: Whether this process opens no sessions any more.

        Blocks:
            Where the connection cannot go, until the other process has answered.
        """
        nodes = self.nodes
        proxied = nodes is not None and nodes.admit(environ)
        if self.siblings is not None:
            answer = self.siblings.answer(environ, start_response, ending=ending)
            if answer is not None:
                return answer
        # A node that believed another one's mistake would send the request round.
        if nodes is None or proxied:
            return None
        return nodes.answer(environ, start_response)
