"""``schema``: writes the events of an application, with their types."""

from __future__ import annotations

import argparse
from pathlib import Path

from sockio.cli.output import write
from sockio.errors import ConfigError
from sockio.runtime.standard_streams import say
from sockio.schema.asyncapi import asyncapi
from sockio.schema.gathering import gather
from sockio.schema.typescript import typescript
from sockio.socket.server.naming import server_named

from .parts import Commands, add_application, add_command

__all__ = ["add"]

_EXAMPLES = """\
examples:
  python -m sockio schema chat:io --ts
  python -m sockio schema chat:io --ts web/events.ts --asyncapi docs/asyncapi.json
  python -m sockio schema chat:io --asyncapi - | jq .channels

exit codes: 0, it is written; 1, your module failed; 2, an argument is wrong
"""


def add(commands: Commands) -> None:
    """Add the command."""
    schema = add_command(
        commands,
        "schema",
        _schema,
        help="write the events of an application, with their types",
        description="Write the events of an application, with their types. Nothing is "
        "served.",
        epilog=_EXAMPLES,
    )
    add_application(schema)
    schema.add_argument(
        "--ts",
        nargs="?",
        const="events.ts",
        metavar="FILE",
        help="for the JavaScript client, in TypeScript (%(const)s); - is the terminal",
    )
    schema.add_argument(
        "--asyncapi",
        nargs="?",
        const="asyncapi.json",
        metavar="FILE",
        help="as a document of AsyncAPI 3 (%(const)s); - is the terminal",
    )


def _schema(given: argparse.Namespace) -> None:
    if given.ts is None and given.asyncapi is None:
        raise ConfigError("schema: say what to write: --ts, --asyncapi or both")
    schema = gather(server_named(given.app))
    for line in schema.unread:
        say(f"sockio: not read: {line}\n")
    if given.ts is not None:
        _write(given.ts, typescript(schema))
    if given.asyncapi is not None:
        _write(given.asyncapi, asyncapi(schema, given.app))


def _write(file: str, text: str) -> None:
    if file == "-":
        write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"cannot write {file}: {exc.strerror}") from None
