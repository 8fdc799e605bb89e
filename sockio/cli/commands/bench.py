"""``bench``: many clients of one server, and how quickly they are answered."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from typing import Any

from sockio.cli.client import interrupted_here
from sockio.cli.command_lines import arguments_in, words_in
from sockio.cli.exit_codes import FAILED, INTERRUPTED
from sockio.cli.link import Dialer
from sockio.cli.load import TOKEN, Load, Plan
from sockio.cli.load_client import Tally
from sockio.cli.load_result import as_json, as_rows, failed
from sockio.cli.output import write
from sockio.cli.screen import Screen
from sockio.errors import ConfigError
from sockio.protocol.socketio.packet import RESERVED_EVENTS

from .parts import (
    Commands,
    add_client,
    add_command,
    auth_of,
    link_options,
    namespaces_of,
)

__all__ = ["add"]

_EXAMPLES = """\
examples:
  python -m sockio bench 127.0.0.1:3000
      ten clients connect and ping for ten seconds, as fast as they are answered
  python -m sockio bench 127.0.0.1:3000 --event 'add 1 2' --clients 100 --rate 500
      500 events a second, which a listener of the server acknowledges
  python -m sockio bench 127.0.0.1:3000 --event 'say %token' --heard said --rate 20
      20 a second, which the server emits to the other clients as "said"
  python -m sockio bench https://example.org -n /chat --transport polling --json

exit codes: 0, nothing went wrong; 1, there were errors; 2, an argument is wrong;
130, Ctrl-C: what was measured up to then is told
"""
#: Events a second that others are to hear, if nothing is said.
_HEARD_RATE = 10.0
#: Most clients.
_MOST = 100_000
#: Descriptors that a client needs, and this program for itself.
_FOR_EACH, _FOR_ITSELF = {"polling": 2, "websocket": 1, "polling,websocket": 3}, 64


def add(commands: Commands) -> None:
    """Add the command."""
    bench = add_command(
        commands,
        "bench",
        _bench,
        help="load a server with many clients, and measure how it answers",
        description="Connect many clients, let them send, and tell how long the "
        "answers took.\nDo this to servers of your own.",
        epilog=_EXAMPLES,
    )
    add_client(bench, "websocket")
    bench.add_argument(
        "--clients",
        type=int,
        default=10,
        metavar="N",
        help="how many connect (%(default)s)",
    )
    bench.add_argument(
        "--duration",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="for which they send (%(default)g)",
    )
    bench.add_argument(
        "--rate",
        type=float,
        metavar="N",
        help="events a second, of all clients together; each is timed from its moment, "
        "even if it is sent late. Without it, each client sends again when it is "
        f"answered; with --heard {_HEARD_RATE:g}",
    )
    bench.add_argument(
        "--event",
        metavar="'NAME [ARG ...]'",
        help="to send, with arguments as in the client's lines; the server "
        "acknowledges it. Without it, clients ping",
    )
    bench.add_argument(
        "--heard",
        metavar="NAME",
        help="the event by which all other clients hear of it; put %%token where its "
        "arguments pass it on",
    )
    bench.add_argument("--json", action="store_true", help="write JSON, for scripts")


def _bench(given: argparse.Namespace) -> None:
    plan = _plan(given)
    dialer = Dialer(**link_options(given))
    _allow(plan.clients * _FOR_EACH[given.transports] + _FOR_ITSELF)
    load = Load(dialer, plan)
    interrupted = False
    try:
        with interrupted_here(), closing(load), Screen(error=True).bar() as bar:
            load.run(lambda what, done, tally: bar(what, done, _news(tally)))
    except KeyboardInterrupt:
        interrupted = True
    if given.json:
        write(as_json(load, interrupted=interrupted))
    else:
        screen = Screen()
        for kind, line in as_rows(load, interrupted=interrupted):
            screen.write(line, kind)
    if interrupted:
        raise SystemExit(INTERRUPTED)
    if failed(load):
        raise SystemExit(FAILED)


def _news(tally: Tally) -> str:
    errors = tally.failures.total()
    return f"{tally.answering.count:,} answers, {errors:,} errors"


def _plan(given: argparse.Namespace) -> Plan:
    if not 1 <= given.clients <= _MOST:
        raise ConfigError(f"--clients {given.clients}: give a number from 1 to {_MOST}")
    _check_above_0("--duration", given.duration, "seconds")
    rate = given.rate
    if rate is None and given.heard is not None:
        rate = _HEARD_RATE
    if rate is not None:
        _check_above_0("--rate", rate, "events a second")
    event = None if given.event is None else _event(given.event)
    if given.heard is not None:
        if event is None or TOKEN not in given.event:
            raise ConfigError(
                f"--heard needs --event with {TOKEN} among its arguments, which the "
                "server passes on: --event 'say %token' --heard said"
            )
        if given.clients == 1:
            raise ConfigError("--heard: nobody else is there; give --clients 2 or more")
    return Plan(
        clients=given.clients,
        duration=given.duration,
        rate=rate,
        namespaces=namespaces_of(given),
        auth=auth_of(given),
        event=event,
        heard=given.heard,
    )


def _check_above_0(option: str, value: float, unit: str) -> None:
    if not 0 < value < float("inf"):
        raise ConfigError(f"{option} {value:g}: give a number of {unit} above 0")


def _event(text: str) -> list[Any]:
    name, values = words_in(text, 1)
    if not name or name in RESERVED_EVENTS:
        raise ConfigError(f"--event {text!r}: give the name of an event, 'add 1 2'")
    return [name, *arguments_in(values)]


def _allow(descriptors: int) -> None:
    """Have the system allow so many.

    Raises:
        ConfigError: It does not.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= descriptors:
        return
    if hard != unlimited and hard < descriptors:
        raise ConfigError(
            f"so many clients need {descriptors} descriptors, and the system allows "
            f"{hard}: ulimit -n {descriptors}, as root, or fewer --clients"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
