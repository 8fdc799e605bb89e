"""The command line: ``python -m sockio run module:app``, and other commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sockio.cli.client import HELP
from sockio.cli.conversation import converse
from sockio.cli.doctor import examine
from sockio.cli.findings import as_json, as_text, exit_code
from sockio.cli.web import Place, context_for
from sockio.errors import ConfigError
from sockio.httpd.listening_socket import ListeningSocket
from sockio.httpd.options import RunSettings
from sockio.schema.asyncapi import asyncapi
from sockio.schema.gathering import gather
from sockio.schema.typescript import typescript
from sockio.socket.server.naming import server_named
from sockio.socket.server.workers import check_count, serve_together

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Unpack

    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Raises:
        SystemExit: It has failed; the code is 2 if an argument is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sockio", description="Serve a Socket.IO application."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    given = parser.parse_args(arguments)
    sys.path.insert(0, os.getcwd())
    with _exiting():
        given.do(given)


def _add_command(
    commands: Commands,
    do: Callable[[argparse.Namespace], None],
    *,
    help: str,
    description: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """Add the command that ``do`` runs, and its first argument: an application."""
    command = commands.add_parser(
        do.__name__.strip("_"), help=help, description=description, epilog=epilog
    )
    command.set_defaults(do=do)
    command.add_argument(
        "app",
        metavar="MODULE:NAME",
        help="a sockio.Server, or an application that one is attached to",
    )
    return command


def _add_run(commands: Commands) -> None:
    run = _add_command(
        commands,
        _run,
        help="serve an application",
        description="Serve until Ctrl-C or SIGTERM, with sockio's own HTTP server.",
    )
    run.add_argument(
        "-b",
        "--bind",
        default="127.0.0.1:3000",
        metavar="ADDRESS",
        help='"host:port", a port of all interfaces, "unix:/path", or "systemd" for a '
        "socket that it has opened (%(default)s)",
    )
    run.add_argument(
        "-w",
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="how many processes serve; together they are one server (1)",
    )
    run.add_argument("--certfile", metavar="FILE", help="certificates: serve https")
    run.add_argument("--keyfile", metavar="FILE", help="their key, if not in CERTFILE")


def _run(given: argparse.Namespace) -> None:
    tls = {
        name: value
        for name, value in (("certfile", given.certfile), ("keyfile", given.keyfile))
        if value is not None
    }
    address = int(given.bind) if given.bind.isdecimal() else given.bind
    if check_count(given.workers) == 1:
        server_named(given.app).run(address, **tls)
    else:
        serve_together(address, given.workers, lambda: _Worker(given.app), **tls)


def _add_schema(commands: Commands) -> None:
    schema = _add_command(
        commands,
        _schema,
        help="write the events of an application, with their types",
        description="Write the events of an application, with their types. Nothing is "
        "served.",
    )
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
        sys.stderr.write(f"sockio: not read: {line}\n")
    if given.ts is not None:
        _write(given.ts, typescript(schema))
    if given.asyncapi is not None:
        _write(given.asyncapi, asyncapi(schema, given.app))


def _write(file: str, text: str) -> None:
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"cannot write {file}: {exc.strerror}") from None


def _add_doctor(commands: Commands) -> None:
    doctor = _add_command(
        commands,
        _doctor,
        help="examine an application and its surroundings, and say what to change",
        description="Examine an application, this system, and with --url the server "
        "and the proxies before it. The application is imported here and not served; "
        "its handlers and tasks do not run.",
        epilog="Exit codes: 0, nothing to mend; 1, something does not work; 2, an "
        "argument is wrong; 3, there are warnings.",
    )
    doctor.add_argument(
        "--url",
        help="where clients reach it, as https://example.org: handshakes, polls and a "
        "WebSocket are made there",
    )
    doctor.add_argument(
        "--gunicorn",
        metavar="ARGUMENTS",
        help="that gunicorn is started with, as --gunicorn='-k gevent -w 4'; its file "
        "and GUNICORN_CMD_ARGS are read, too",
    )
    doctor.add_argument("--json", action="store_true", help="write JSON, for scripts")
    _add_tls(doctor)


def _add_tls(command: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that goes to a URL."""
    command.add_argument(
        "--cafile", metavar="FILE", help="certificates of those who may sign the URL's"
    )
    command.add_argument(
        "--insecure", action="store_true", help="check no certificate of the URL"
    )
    command.add_argument(
        "--timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="that each answer may take (%(default)g)",
    )


