"""Link: the way to a broker, or to a cluster; it is up or down."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Any

import gevent.socket
import gevent.ssl

from sockio.adapters.buses.reconnecting import Reconnecting

from .circuit import Circuit
from .connection import FAILURES, Moved, Unsettled
from .dialer import Dialer
from .finding import Finder
from .url import Site

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account

__all__ = ["Link"]

_DIALER = Dialer(gevent.socket, gevent.ssl)


class Link(Reconnecting[Circuit]):
    """The way to one broker, or to a cluster; it is up or down."""

    failures = FAILURES

    def __init__(
        self,
        site: Site,
        meeting: str,
        account: Account,
        counted: Container[bytes],
        heard: Callable[[Sequence[bytes]], None],
        ring: Callable[[], None],
        *,
        keeps: bool = False,
    ) -> None:
        """Make a link that is down.

        Args:
            site: Where the broker is.
            meeting: In a cluster, what names the node for all that is not sharded.
            account: Is told of outages.
            counted: The channels whose subscribers are counted.
            heard: Takes what comes; see ``Circuit``.
            ring: Called when ``ready`` has something to do.
            keeps: Whether the broker keeps for us what we cannot hear.
        """
        super().__init__(str(site), account, ring, keeps=keeps)
        self._finder = Finder(site, _DIALER)
        self._meeting = meeting.encode("utf-8", "replace")
        self._counted = counted
        self._heard = heard

    def make(self) -> Circuit:
        return Circuit(*self.parts)

    @property
    def parts(self) -> tuple[Any, ...]:
        """What a circuit is made of."""
        return (
            self._finder,
            _DIALER,
            self._meeting,
            self._counted,
            self._heard,
            self._ask_anew,
        )

    def end(self, last_words: Sequence[Sequence[Any]]) -> bool:
        """End at once; say whether all of ``last_words`` could be written."""
        if not last_words:
            return self.close()
        return self.close(lambda circuit: circuit.send_now(last_words))

    # ---- the greenlet that publishes

    def ping(self) -> None:
        """Have the broker say something to the subscriber, if that is due.

        Blocks:
            Until it is written.
        """
        circuit = self._current
        if circuit is None or not self.due:
            return
        self.due = False
        try:
            circuit.ping()
        except FAILURES as exc:
            self._lose(circuit, exc)

    def exchange(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands; return the answer to each, None where there is none.

        An answer may be a ``Refused``. If it is one of ``Unsettled``, the command was
        not carried out, and may be given again when the link is ready.

        Blocks:
            Until all are there, or the link is down.
        """
        circuit = self._current
        if circuit is None:
            return [None] * len(commands)
        answers = circuit.exchange(commands, lambda exc: self._lose(circuit, exc))
        for answer in answers:
            error = answer if isinstance(answer, Unsettled) else None
            if isinstance(answer, Moved):
                error = circuit.move(answer)
            if error is not None:
                self._lose(circuit, error)
        return answers
