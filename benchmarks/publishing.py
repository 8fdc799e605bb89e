"""Measure what a message costs on each bus, beside Node's adapters.

publishing.py [--reps N] [--python PATH] [BUS ...]

One server says events, another one has a client that gets them: first two of sockio's,
then two of Node's, on the same broker. It needs the npm packages of tests/js.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.mongo_server import MongoServer  # noqa: E402
from tests.support.postgres import Postgres  # noqa: E402
from tests.support.raw_client import RawClient  # noqa: E402
from tests.support.redis_server import RedisServer  # noqa: E402

PEERS = ROOT / "benchmarks/peers"
#: Seconds after which an event is said once more, while servers find each other.
AGAIN = 0.5


class Bus(NamedTuple):
    """A bus, and how many messages of it are measured at once."""

    broker: Callable[[], Any]
    #: What our URL ends with; the library, and the options, of Node's adapter.
    ours: str
    library: str
    options: dict[str, Any]
    messages: int


BUSES = {
    "pubsub": Bus(RedisServer, "?mode=pubsub", "redis", {}, 4000),
    "sharded": Bus(RedisServer, "?mode=sharded", "redis", {}, 4000),
    "streams": Bus(RedisServer, "?mode=streams", "redis", {}, 4000),
    "postgres": Bus(lambda: Postgres(tcp=True), "", "pg", {}, 1000),
    "mongo": Bus(MongoServer, "", "mongodb", {"addCreatedAtField": True}, 500),
}


class Peer:
    """A server process."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def say(self, first: int, last: int) -> None:
        """Have it say these numbers."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{first} {last}\n")
        self._process.stdin.flush()

    def cpu(self) -> float:
        """Return the microseconds of CPU that its threads have used."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1000

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Pair:
    """Two servers of a kind, and a client of the second one."""

    def __init__(self, command: list[str], ends: ExitStack) -> None:
        self._publisher, self._receiver = Peer(command), Peer(command)
        for peer in (self._publisher, self._receiver):
            ends.callback(peer.close)
        self._client = RawClient(
            f"http://127.0.0.1:{self._receiver.port}", "/socket.io/"
        ).open_socket()
        self._said = 0

    def meet(self) -> None:
        """Say events until one arrives."""
        while True:
            self._publisher.say(self._said, self._said + 1)
            self._said += 1
            try:
                self._client.receive_event(timeout=AGAIN)
                return
            except TimeoutError:
                continue

    def measure(self, messages: int) -> tuple[float, float]:
        """Return the CPU per message of both."""
        peers = self._publisher, self._receiver
        before = [peer.cpu() for peer in peers]
        first, self._said = self._said, self._said + messages
        self._publisher.say(first, self._said)
        while self._client.receive_event(timeout=60)[1] != self._said - 1:
            pass
        one, two = (
            (peer.cpu() - was) / messages
            for peer, was in zip(peers, before, strict=True)
        )
        return one, two


@contextmanager
def running(bus: Bus) -> Iterator[Any]:
    """Give the broker."""
    with ExitStack() as ends:
        broker = bus.broker()
        ends.callback(broker.close)
        if isinstance(broker, MongoServer):
            ends.enter_context(broker.new_collection())
        yield broker


def compare(name: str, reps: int, python: str) -> None:
    """Measure one bus in turns, and print the ratios."""
    bus = BUSES[name]
    taken: dict[str, list[tuple[float, float]]] = {}
    with running(bus) as broker:
        options = dict(bus.options)
        if isinstance(broker, MongoServer):
            options["collection"] = broker.collection
        told = {"mode": name, "library": bus.library, "port": broker.port}
        commands = {
            "sockio": [python, str(PEERS / "bus.py"), broker.url + bus.ours],
            "Node": [
                "node",
                str(PEERS / "bus.mjs"),
                json.dumps({**told, "options": options}),
            ],
        }
        for kind, command in commands.items():
            with ExitStack() as ends:
                pair = Pair(command, ends)
                pair.meet()
                pair.measure(bus.messages)  # Node compiles what it runs often
                taken[kind] = [pair.measure(bus.messages) for _ in range(reps)]
    _print(name, taken)


def _print(name: str, taken: dict[str, list[tuple[float, float]]]) -> None:
    rows = {
        kind: [statistics.median(each) for each in zip(*found, strict=True)]
        for kind, found in taken.items()
    }
    for number, what in enumerate(("publisher", "receiver")):
        ours, theirs = rows["sockio"][number], rows["Node"][number]
        print(
            f"{name}: {what}: sockio {ours:.1f} us, Node {theirs:.1f} us, "
            f"{ours / theirs:.2f} x",
            flush=True,
        )


def main() -> int:
    """Print two lines for each bus."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reps", type=int, default=7)
    parser.add_argument("--python", default=sys.executable, help="which runs sockio")
    parser.add_argument("buses", nargs="*", metavar="BUS", help=", ".join(BUSES))
    arguments = parser.parse_args()
    for name in arguments.buses or BUSES:
        compare(name, arguments.reps, arguments.python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