_CLIENT_EPILOG = """\
examples:
  python -m sockio client http://127.0.0.1:3000
  echo 'ask add 1 2' | python -m sockio client --json 127.0.0.1:3000
  python -m sockio client 127.0.0.1:3000 -n /news --watch </dev/null

exit codes: 0, all went well; 1, something failed; 2, an argument is wrong;
130, Ctrl-C
"""


def _add_client(commands: Commands) -> None:
    client = commands.add_parser(
        "client",
        help="connect to a server as a client does, and talk to it",
        description="Connect to a server. Lines of the input are commands:\n\n" + HELP,
        epilog=_CLIENT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    client.set_defaults(do=_client)
    client.add_argument(
        "url", metavar="URL", help="of the server; http, https, ws, wss"
    )
    client.add_argument(
        "-n",
        "--namespace",
        action="append",
        metavar="NAME",
        help="to join; may be given several times (/)",
    )
    client.add_argument("--auth", metavar="JSON", help="an object, for all namespaces")
    client.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="of each request, such as a cookie; may be given several times",
    )
    client.add_argument(
        "--path", default="/socket.io", help="of the server (%(default)s)"
    )
    client.add_argument(
        "--transports",
        default="polling,websocket",
        metavar="NAMES",
        help="in the order in which they are tried (%(default)s)",
    )
    client.add_argument(
        "--parser",
        choices=("default", "msgpack"),
        default="default",
        help="that of the server (%(default)s)",
    )
    client.add_argument(
        "--watch",
        action="store_true",
        help="stay when the input ends, until the server or Ctrl-C ends it",
    )
    client.add_argument(
        "--json", action="store_true", help="write a JSON object in each line"
    )
    _add_tls(client)


def _client(given: argparse.Namespace) -> None:
    converse(
        _place(given),
        path=given.path,
        headers=given.header,
        namespaces=given.namespace or ["/"],
        auth=given.auth,
        transports=given.transports,
        msgpack=given.parser == "msgpack",
        in_json=given.json,
        watch=given.watch,
    )


def _place(given: argparse.Namespace) -> Place:
    if not 0 < given.timeout < float("inf"):
        raise ConfigError("--timeout: give a number of seconds above 0")
    context = context_for(given.cafile, insecure=given.insecure)
    return Place.of(given.url, context, given.timeout)


def _doctor(given: argparse.Namespace) -> None:
    place = None if given.url is None else _place(given)
    findings = examine(server_named(given.app), place, given.gunicorn)
    sys.stdout.write(as_json(findings) if given.json else as_text(findings))
    sys.stdout.flush()
    if code := exit_code(findings):
        raise SystemExit(code)


#: Each adds a command to the command line.
COMMANDS = (_add_run, _add_client, _add_doctor, _add_schema)


@contextmanager
def _exiting() -> Iterator[None]:
    """End the program with one line if an argument or an option is wrong."""
    try:
        yield
    except ConfigError as exc:
        raise SystemExit(f"sockio: {exc}") from None


class _Worker:
    """An application that is imported in the process that serves it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def run_as_worker(
        self,
        listening: ListeningSocket,
        group: str,
        on_ready: Callable[[], object],
        **options: Unpack[RunSettings],
    ) -> None:
        """Serve until a signal comes."""
        with _exiting():
            lifecycle = server_named(self._name)._lifecycle
            lifecycle.run_as_worker(listening, group, on_ready, **options)


if __name__ == "__main__":
    main()
