"""Keep a server busy for long, and see that it answers rightly and does not grow.

soak.py [--minutes 20]

In each round, clients of all kinds connect, send and disconnect. Whatever a round left
behind would make the process larger with each further round.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import installation
import machine
from results import fault
from servers import KINDS, LoadError, Server

ROUND = (
    "connect --connections 500",
    "connect --connections 200 --via upgrade",
    "echo --connections 100 --outstanding 10 --seconds 2",
    "echo --connections 100 --via polling --seconds 2",
    "echo --connections 20 --size 65536 --seconds 1",
    "ack --connections 100 --seconds 2",
    "binary --connections 100 --size 1024 --seconds 2",
    "broadcast --connections 200 --seconds 2",
    "rooms --connections 200 --members 50 --seconds 2",
)
#: Rounds in which a process may grow: code is loaded late, pools and fragments form.
WARM_UP = 3
#: The growth that is allowed after these rounds: a share, plus so many KiB.
SHARE, FLOOR = 0.15, 8192


def main() -> int:
    """Return 1 when an answer was wrong or missing, or the process grew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    arguments = parser.parse_args()
    machine.raise_file_limit()
    installation.load_generator()
    installation.python()
    server = Server("sockio", KINDS["sockio"])
    sizes: list[int] = []
    try:
        server.start()
        end = time.monotonic() + 60 * arguments.minutes
        while len(sizes) <= WARM_UP or time.monotonic() < end:
            for load in ROUND:
                if found := fault(server.load(load.split())):
                    print(f"{load}: {found}")
                    return 1
            server.settle()
            sizes.append(_resident(server.pids))
    except LoadError as exc:
        print(exc)
        return 1
    finally:
        server.stop()
    before, after = sizes[WARM_UP], sizes[-1]
    print(f"{len(sizes)} rounds: {before} KiB after {WARM_UP + 1}, {after} at the end")
    return int(after > before * (1 + SHARE) + FLOOR)


def _resident(pids: list[int]) -> int:
    """Return how much memory the processes occupy, in KiB."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


if __name__ == "__main__":
    sys.exit(main())
