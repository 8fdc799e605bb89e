"""See where a server's time goes in one scenario: by floor, by function, as an SVG.

profile.py [SCENARIO] [--server sockio] [--seconds 5] [--svg profile.svg]

py-spy attaches to the running server, so this needs the right to trace processes: run
it as root, or set kernel.yama.ptrace_scope to 0.

sockio runs as plain Python here: a sampler that reads Python's stacks cannot see
compiled code, and one that reads C's stacks loses its way between greenlets.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import installation
import machine
from floors import FLOORS, floor_of, is_waiting, parse
from scenarios import SCENARIOS, WARM_UP, Scenario
from servers import KINDS, LoadError, Server

#: Samples a second. A prime, so that nothing periodic hides between them.
RATE = 499
TOP = 20


class Traffic:
    """The load generator, at work until told to stop."""

    def __init__(self, server: Server, scenario: Scenario, seconds: float) -> None:
        self.results: list[dict[str, Any]] = []
        self._server = server
        self._command = scenario.command(seconds)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Return when the run that is under way has ended."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.results.append(self._server.load(self._command))
        except LoadError as exc:
            print(exc, file=sys.stderr)


def main() -> int:
    """Profile and print; return 1 if no load could be put on the server."""
    arguments = _arguments()
    scenario, seconds = SCENARIOS[arguments.scenario], arguments.seconds
    machine.raise_file_limit()
    installation.load_generator()
    installation.python()
    server = Server(arguments.server, KINDS[arguments.server])
    server.environment = {
        **scenario.environment,
        "PYTHONPATH": str(installation.plain_sockio()),
    }
    raw = installation.LOGS / "profile.txt"
    try:
        server.start()
        for load in WARM_UP:
            server.load(load.split())
        traffic = Traffic(server, scenario, 2 * seconds + 2)
        time.sleep(_opening(scenario))
        # The worker is the youngest: under gunicorn the first process only watches it.
        pid = server.pids[-1]
        before = machine.times([pid])
        _record(pid, seconds, "raw", raw)
        after = machine.times([pid])
        _record(pid, seconds, "flamegraph", arguments.svg)
        traffic.stop()
    finally:
        server.stop()
    if not traffic.results:
        return 1
    _print(raw.read_text(), traffic.results[0])
    system = (after.system - before.system) / max(after.total - before.total, 1e-9)
    print(
        f"\nIn the kernel: {system:.0%} of the CPU time. Flame graph: {arguments.svg}"
    )
    return 0


def _opening(scenario: Scenario) -> float:
    """Guess the seconds until all clients of a scenario are connected and warm."""
    if not scenario.timed:
        return 0.1
    found = re.search(r"--connections (\d+)", scenario.load)
    return 1 + int(found[1]) / 1000 if found else 1


def _record(pid: int, seconds: float, form: str, output: Path) -> None:
    command = [str(installation.BIN / "py-spy"), "record", "--pid", str(pid)]
    command += ["--rate", str(RATE), "--duration", str(max(1, round(seconds)))]
    command += ["--format", form, "--output", str(output), "--full-filenames"]
    # Stopping the process for each sample would make system calls look dearer.
    command.append("--nonblocking")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"py-spy: {done.stderr.strip()}")


def _print(raw: str, result: dict[str, Any]) -> None:
    floors: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for sample in raw.splitlines():
        stack, _, count = sample.rpartition(" ")
        frames = parse(stack)
        if is_waiting(frames):
            continue
        inner = frames[-1]
        floors[floor_of(frames)] += int(count)
        functions[f"{inner.function} ({inner.file})"] += int(count)
        lines[f"{inner.function} ({inner.file}:{inner.line})"] += int(count)
    total = floors.total()
    cost = result["server_us"]
    print(f"{result['rate']:,.0f} {result['unit']} a second while watched, ", end="")
    print(f"{cost:.2f} us of CPU each; {total} samples\n")
    for name, meaning in FLOORS.items():
        share = floors[name] / total if total else 0
        print(f"  {name:9} {share:6.1%} {share * cost:8.2f} us   {meaning}")
    for title, counter in (("functions", functions), ("lines", lines)):
        print(f"\nWhere samples were taken: {title}")
        for place, taken in counter.most_common(TOP):
            print(f"  {taken / total:6.1%} {taken / total * cost:8.2f} us   {place}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    python = [name for name, kind in KINDS.items() if kind.needs is installation.python]
    parser.add_argument(
        "scenario", nargs="?", default="echo-100", choices=SCENARIOS, metavar="SCENARIO"
    )
    parser.add_argument("--server", default="sockio", choices=python)
    parser.add_argument("--seconds", type=float, default=5.0, help="watched (5), twice")
    parser.add_argument("--svg", type=Path, default=installation.FOLDER / "profile.svg")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
