"""Sample: what one process says of itself now.

Gauges are computed when somebody asks, so that they cannot drift. That takes time if
there are many clients, so it is done in steps between which others run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sockio.engine.server import EngineServer
from sockio.runtime.lag import Lag
from sockio.runtime.meter import OTHER, Meter
from sockio.socket.server import stats
from sockio.socket.server.namespaces import Namespaces

from .families import Reading, Values
from .tallies import Tallies

__all__ = ["Sampler", "in_steps", "percentiles"]

#: How many clients are looked at before others have a turn.
STEP = 1000
#: Which percentiles are told; the last one is the largest value.
PERCENTILES = (50, 90, 99, 100)


class Sampler:
    """Looks at one server."""

    def __init__(
        self,
        engine: Callable[[], EngineServer],
        namespaces: Namespaces,
        meter: Meter,
        lag: Lag,
        *,
        names: int,
        sleep: Callable[[float], None],
    ) -> None:
        """Look at a server whenever somebody asks.

        Args:
            engine: Returns its engine.
            namespaces: Those of the server.
            meter: What is counted on the path of packets.
            lag: Of its loop.
            names: How many namespaces are told by name.
            sleep: Lets others run.
        """
        self._engine = engine
        self._namespaces = namespaces
        self._meter = meter
        self._lag = lag
        self._names = names
        self._sleep = sleep
        #: What is counted beside the path of packets.
        self.tallies = Tallies(meter)

    def look(self, *, ready: bool) -> Reading:
        """Return everything that this process knows.

        Args:
            ready: Whether new clients may come.

        Blocks:
            While others run, if there are many clients.
        """
        self._lag.start()
        gauges: dict[str, Values] = {"ready": [([], int(ready))]}
        gauges.update(self._sessions())
        gauges.update(self._sockets())
        gauges.update(self._packets())
        gauges.update(self._events())
        gauges.update(self._server())
        gauges["loop_lag_seconds"] = percentiles(self._lag.recent)
        reading = {f"sockio_{name}": values for name, values in gauges.items()}
        reading.update(self.tallies.values())
        return reading

    def _sessions(self) -> dict[str, Values]:
        kinds: Counter[tuple[str, str]] = Counter()
        events: list[float] = []
        sizes: list[float] = []
        buffered: list[float] = []
        paused = 0
        for session in in_steps(self._sleep, self._engine().sessions.values()):
            kinds[session.transport_name, str(session.protocol)] += 1
            intake = session.intake
            events.append(intake.events)
            sizes.append(intake.size)
            buffered.append(session.buffered_amount)
            paused += intake.paused
        return {
            "clients": [(list(kind), count) for kind, count in kinds.items()],
            "inbox_events": percentiles(events),
            "inbox_bytes": percentiles(sizes),
            "buffer_bytes": percentiles(buffered),
            "paused_clients": [([], paused)],
        }

    def _sockets(self) -> dict[str, Values]:
        namespaces = dict(self._namespaces.by_name)
        sockets: Counter[str] = Counter()
        awaited = rooms = 0
        for number, (name, namespace) in enumerate(namespaces.items()):
            label = _label(name) if number < self._names else OTHER
            sockets[label] += len(namespace.sockets)
            for socket in in_steps(self._sleep, namespace.sockets.values()):
                awaited += socket.outgoing.unanswered
            members = namespace.adapter.rooms
            own = sum(
                sid in members for sid in in_steps(self._sleep, namespace.adapter.sids)
            )
            rooms += len(members) - own
        return {
            "sockets": [([label], count) for label, count in sockets.items()],
            "namespaces": [([], len(namespaces))],
            "rooms": [([], rooms)],
            "awaited_acks": [([], awaited)],
        }

    def _packets(self) -> dict[str, Values]:
        meter = self._meter
        return {
            "received_packets": [([], meter.packets_in)],
            "received_bytes": [([], meter.size_in)],
            "sent_packets": [([], meter.packets_out)],
            "sent_bytes": [([], meter.size_out)],
        }

    def _events(self) -> dict[str, Values]:
        events = self._meter.events
        meters = [(_label(name), each) for name, each in events.items()]
        return {
            "events": [([name], each.count) for name, each in meters],
            "failed_handlers": [([name], each.failed) for name, each in meters],
            "handler_seconds": [
                ([name], [each.seconds, each.groups]) for name, each in meters
            ],
        }

    def _server(self) -> dict[str, Values]:
        tally = self._engine().tally
        moved = stats.moved(self._engine())
        told: dict[str, Values] = {
            "limits_hit": [
                (["inbox_paused"], tally.pauses),
                (["inbox_full"], tally.inbox_full),
                (["buffer_full"], tally.buffer_full),
            ],
            "moved_requests": [([name], count) for name, count in moved.items()],
        }
        adapter = self._namespaces.adapter_stats()
        if adapter is not None:
            told["adapter_connected"] = [([], int(adapter.connected))]
            told["adapter_waiting_messages"] = [([], adapter.messages_waiting)]
            told["adapter_waiting_bytes"] = [([], adapter.bytes_waiting)]
            told["adapter_lost_messages"] = [([], adapter.lost)]
            told["adapter_uncertain_messages"] = [([], adapter.uncertain)]
            told["adapter_unreadable_messages"] = [([], adapter.unreadable)]
            told["adapter_gaps"] = [([], adapter.gaps)]
        return told


def in_steps(
    sleep: Callable[[float], None], things: Iterable[Any], step: int = STEP
) -> Iterator[Any]:
    """Yield what is there now; others have a turn after each step.

    Args:
        sleep: Lets others run.
        things: All of them.
        step: How many are one step.
    """
    for number, thing in enumerate(list(things), 1):
        yield thing
        if number % step == 0:
            sleep(0)


def _label(name: str) -> str:
    """Return a name in a form that UTF-8 can carry: it may have lone surrogates."""
    return name.encode("utf-8", "backslashreplace").decode()


def percentiles(values: Sequence[float]) -> Values:
    """Return the percentiles of ``values``; without any, none."""
    if not values:
        return []
    ordered = sorted(values)
    last = len(ordered) - 1
    return [([str(part)], ordered[round(part * last / 100)]) for part in PERCENTILES]
