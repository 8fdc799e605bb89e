"""What is measured: the scenarios, and what sockio is to reach in each.

Those of the group "usual" run when nothing is named.
"""

from __future__ import annotations

from payloads import PAYLOADS
from scenario import LESS_IS_BETTER, Scenario

__all__ = ["FIRST_TOUCH", "LESS_IS_BETTER", "SCENARIOS", "WARM_UP", "Scenario", "group"]

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
            group="large",
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
            needs=frozenset({"order"}),
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
            needs=frozenset({"polling"}),
            timed=False,
        ),
        Scenario(
            name="polling",
            text="echo over long-polling, 100 clients",
            load="echo --connections 100 --via polling",
            to_node=1,
            to_python=2,
            needs=frozenset({"polling"}),
        ),
        Scenario(
            name="idle",
            text="10,000 idle WebSockets, KiB of memory each",
            load="idle --connections 10000 --settle 3",
            quantities=("kib_each",),
            to_node=0.5,
            fresh=True,
        ),
        *PAYLOADS,
    )
}


def group(name: str) -> list[str]:
    """Return the names of a group's scenarios, [] if there is no such group."""
    return [key for key, scenario in SCENARIOS.items() if scenario.group == name]


#: Warms up the code of a new server, so that a JIT has compiled what it will.
WARM_UP = (
    "connect --connections 500",
    "connect --connections 200 --via upgrade",
    "echo --seconds 1",
    "echo --via polling --seconds 0.5",
)

#: A fresh server gets no more than this: it loads what it loads with the first clients.
FIRST_TOUCH = ("connect --connections 20",)
