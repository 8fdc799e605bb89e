"""Measure how the clients of a worker that was killed return.

returning.py [--clients N] [--workers N] [--transports polling websocket upgrade]
             [--fault kill|reload|stop]

gunicorn serves official clients, some of which say something to all. Then one worker
gets SIGKILL: how long are its clients away, who gets them, and what do the others
notice? Or all workers are reloaded, or one is stopped for some seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
APP = "tests.deployment.apps.crowd:app"
TRANSPORTS = {
    "polling": [["polling"]],
    "websocket": [["websocket"]],
    "upgrade": [["polling", "websocket"]],
    "mixed": [["polling"], ["websocket"], ["polling", "websocket"]],
}
#: What a crowd has told, by when that was.
Told = list[tuple[str, dict[str, Any]]]
#: Seconds for all clients to return.
PATIENCE = 60.0


class Master:
    """gunicorn with some workers."""

    def __init__(self, workers: int, clients: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "--no-control-socket"]
        command += ["-k", "gevent", "-w", str(workers), "--worker-connections"]
        command += [str(4 * clients), "-b", f"127.0.0.1:{self.port}", APP]
        self._process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        self._wait(workers)

    def _wait(self, workers: int) -> None:
        while len(self.workers) < workers:
            time.sleep(0.1)
        time.sleep(2.0)  # they meet

    @property
    def workers(self) -> list[int]:
        """The processes that serve."""
        master = self._process.pid
        text = Path(f"/proc/{master}/task/{master}/children").read_text()
        return [int(pid) for pid in text.split()]

    def reload(self) -> None:
        """Have it replace all workers."""
        self._process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Crowd:
    """The official clients, in one process."""

    def __init__(self, port: int, **options: Any) -> None:
        url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            ["node", "--no-warnings", "crowd.mjs", url, json.dumps(options)],
            cwd=ROOT / "tests" / "js",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.connected = self._read()

    def ask(self, what: str) -> dict[str, Any]:
        """Give the crowd a command; return what it tells."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def measure(transports: str, clients: int, workers: int, fault: str) -> None:
    """Let a fault happen, and print how the clients get over it."""
    master = Master(workers, clients)
    crowd = Crowd(
        master.port,
        clients=clients,
        transports=TRANSPORTS[transports],
        delay=1000,
        longestDelay=5000,
        patience=5000,
    )
    try:
        spoken = crowd.ask("speak")
        before = crowd.ask("returns")["processes"]
        time.sleep(2.0)  # all polls wait again
        during = FAULTS[fault](master, crowd, before)
        end = time.monotonic() + PATIENCE
        while crowd.ask("count")["connected"] < clients and time.monotonic() < end:
            time.sleep(0.5)
        found = crowd.ask("returns")
        again = crowd.ask("speak")
        print(f"{transports}, {fault}: {clients} clients, as {before}")
        tell(before, found)
        for name, heard in (("before", spoken), *during, ("after", again)):
            faults = [heard[each] for each in ("missing", "doubled", "disordered")]
            print(f"  words {name}: missing, doubled, disordered: {faults}")
        print(f"  errors: {again['errors']}", flush=True)
    finally:
        crowd.close()
        master.close()


def kill(master: Master, crowd: Crowd, before: dict[str, int]) -> Told:
    """Kill the worker that has most clients."""
    os.kill(int(max(before, key=lambda pid: before[pid])), signal.SIGKILL)
    wait_until_some_are_away(crowd)
    return []


def reload(master: Master, crowd: Crowd, before: dict[str, int]) -> Told:
    """Have gunicorn replace all workers."""
    master.reload()
    while set(map(str, master.workers)) & before.keys():
        time.sleep(0.1)
    return []


def stop(master: Master, crowd: Crowd, before: dict[str, int]) -> Told:
    """Stop a worker, while clients speak."""
    stopped = int(max(before, key=lambda pid: before[pid]))
    os.kill(stopped, signal.SIGSTOP)
    meanwhile = crowd.ask("speak")
    os.kill(stopped, signal.SIGCONT)
    time.sleep(5.0)
    return [("while it stands", meanwhile), ("in the end", crowd.ask("count"))]


def wait_until_some_are_away(crowd: Crowd) -> None:
    while not crowd.ask("count")["disconnects"]:
        time.sleep(0.05)


#: What a fault does; it returns what the crowd has told meanwhile.
FAULTS: dict[str, Callable[[Master, Crowd, dict[str, int]], Told]] = {
    "kill": kill,
    "reload": reload,
    "stop": stop,
}


def tell(before: dict[str, int], found: dict[str, Any]) -> None:
    """Print who was away, how long, and where the clients are now."""
    away = sorted(found["returns"])
    if away:
        print(
            f"  returned: {len(away)}; p50 {at(away, 50)}, p99 {at(away, 99)}, "
            f"at most {away[-1]} ms"
        )
    after = found["processes"]
    old = [count for pid, count in after.items() if pid in before]
    new = [count for pid, count in after.items() if pid not in before]
    print(f"  now with old workers: {old}; with new ones: {new}")


def at(numbers: list[int], percent: int) -> int:
    """Return a percentile."""
    return numbers[min(len(numbers) - 1, len(numbers) * percent // 100)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--transports", nargs="+", default=["polling", "websocket"])
    parser.add_argument("--fault", choices=FAULTS, default="kill")
    given = parser.parse_args()
    for transports in given.transports:
        measure(transports, given.clients, given.workers, given.fault)


if __name__ == "__main__":
    main()
