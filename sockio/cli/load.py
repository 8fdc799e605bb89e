"""Load: many clients of one server, what they send, and when.

With a rate, each event has its moment, whatever became of those before it, and is
timed from that moment. Without one, each client asks when it has been answered.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, process_time
from typing import Any

import gevent
import gevent.pool

from .link import Dialer
from .load_client import LoadClient, Tally

__all__ = ["TOKEN", "Load", "Plan"]

#: In the arguments of an event: where to put what tells it from all others.
TOKEN = "%token"
#: Clients that connect at the same time.
_CONNECTING = 20
#: Seconds between two looks at what has happened.
_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done."""

    clients: int
    #: Seconds.
    duration: float
    #: Events in a second, of all clients together; None: as many as are answered.
    rate: float | None
    namespaces: Sequence[str]
    auth: Any
    #: The name and the arguments; None: clients ping.
    event: list[Any] | None
    #: The event by which the other clients hear of it; None: it is acknowledged.
    heard: str | None


class Load:
    """The clients, while they work and after it."""

    def __init__(self, dialer: Dialer, plan: Plan) -> None:
        self._dialer = dialer
        self.plan = plan
        self.tally = Tally()
        self._clients = [
            LoadClient(number, dialer, self.tally, plan.heard)
            for number in range(plan.clients)
        ]
        #: Those that have connected.
        self._playing: list[LoadClient] = []
        self._senders: list[Any] = []
        #: When the clients began to send and when they end, by ``monotonic``.
        self._begun = self._end = 0.0
        #: Seconds that connecting took.
        self.connecting = 0.0
        #: Seconds for which they send, or have sent.
        self.seconds = 0.0
        #: Seconds of the processor's that this program has used meanwhile.
        self.cpu = 0.0

    # ------------------------------------------------------------------ the work

    def run(self, show: Callable[[str, float, Tally], object]) -> None:
        """Connect, send, and wait for the last answers.

        Args:
            show: Called now and then with what is being done, how much of it is done
                (0 to 1), and what has happened.

        Raises:
            KeyboardInterrupt: Ctrl-C; what has been counted is right up to then.

        Blocks:
            Until then.
        """
        try:
            self._connect(show)
            if self._playing:
                self._play(show)
        finally:
            gevent.killall(self._senders)
            self._count_unsent()

    def close(self) -> None:
        """Disconnect all clients.

        Blocks:
            Until all have left.
        """
        pool = gevent.pool.Pool(_CONNECTING)
        for client in self._clients:
            pool.spawn(client.close)
        pool.join()

    def _connect(self, show: Callable[[str, float, Tally], object]) -> None:
        begun = monotonic()
        pool = gevent.pool.Pool(_CONNECTING)
        plan = self.plan
        waiting = iter(self._clients)
        starter = gevent.spawn(
            lambda: [
                pool.spawn(client.connect, plan.namespaces, plan.auth)
                for client in waiting
            ]
        )
        try:
            while not (starter.ready() and pool.join(timeout=_PAUSE)):
                gevent.wait([starter], timeout=_PAUSE)
                done = self.tally.connecting.count + self.tally.failures.total()
                show("connecting", done / plan.clients, self.tally)
        finally:
            starter.kill()
            pool.kill()
            self.connecting = monotonic() - begun
            self._playing = [each for each in self._clients if each.connected]

    def _play(self, show: Callable[[str, float, Tally], object]) -> None:
        plan = self.plan
        self._begun, cpu = monotonic(), process_time()
        self.seconds = plan.duration
        self._end = self._begun + self.seconds
        send = self._send_in_turn if plan.rate is None else self._send_on_time
        self._senders = [
            gevent.spawn(send, client, place)
            for place, client in enumerate(self._playing)
        ]
        try:
            while monotonic() < self._end and any(c.connected for c in self._playing):
                gevent.sleep(min(_PAUSE, max(0.0, self._end - monotonic())))
                self._expire()
                done = (monotonic() - self._begun) / plan.duration
                show("sending", min(done, 1.0), self.tally)
        finally:
            self.seconds = min(self.seconds, monotonic() - self._begun)
            self._end = self._begun + self.seconds
            self.cpu = process_time() - cpu
        while any(client.waits for client in self._playing):
            gevent.sleep(_PAUSE / 10)
            self._expire()

    def _expire(self) -> None:
        now = monotonic()
        for client in self._playing:
            client.expire(now)

    # ------------------------------------------------------------------ sending

    def _send_in_turn(self, client: LoadClient, place: int) -> None:
        while client.connected and (now := monotonic()) < self._end:
            self._send(client, now)
            client.idle.wait()

    def _send_on_time(self, client: LoadClient, place: int) -> None:
        for count in range(self._share(place)):
            due = self._begun + (place + count * len(self._playing)) / self._rate
            pause = due - monotonic()
            if pause > 0:
                gevent.sleep(pause)
            now = monotonic()
            if now >= self._end or not client.connected:
                return
            self.tally.late.add(now - due)
            self._send(client, due)

    @property
    def _rate(self) -> float:
        assert self.plan.rate is not None
        return self.plan.rate

    def _share(self, place: int) -> int:
        """Return how many events a client has to send until the end."""
        events = round(self.seconds * self._rate, 6)
        return max(0, math.ceil((events - place) / len(self._playing)))

    def _send(self, client: LoadClient, due: float) -> None:
        plan = self.plan
        namespace = plan.namespaces[client.attempts % len(plan.namespaces)]
        client.attempts += 1
        self.tally.sent += 1
        if plan.event is None:
            client.ping(due)
        elif plan.heard is None:
            client.ask(namespace, plan.event, due)
        else:
            key = f"{client.number}.{client.attempts}"
            for other in self._playing:
                if other is not client and other.connected:
                    other.owe(key, due)
            client.say(namespace, _with_token(plan.event, f"<{key}>"))

    # ------------------------------------------------------------------ what came of it

    def _count_unsent(self) -> None:
        """Count what had its moment and was not sent."""
        if self.plan.rate is None:
            return
        for place, client in enumerate(self._playing):
            unsent = self._share(place) - client.attempts
            if unsent > 0:
                why = "in time" if client.connected else "its connection has ended"
                self.tally.failures[f"not sent: {why}"] += unsent

    @property
    def transports(self) -> Counter[str]:
        """How many clients have connected over each transport."""
        return Counter(client.link.transport for client in self._playing)

    @property
    def bytes_in(self) -> int:
        """Bytes of packets that the clients have received."""
        return sum(client.link.bytes_in for client in self._clients)

    @property
    def bytes_out(self) -> int:
        """Bytes of packets that the clients have sent."""
        return sum(client.link.bytes_out for client in self._clients)


def _with_token(value: Any, token: str) -> Any:
    if isinstance(value, str):
        return value.replace(TOKEN, token)
    if isinstance(value, list):
        return [_with_token(each, token) for each in value]
    if isinstance(value, dict):
        return {name: _with_token(each, token) for name, each in value.items()}
    return value
