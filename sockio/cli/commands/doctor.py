"""``doctor``: examines an application and its surroundings, and says what to change."""

from __future__ import annotations

import argparse

from sockio.cli.doctor import examine
from sockio.cli.findings import as_json, as_rows, exit_code
from sockio.cli.output import write
from sockio.cli.screen import Screen
from sockio.socket.server.naming import server_named

from .parts import Commands, add_application, add_command, add_place, place_of

__all__ = ["add"]

_EXAMPLES = """\
examples:
  python -m sockio doctor chat:io
  python -m sockio doctor chat:app --gunicorn='-k gevent -w 4 --keep-alive 75'
  python -m sockio doctor chat:io --url https://chat.example.org
  python -m sockio doctor chat:io --json | jq -r '.findings[].advice'

exit codes: 0, nothing to mend; 1, something does not work; 2, an argument is wrong;
3, there are warnings
"""


def add(commands: Commands) -> None:
    """Add the command."""
    doctor = add_command(
        commands,
        "doctor",
        _doctor,
        help="examine an application and its surroundings, and say what to change",
        description="Examine an application, this system, and with --url the server "
        "and the proxies before it.\nThe application is imported here and not served; "
        "its handlers and tasks do not run.",
        epilog=_EXAMPLES,
    )
    add_application(doctor)
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
    add_place(doctor)


def _doctor(given: argparse.Namespace) -> None:
    place = None if given.url is None else place_of(given)
    findings = examine(server_named(given.app), place, given.gunicorn)
    if given.json:
        write(as_json(findings))
    else:
        screen = Screen()
        for level, line in as_rows(findings):
            screen.write(line, level)
    if code := exit_code(findings):
        raise SystemExit(code)
