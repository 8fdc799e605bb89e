"""Measure how the cost of one operation grows with the size of the server.

Echoes over 10 to 10,000 connections go through the load generator. What needs no
network - rooms, namespaces, listeners - is measured in this process, on clients over an
in-memory transport. A row is flat if its last cost is at most 1.25 times its first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import installation
import machine
from servers import KINDS, Server

#: The factor up to which a row is flat.
FLAT = 1.25


def main() -> None:
    """Measure, print, and append to the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--out",
        type=Path,
        default=installation.FOLDER / "results.jsonl",
        help="file to which every row is appended (%(default)s)",
    )
    out = parser.parse_args().out
    machine.raise_file_limit()
    installation.load_generator()
    installation.python()
    echoes = list(_echoes((10, 100, 1000, 10_000)))
    for title, costs in (("echo, connections", echoes), *_inside()):
        _print(title, costs)
        with open(out, "a") as file:
            row = {"title": title, "row": costs}
            file.write(json.dumps({"at": round(time.time(), 1), "growth": row}) + "\n")


def _print(title: str, costs: list[tuple[int, float]]) -> None:
    factor = costs[-1][1] / costs[0][1]
    cells = "  ".join(f"{size:,}: {cost:.2f}" for size, cost in costs)
    verdict = "flat" if factor <= FLAT else f"x {factor:.2f}"
    print(f"{title:40} us of CPU  {cells}  {verdict}", flush=True)


def _echoes(sizes: Iterable[int]) -> Iterable[tuple[int, float]]:
    server = Server("sockio", KINDS["sockio"])
    try:
        server.start()
        server.load(["echo", "--connections", "100", "--seconds", "1"])
        for size in sizes:
            load = ["echo", "--connections", str(size), "--warmup", "1"]
            results = [server.load([*load, "--seconds", "2"]) for _ in range(3)]
            yield size, min(result["server_us"] for result in results)
    finally:
        server.stop()


def _inside() -> Iterable[tuple[str, list[tuple[int, float]]]]:
    """Run the rows that need no network, where sockio's requirements are."""
    command = [
        str(installation.BIN / "python"),
        str(installation.HERE / "growth_inside.py"),
    ]
    environment = {"PYTHONPATH": str(installation.ROOT)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    for line in done.stdout.splitlines():
        result = json.loads(line)
        yield result["title"], result["row"]


if __name__ == "__main__":
    main()
