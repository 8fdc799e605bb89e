"""Load client: one of many, which asks and notes when it is answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import gevent
import gevent.event

from sockio.protocol.socketio.packet import Packet, PacketType

from .latencies import Latencies
from .link import BROKEN, Dialer

__all__ = ["LoadClient", "Tally"]


@dataclass(slots=True)
class Tally:
    """What all clients have met with."""

    #: From the first byte until all namespaces are joined.
    connecting: Latencies = field(default_factory=Latencies)
    #: From the moment at which something was to be sent to its answer.
    answering: Latencies = field(default_factory=Latencies)
    #: From the moment at which something was to be sent until it began to be sent.
    late: Latencies = field(default_factory=Latencies)
    sent: int = 0
    #: Answers that are owed for what was sent.
    owed: int = 0
    #: What went wrong, and how often.
    failures: Counter[str] = field(default_factory=Counter)


class LoadClient:
    """One client; it connects once, and does not come back when it is lost."""

    def __init__(
        self, number: int, dialer: Dialer, tally: Tally, heard: str | None
    ) -> None:
        """Make a client that is not connected.

        Args:
            number: Its place among all.
            dialer: Makes its link.
            tally: Where it counts.
            heard: The name of the event by which it hears what others have said; None:
                it listens to none.
        """
        self.number = number
        self._core, self.link = dialer.client()
        self._timeout = dialer.place.timeout
        self._tally = tally
        self._heard = heard
        #: When that was to be sent whose answer is awaited, oldest first.
        self._awaited: dict[object, float] = {}
        self._pings = 0
        #: How often it was told to send something.
        self.attempts = 0
        #: Set while no answer is awaited.
        self.idle = gevent.event.Event()
        self.idle.set()
        self._unjoined: set[str] = set()
        #: Why it has not joined, or None; set when that is known.
        self._joined: Any = gevent.event.AsyncResult()
        self._reader: Any = None
        #: Whether it has joined all namespaces, and has not been lost.
        self.connected = False
        self._closing = False

    # ------------------------------------------------------------------ connecting

    def connect(self, namespaces: Sequence[str], auth: Any) -> None:
        """Connect, and join namespaces; count how long that took, or why it failed.

        Blocks:
            Until that is known.
        """
        begun = monotonic()
        self._unjoined = set(namespaces)
        try:
            self.link.open()
            self._reader = gevent.spawn(self._read)
            for name in namespaces:
                self._core.connect(name, auth)
            self.link.flush()
        except BROKEN as exc:
            self._joined.set(f"not connected: {exc}")
        gevent.wait([self._joined], timeout=self._timeout)
        why = self._joined.get() if self._joined.ready() else self._too_late
        if why is None:
            self.connected = True
            self._tally.connecting.add(monotonic() - begun)
        else:
            self._tally.failures[why] += 1
            self.close()

    @property
    def _too_late(self) -> str:
        return f"no answer within {self._timeout:g} s"

    def close(self) -> None:
        """Leave; nothing that happens from now on is counted.

        Blocks:
            Until that is said.
        """
        self.connected = False
        self._closing = True
        if self._reader is not None:
            self._reader.kill()
        self.link.close()

    # ------------------------------------------------------------------ asking

    def ask(self, namespace: str, data: list[Any], due: float) -> None:
        """Send an event that asks for an answer.

        Args:
            due: When it was to be sent.

        Blocks:
            Until it is sent.
        """
        id = self._core.emit(namespace, data, ack=True)
        self.owe((namespace, id), due)
        self._flush()

    def say(self, namespace: str, data: list[Any]) -> None:
        """Send an event that asks for none.

        Blocks:
            Until it is sent.
        """
        self._core.emit(namespace, data, ack=False)
        self._flush()

    def ping(self, due: float) -> None:
        """Ask for a sign of life.

        Blocks:
            Until it is sent; when polling, until it is answered.
        """
        self._pings += 1
        self.owe(self._pings, due)
        try:
            self.link.ping(partial(self._answered, self._pings))
        except BROKEN as exc:
            self._lose(f"the connection has ended: {exc}")

    def owe(self, key: object, due: float) -> None:
        """Await an answer from now on."""
        self._awaited[key] = due
        self._tally.owed += 1
        self.idle.clear()

    def _flush(self) -> None:
        try:
            self.link.flush()
        except BROKEN as exc:
            self._lose(f"the connection has ended: {exc}")

    @property
    def waits(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._awaited)

    def expire(self, now: float) -> None:
        """Give up the answers that have taken too long."""
        late = [key for key, due in self._awaited.items() if now - due > self._timeout]
        for key in late:
            del self._awaited[key]
            self._tally.failures[self._too_late] += 1
        if not self._awaited:
            self.idle.set()

    # ------------------------------------------------------------------ what comes

    def _read(self) -> None:
        try:
            for packet in self.link.packets():
                self._take(packet)
            why = "the server has ended the connection"
        except BROKEN as exc:
            why = f"the connection has ended: {exc}"
        self._lose(why)

    def _take(self, packet: Packet) -> None:
        namespace, data = packet.nsp, packet.data
        match packet.type:
            case PacketType.ACK:
                self._answered((namespace, packet.id))
            case PacketType.EVENT if data[0] == self._heard:
                for key in _keys_in(data[1:]):
                    self._hear(key)
            case PacketType.CONNECT:
                self._unjoined.discard(namespace)
                if not self._unjoined and not self._joined.ready():
                    self._joined.set(None)
            case PacketType.CONNECT_ERROR:
                message = data.get("message") if isinstance(data, dict) else data
                if not self._joined.ready():
                    self._joined.set(f"{namespace} refuses: {message}")
            case PacketType.DISCONNECT:
                self._lose(f"{namespace}: io server disconnect")

    def _hear(self, key: str) -> None:
        if key in self._awaited:
            self._answered(key)
        elif not key.startswith(f"{self.number}."):  # its own may come, or not
            self._tally.failures["heard twice, or too late"] += 1

    def _answered(self, key: object) -> None:
        due = self._awaited.pop(key, None)
        if due is not None:
            self._tally.answering.add(monotonic() - due)
        if not self._awaited:
            self.idle.set()

    def _lose(self, why: str) -> None:
        """Note that nothing comes any more."""
        if not self._joined.ready():
            self._joined.set(why)
        elif self.connected and not self._closing:
            self.connected = False
            failures = self._tally.failures
            failures[why] += 1
            if self._awaited:
                failures["not answered: its connection has ended"] += len(self._awaited)
            self._awaited.clear()
            self.idle.set()


#: What stands for one event in its arguments: who has sent it, and its number.
_KEY = re.compile(r"<(\d+\.\d+)>")


def _keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _KEY.findall(value)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _keys_in(each)
    elif isinstance(value, dict):
        yield from _keys_in(list(value.values()))
