"""The command line: ``python -m sockio run module:app``, and other commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from sockio.cli.commands import bench, client, doctor, run, schema
from sockio.cli.exit_codes import telling_mistakes

__all__ = ["main"]

#: The commands, in the order in which they are shown.
COMMANDS = (run, client, bench, doctor, schema)

_EXAMPLES = """\
examples:
  python -m sockio run chat:io --reload               while you write it
  python -m sockio run chat:io -w 4 -b 0.0.0.0:3000   four processes, one server
  python -m sockio client http://127.0.0.1:3000       talk to it
  python -m sockio bench 127.0.0.1:3000 --clients 50  load it
  python -m sockio doctor chat:io                     what should be changed?
  python -m sockio schema chat:io --ts                types for the JavaScript client
  python -m sockio COMMAND --help                     more examples
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Raises:
        SystemExit: It has failed; the code is 2 if an argument is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sockio",
        description="Serve a Socket.IO application, talk to one, examine one.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    given = parser.parse_args(arguments)
    sys.path.insert(0, os.getcwd())
    with telling_mistakes():
        given.do(given)


if __name__ == "__main__":
    main()
