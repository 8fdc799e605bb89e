"""A server of sockio on a bus: prints its port, and says as many events as it is told.

bus.py URL
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gevent.fileobject

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import sockio

TEXT = "x" * 100


def main() -> None:
    """Serve until there is nothing more to be told."""
    io: sockio.Server[Any] = sockio.Server(adapter=sys.argv[1])
    server = io.listen("127.0.0.1:0")
    print(server.address[1], flush=True)
    for line in gevent.fileobject.FileObjectThread(sys.stdin):
        first, last = map(int, line.split())
        for number in range(first, last):
            io.emit("n", number, TEXT)
            if number % 20 == 19:
                gevent.sleep(0)


if __name__ == "__main__":
    main()
