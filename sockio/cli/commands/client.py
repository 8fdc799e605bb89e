"""``client``: connects to a server as a client does, and talks to it."""

from __future__ import annotations

import argparse

from sockio.cli.client import HELP
from sockio.cli.conversation import converse
from sockio.cli.link import Dialer

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
  python -m sockio client http://127.0.0.1:3000
  python -m sockio client https://chat.example.org --auth '{"token": "t"}' -n /news
  echo 'ask add 1 2' | python -m sockio client --json 127.0.0.1:3000
  python -m sockio client 127.0.0.1:3000 -n /news --watch </dev/null

exit codes: 0, all went well; 1, something failed; 2, an argument is wrong;
130, Ctrl-C
"""


def add(commands: Commands) -> None:
    """Add the command."""
    client = add_command(
        commands,
        "client",
        _client,
        help="connect to a server as a client does, and talk to it",
        description="Connect to a server. Lines of the input are commands:\n\n" + HELP,
        epilog=_EXAMPLES,
    )
    add_client(client, "polling,websocket")
    client.add_argument(
        "--watch",
        action="store_true",
        help="stay when the input ends, until the server or Ctrl-C ends it",
    )
    client.add_argument(
        "--json", action="store_true", help="write a JSON object in each line"
    )


def _client(given: argparse.Namespace) -> None:
    converse(
        Dialer(**link_options(given)),
        namespaces_of(given),
        auth_of(given),
        in_json=given.json,
        watch=given.watch,
    )
