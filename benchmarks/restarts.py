"""Kill a broker under load, again and again; count what two servers lose.

restarts.py [--restarts N] [--rate N] [BUS ...]

Each server tells all clients a number so many times a second, and has one client. Each
time the broker is killed as by a crash, is away for a moment, and starts again. A bus
with +kept behind its name has a broker that keeps its data on the disk.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import gevent

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import sockio  # noqa: E402
from sockio import Observer  # noqa: E402
from sockio.adapters import Gap  # noqa: E402
from tests.support.mongo_server import MongoServer  # noqa: E402
from tests.support.postgres import Postgres  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402
from tests.support.served import Served  # noqa: E402

#: Seconds for which the broker is away, and for which all goes well before that.
AWAY, WELL = 0.3, 1.0
#: Seconds after which servers have to be connected again, and what was said has come.
PATIENCE = 60.0
#: Seconds by which a gap may begin before it is noticed.
UNNOTICED = 1.0


@dataclass
class Side(Observer):
    """A server with its client."""

    name: str
    served: Served
    gaps: list[tuple[float, Gap]] = field(default_factory=list)
    #: When it said each number, and whether the bus was away.
    said: list[tuple[float, bool]] = field(default_factory=list)
    #: How often the client got each number, by who said it.
    got: dict[str, list[int]] = field(default_factory=dict)

    def adapter_gap(self, gap: Gap) -> None:
        self.gaps.append((time.monotonic(), gap))

    @property
    def stats(self) -> Any:
        return self.served.io.stats().adapter

    def say(self) -> None:
        """Tell all clients the next number."""
        self.said.append((time.monotonic(), not self.stats.connected))
        self.served.io.emit(self.name, len(self.said) - 1)

    def listen(self) -> None:
        """Take what the client gets, for ever."""
        websocket = self.served.raw.open_socket()
        while True:
            name, number, *_ = websocket.receive_event(timeout=3600)
            self.got.setdefault(name, []).append(number)


def brokers(folder: str = "") -> dict[str, Callable[[], tuple[Any, str]]]:
    """Return what starts the broker of each bus; and what its URL ends with.

    Args:
        folder: Where MongoDB may keep its data.
    """
    disk = ("--appendonly", "yes")
    return {
        "pubsub": lambda: (RedisServer(), "?mode=pubsub"),
        "sharded": lambda: (RedisServer(), "?mode=sharded"),
        "streams": lambda: (RedisServer(), "?mode=streams&max_len=1000000"),
        "streams+kept": lambda: (
            RedisServer(*disk),
            "?mode=streams&max_len=1000000",
        ),
        "postgresql": lambda: (Postgres(tcp=True), ""),
        "mongodb": lambda: (MongoServer(), _QUICK),
        "mongodb+kept": lambda: (MongoServer(folder), _QUICK),
    }


_QUICK = "?serverSelectionTimeoutMS=500&connectTimeoutMS=500&directConnection=true"


def run(bus: str, restarts: int, rate: float) -> bool:
    """Measure one bus; say whether all that is missing was counted or announced."""
    with ExitStack() as ends:
        folder = ends.enter_context(tempfile.TemporaryDirectory())
        broker, options = brokers(folder)[bus]()
        ends.callback(broker.close)
        if isinstance(broker, MongoServer):
            ends.enter_context(broker.new_collection())
        return _run(bus, broker, options, restarts, rate)


def _run(bus: str, broker: Any, options: str, restarts: int, rate: float) -> bool:
    sides = []
    for name in ("one", "two"):
        io: sockio.Server[Any] = sockio.Server(adapter=broker.url + options)
        sides.append(Side(name, Served(io)))
        io.observe(sides[-1])
        io.start()
    listening = [gevent.spawn(side.listen) for side in sides]
    _until(lambda: all(side.stats.connected for side in sides))
    gevent.sleep(WELL)
    saying = gevent.spawn(_say, sides, 1 / rate)
    for _ in range(restarts):
        gevent.sleep(WELL)
        broker.kill()
        gevent.sleep(AWAY)
        broker.start()
        _until(lambda: all(side.stats.connected for side in sides))
    gevent.sleep(WELL)
    saying.kill()
    _settle(sides)
    sound = all(
        [_report(bus, *pair) for pair in (sides, list(reversed(sides)))],
    )
    gevent.killall(listening)
    for side in sides:
        side.served.io.close()
        side.served.close()
    return sound


def _say(sides: list[Side], pause: float) -> None:
    due = time.monotonic()
    while True:
        for side in sides:
            side.say()
        due += pause
        gevent.sleep(max(due - time.monotonic(), 0.0))


def _settle(sides: list[Side]) -> None:
    """Wait until nothing more comes."""
    before = -1
    while before != (before := sum(len(g) for s in sides for g in s.got.values())):
        gevent.sleep(WELL)


def _until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fact():
        if time.monotonic() > deadline:
            raise SystemExit("the servers do not come back")
        gevent.sleep(0.01)


def _report(bus: str, sender: Side, receiver: Side) -> bool:
    got = receiver.got.get(sender.name, [])
    own = sender.got.get(sender.name, [])
    times = Counter(got)
    missing = [n for n in range(len(sender.said)) if n not in times]
    replayed = sum(away and n in times for n, (_, away) in enumerate(sender.said))
    doubled = sum(count - 1 for count in times.values())
    late = sum(b < a for a, b in pairwise(got))
    announced = [
        (at - gap.seconds, at) for at, gap in receiver.gaps if gap.seconds is not None
    ]
    unheard = _unheard(missing, [at for at, _ in sender.said], announced)
    stats = sender.stats
    counted = stats.lost + stats.uncertain
    unexplained = max(len(missing) - unheard - counted, 0)
    print(
        f"{bus}: said {len(sender.said)}, delivered {len(times)}, replayed {replayed}, "
        f"missing {len(missing)} (lost {stats.lost}, uncertain {stats.uncertain}, in "
        f"{len(announced)} announced gaps {unheard}, unexplained {unexplained}), "
        f"doubled {doubled}, out of order {late}; own client: missing "
        f"{len(sender.said) - len(set(own))}, doubled {len(own) - len(set(own))}",
        flush=True,
    )
    sound = not (unexplained or doubled or late)
    return sound and own == list(range(len(sender.said)))


def _unheard(
    missing: list[int], said: list[float], announced: list[tuple[float, float]]
) -> int:
    """Return how many are missing in gaps, or are the last ones before one.

    What a broker has taken and not yet passed on when it dies is not heard either.
    """
    unheard: set[int] = set()
    for n in reversed(missing):
        if n + 1 in unheard or any(
            begin - UNNOTICED <= said[n] <= end for begin, end in announced
        ):
            unheard.add(n)
    return len(unheard)


def main() -> int:
    """Print two lines for each bus, one for each direction."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50, help="numbers a second")
    parser.add_argument("buses", nargs="*", metavar="BUS", help=", ".join(brokers()))
    arguments = parser.parse_args()
    sound = [
        run(bus, arguments.restarts, arguments.rate)
        for bus in arguments.buses or brokers()
    ]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
