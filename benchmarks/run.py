"""Measure sockio beside other servers of Socket.IO, and print the ratios.

Sets up everything it needs on first use (gcc and network access are needed then). A
server whose toolchain (npm, Go, Rust) is not on this machine is left out. The servers
take turns within each scenario, and the scenarios within each repetition, so that a
machine that changes its speed changes it for all.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import installation
import machine
import versions
from report import text
from results import Run, fault
from scenarios import FIRST_TOUCH, SCENARIOS, WARM_UP, Scenario, group
from servers import KINDS, Kind, LoadError, Server
from toolchains import BuildError, MissingError

#: A run in which others took more than this share of a CPU is repeated.
FOREIGN_LIMIT = 0.10
ATTEMPTS = 3


def main() -> int:
    """Do what the command line asks for; return 1 when a server answered wrongly."""
    arguments = _arguments()
    machine.raise_file_limit()
    kinds = dict(KINDS)
    for extra in arguments.add:
        name, _, command = extra.partition("=")
        kinds[name] = Kind(command)
        arguments.servers.append(name)
    _require(arguments.servers, kinds, "server")
    _require(arguments.scenarios, SCENARIOS, "scenario")
    scenarios = [SCENARIOS[name] for name in arguments.scenarios]
    try:
        names = _build(arguments.servers, kinds)
    except BuildError as exc:
        sys.exit(str(exc))
    runs: list[Run] = []
    installation.FOLDER.mkdir(parents=True, exist_ok=True)
    with open(arguments.out, "a") as out:
        revision = versions.revision()
        _write(out, {"machine": {**machine.description(), "revision": revision}})
        _write(out, {"versions": _versions(names, kinds)})
        for repetition in range(arguments.reps):
            servers = [Server(name, kinds[name]) for name in names]
            runs += _repeat(repetition, servers, scenarios, arguments.seconds, out)
    print(text(runs))
    return int(any(fault(run.result) for run in runs))


def _repeat(
    repetition: int,
    servers: list[Server],
    scenarios: list[Scenario],
    seconds: float,
    out: TextIO,
) -> list[Run]:
    """Run every scenario once on every server."""
    runs = []
    try:
        for server in servers:
            _start(server, WARM_UP)
        for scenario in scenarios:
            # The server that comes first now comes last in the next repetition.
            for server in reversed(servers) if repetition % 2 else servers:
                if not server.can(scenario.needs):
                    continue
                result = _measure(server, scenario, seconds)
                run = Run(server.name, scenario.name, repetition, result)
                runs.append(run)
                _write(out, {"run": {f: getattr(run, f) for f in run.__slots__}})
                _tell(run)
    finally:
        for server in servers:
            server.stop()
    return runs


def _start(server: Server, warm_up: tuple[str, ...]) -> None:
    try:
        server.start()
        for load in warm_up:
            polls = "polling" in load or "upgrade" in load
            if not polls or server.can(frozenset({"polling"})):
                server.load(load.split())
        server.settle()
    except LoadError as exc:
        print(exc, file=sys.stderr)


def _measure(server: Server, scenario: Scenario, seconds: float) -> dict[str, Any]:
    """Return the quietest of a few attempts, or {"failed": why}."""
    best: dict[str, Any] = {}
    other = server.environment != scenario.environment
    if scenario.fresh or other or not server.alive:
        server.stop()
        server.environment = dict(scenario.environment)
        _start(server, FIRST_TOUCH if scenario.fresh else WARM_UP)
    for _ in range(ATTEMPTS):
        try:
            result = server.load(scenario.command(seconds))
        except LoadError as exc:
            return {"failed": str(exc)}
        server.settle()
        if not best or result["foreign"] < best["foreign"]:
            best = result
        # A fresh server is fresh only once.
        if scenario.fresh or best["foreign"] <= FOREIGN_LIMIT:
            break
    if scenario.fresh:
        server.stop()
        _start(server, WARM_UP)
    return best


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    groups = list(dict.fromkeys(scenario.group for scenario in SCENARIOS.values()))
    parser.add_argument("--reps", type=int, default=3, help="repetitions (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a window (2)")
    parser.add_argument(
        "--servers",
        type=_names,
        default=list(KINDS),
        help=f"comma separated, of: {', '.join(KINDS)}",
    )
    parser.add_argument(
        "--scenarios",
        type=_scenarios,
        default=group("usual"),
        help=f"comma separated, of the groups {', '.join(groups)}, "
        f"or of {', '.join(SCENARIOS)}",
    )
    parser.add_argument(
        "--add",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="one more server; {port} in its command is replaced",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=installation.FOLDER / "results.jsonl",
        help="file to which every run is appended (%(default)s)",
    )
    return parser.parse_args()


def _names(value: str) -> list[str]:
    return [name for name in value.split(",") if name]


def _scenarios(value: str) -> list[str]:
    """Read names; replace the name of a group by the names of its scenarios."""
    names = [found for name in _names(value) for found in group(name) or [name]]
    return list(dict.fromkeys(names))


def _require(names: list[str], known: dict[str, Any], what: str) -> None:
    for name in names:
        if name not in known:
            sys.exit(f"unknown {what} {name}; there are: {', '.join(known)}")


def _build(names: list[str], kinds: dict[str, Kind]) -> list[str]:
    """Set up the servers; return the names of those that this machine can run."""
    installation.load_generator()
    made: dict[Callable[[], None], str] = {}
    found = []
    for name in names:
        needs = kinds[name].needs
        if needs and needs not in made:
            made[needs] = _make(needs)
        missing = made[needs] if needs else ""
        if missing:
            print(f"{name} is left out: {missing}", file=sys.stderr)
        else:
            found.append(name)
    return found


def _make(needs: Callable[[], None]) -> str:
    """Return what is missing for it, "" if nothing is."""
    try:
        needs()
    except MissingError as exc:
        return str(exc)
    return ""


def _versions(names: list[str], kinds: dict[str, Kind]) -> dict[str, str]:
    asked = {name: kinds[name].version for name in names}
    return {name: version() for name, version in asked.items() if version}


def _write(out: TextIO, line: dict[str, Any]) -> None:
    out.write(json.dumps({"at": round(time.time(), 1), **line}) + "\n")
    out.flush()


def _tell(run: Run) -> None:
    """Print one line as the run ends, for those who wait."""
    result = run.result
    figures = ", ".join(
        f"{key} {result[key]:,.1f}"
        for key in ("rate", "server_us", "p50_us", "p99_us", "kib_each", "foreign")
        if key in result
    )
    line = f"{run.repetition} {run.scenario:16} {run.server:26} {figures}"
    print(f"{line} {fault(result)}".rstrip(), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
