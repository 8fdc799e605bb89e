"""Stream member: a namespace in which this server takes part, by streams.

Our own events come back to us through the stream, like those of others, and only then
do our clients get them: so all servers deliver the events in the same order, and the
offset of an event says that the client has got all that were before it.

If an event does not come back in time, since the broker is away or slow, our clients
get it nevertheless. The offset then tells up to which number of ours they are ahead of
the stream, until we have read that number there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sockio.adapters.buses.node_wire import read_message
from sockio.adapters.cluster.messages import Message

from .circuit import Subscription
from .member import Resubscribe
from .options import Options
from .stream_reader import Stream
from .stream_wire import Offset, write_fleeting

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace

__all__ = ["StreamMember"]


class _Owed(NamedTuple):
    """An event of ours that our clients have not got yet."""

    number: int
    since: float
    done: Callable[[str | None], None]


class StreamMember:
    """A namespace in which this server takes part, and its events on their way."""

    def __init__(
        self, stream: Stream, options: Options, nsp: LocalNamespace, uid: str
    ) -> None:
        self.nsp = nsp
        self.uid = uid
        self.stream = stream
        self.common = f"{options.prefix}#{nsp.name}#".encode("utf-8", "replace")
        self.joins = 0
        #: How many events of ours were to be kept.
        self.number = 0
        #: Up to which one our clients are ahead of the stream; 0: they are not.
        self._ahead = 0
        self._owed: deque[_Owed] = deque()

    @property
    def newest(self) -> str | None:
        """Up to where our clients have got all; None: that is not to be said now."""
        return None if self._ahead else self.stream.reached or None

    @property
    def waiting_since(self) -> float | None:
        """When the oldest event was emitted that our clients have not got."""
        return self._owed[0].since if self._owed else None

    def owe(self, since: float, done: Callable[[str | None], None]) -> None:
        """Deliver an event as soon as it is read."""
        self._owed.append(_Owed(self.number, since, done))

    def offset(self, id: str) -> str | None:
        """Return the offset of an event that is delivered now."""
        if not id:
            return None
        return str(Offset(id, self.uid, self._ahead)) if self._ahead else id

    def arrive(self, number: int, id: str) -> None:
        """An entry of ours has been read; if it is an event, deliver it."""
        if not number:
            return
        while self._owed and self._owed[0].number < number:
            self._deliver_early()  # it never got into the stream
        if number >= self._ahead:
            self._ahead = 0
        if self._owed and self._owed[0].number == number:
            self._owed.popleft().done(self.offset(id))

    def stop_waiting(self) -> None:
        """Deliver all events of ours, whether they are in the stream or not."""
        while self._owed:
            self._deliver_early()

    def _deliver_early(self) -> None:
        owed = self._owed.popleft()
        self._ahead = owed.number
        owed.done(self.offset(self.stream.position))

    # ---- what goes by pub/sub

    def subscriptions(self) -> list[Subscription]:
        """Questions, and answers to this server alone."""
        names = (self.common, self.reply_to(self.uid))
        return [(b"subscribe", name) for name in names]

    def watch(self, resubscribe: Resubscribe) -> None: ...
    def leave(self) -> None:
        self.stop_waiting()

    def write(self, message: Message) -> tuple[bytes, bytes]:
        return self.common, write_fleeting(message)

    def write_reply(self, uid: str, message: Message) -> tuple[bytes, bytes]:
        return self.reply_to(uid), write_fleeting(message)

    def reply_to(self, uid: str) -> bytes:
        return self.common + f"{uid}#".encode("utf-8", "replace")

    def read(self, channel: bytes, data: bytes) -> Message | None:
        message = read_message(data)
        if message is None or message.nsp != self.nsp.name:
            return None
        return message
