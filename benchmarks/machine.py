"""What the machine is doing: the CPU time of our processes, and of all others."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")

#: The CPUs of the servers and of the load generator; the same if there is only one.
SERVER_CPU, LOAD_CPU = 0, min(1, (os.cpu_count() or 1) - 1)


def server_cpus(count: int) -> frozenset[int]:
    """Return the CPUs of a server: that of the load generator only if it must be."""
    others = {*range(os.cpu_count() or 1)} - {SERVER_CPU, LOAD_CPU}
    return frozenset([SERVER_CPU, *sorted(others), LOAD_CPU][:count])


def raise_file_limit() -> None:
    """Allow as many open files as the hard limit does; children inherit this."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Times(NamedTuple):
    """CPU seconds."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system


def _stat(pid: int | str) -> list[str]:
    """Return /proc/PID/stat from the state on, [] when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The program's name stands in brackets and may contain anything.
    return text[text.rindex(")") + 2 :].split()


def family(pid: int) -> list[int]:
    """Return `pid` and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(entry.name)):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found = [pid]
    for member in found:
        found.extend(children.get(member, ()))
    return found


def times(pids: list[int]) -> Times:
    """Return what the processes have used together, to a tick."""
    stats = [stat for pid in pids if (stat := _stat(pid))]
    return Times(
        sum(int(stat[11]) for stat in stats) / TICKS,
        sum(int(stat[12]) for stat in stats) / TICKS,
    )


def busy(cpu: int) -> float:
    """Return the seconds in which `cpu` was not idle, since boot."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{cpu}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
            used = (user, nice, system, irq, softirq, steal)
            return sum(map(int, used)) / TICKS
    return 0.0


class Watch:
    """Watches the CPUs while the load generator, a child of ours, runs once."""

    def __init__(self, server: list[int], cpus: frozenset[int]) -> None:
        self._server = server
        self._cpus = cpus
        self._began = time.monotonic()
        self._before = self._read()

    def foreign(self) -> float:
        """Return the share that others took of a CPU.

        It is the larger one of server and load generator, unless these share a CPU.
        """
        elapsed = time.monotonic() - self._began
        pairs = zip(self._read(), self._before, strict=True)
        return round(
            max(0.0, *(after - before for after, before in pairs)) / elapsed, 3
        )

    def _read(self) -> list[float]:
        """Return how many seconds the CPUs have worked for neither server nor load."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        load = children.ru_utime + children.ru_stime
        server = times(self._server).total
        of_server = sum(map(busy, self._cpus)) - server
        if LOAD_CPU in self._cpus:
            return [of_server - load]
        return [of_server, busy(LOAD_CPU) - load]


def description() -> dict[str, str]:
    """Say on what machine this is."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cpus": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
