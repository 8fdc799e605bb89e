"""Directory: short texts that the servers of a cluster keep at their broker.

It is how they find each other for ``Server(advertise=)``. Nothing of it is a message of
the cluster, so that no server of Node sees it. A bus that can keep texts has one as its
attribute ``directory``; a bus that cannot has none.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Directory"]


class Directory(Protocol):
    """Texts by name; all servers on the same channels of a broker see the same ones.

    Names are made of letters, digits, ``-`` and ``_``, and have at most 64 of them.
    Texts are ASCII, and have at most 512 characters.
    """

    def claim(self, name: str, text: str, seconds: float) -> str:
        """Keep a text under a name, unless another one is there; return what is there.

        If ``text`` is there, its time begins anew.

        Args:
            name: Of the text.
            text: What all servers may read.
            seconds: After which the broker forgets it, if it is not claimed again.

        Raises:
            OSError: The broker cannot be asked now, or refuses.

        Blocks:
            Until the broker has answered, a few seconds at most.
        """

    def read(self, name: str) -> str | None:
        """Return what is there under a name; None: nothing.

        Raises:
            OSError: The broker cannot be asked now, or refuses.

        Blocks:
            Until the broker has answered, a few seconds at most.
        """
