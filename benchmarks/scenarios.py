"""What is measured: the scenarios, and what sockio is to reach in each.

A goal is a ratio, sockio to the other server. Of memory and latency the ratio is to be
at most the goal, of everything else at least.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Quantities of which less is better.
LESS_IS_BETTER = frozenset({"kib_each", "p50_us", "p99_us"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run of the load generator, the same for every server."""

    name: str
    text: str
    load: str  #: arguments of `load`, without the window's length
    quantities: tuple[str, ...] = ("rate",)  #: fields of its answer to compare
    to_node: float | None = None
    to_python: float | None = None  #: under the same gunicorn worker
    timed: bool = True  #: lasts `seconds`; otherwise as long as its connections take
    fresh: bool = False  #: wants a server that has served nothing yet
    usual: bool = True  #: runs when no scenarios are named

    def command(self, seconds: float) -> list[str]:
        """Return the load generator's arguments for a window of `seconds`."""
        window = ["--seconds", str(seconds)] if self.timed else []
        return [*self.load.split(), *window]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="connect",
            text="2,000 WebSockets, 64 at a time",
            load="connect --connections 2000",
            to_node=1.5,
            to_python=5,
            timed=False,
        ),
        Scenario(
            name="echo-1",
            text="event and answer, 1 connection",
            load="echo --connections 1",
            to_node=1.2,
            to_python=5,
        ),
        Scenario(
            name="echo-100",
            text="100 connections",
            load="echo --connections 100",
            to_node=1.6,
            to_python=5,
        ),
        Scenario(
            name="echo-100x10",
            text="100 connections, 10 outstanding on each",
            load="echo --connections 100 --outstanding 10",
            to_node=3,
            to_python=5,
        ),
        Scenario(
            name="echo-1000",
            text="1,000 connections",
            load="echo --connections 1000",
            to_node=1.6,
            to_python=5,
        ),
        Scenario(
            name="echo-10000",
            text="10,000 connections",
            load="echo --connections 10000 --warmup 1",
            usual=False,
        ),
        Scenario(
            name="echo-4k",
            text="100 connections, 4 KiB",
            load="echo --connections 100 --size 4096",
            to_node=2,
            to_python=5,
        ),
        Scenario(
            name="echo-16k",
            text="100 connections, 16 KiB",
            load="echo --connections 100 --size 16384",
            to_node=2,
            to_python=5,
        ),
        Scenario(
            name="ack-100",
            text="acknowledgements, 100 connections",
            load="ack --connections 100",
            to_node=1.5,
            to_python=5,
        ),
        Scenario(
            name="ack-rate",
            text="2,000 acknowledgements a second: latency",
            load="open-ack --connections 100 --rate 2000",
            quantities=("p50_us", "p99_us"),
            to_node=1,
        ),
        Scenario(
            name="binary",
            text="event with 1 KiB attachment, 100 connections",
            load="binary --connections 100 --size 1024",
            to_node=2,
            to_python=5,
        ),
        Scenario(
            name="broadcast",
            text="to 1,000, one in flight",
            load="broadcast --connections 1000",
            to_node=1.6,
            to_python=5,
        ),
        Scenario(
            name="broadcast-x8",
            text="to 1,000, eight in flight",
            load="broadcast --connections 1000 --outstanding 8",
            to_node=3,
            to_python=5,
        ),
        Scenario(
            name="broadcast-10000",
            text="to 10,000, one in flight",
            load="broadcast --connections 10000 --warmup 1",
            to_node=2,
            to_python=5,
        ),
        Scenario(
            name="rooms",
            text="20 rooms of 50, one in flight in each",
            load="rooms --connections 1000 --members 50",
            to_node=1.8,
            to_python=5,
        ),
        Scenario(
            name="upgrade",
            text="1,000 polling handshakes, probed and upgraded, 64 at a time",
            load="connect --connections 1000 --via upgrade",
            to_node=2,
            to_python=5,
            timed=False,
        ),
        Scenario(
            name="polling",
            text="echo over long-polling, 100 clients",
            load="echo --connections 100 --via polling",
            to_node=1,
            to_python=2,
        ),
        Scenario(
            name="idle",
            text="10,000 idle WebSockets, KiB of memory each",
            load="idle --connections 10000 --settle 3",
            quantities=("kib_each",),
            to_node=0.5,
            fresh=True,
        ),
    )
}

#: What makes a new server's code warm, so that a JIT has compiled what it will.
WARM_UP = (
    "connect --connections 500",
    "connect --connections 200 --via upgrade",
    "echo --seconds 1",
    "echo --via polling --seconds 0.5",
)

#: A fresh server has only loaded what it loads late.
FIRST_TOUCH = ("connect --connections 20",)
