"""``run``: serves an application; with ``--reload`` again when its code has changed."""

from __future__ import annotations

import argparse
import ssl
from pathlib import Path

from sockio.cli.project import Project
from sockio.cli.reloading import check_installed, serve_reloaded
from sockio.cli.reports import Reports
from sockio.cli.serving import Program
from sockio.errors import ConfigError
from sockio.httpd.access_log import check
from sockio.httpd.listening_socket import shown
from sockio.httpd.options import RunSettings
from sockio.socket.server.workers import check_count

from .parts import Commands, add_application, add_command

__all__ = ["add"]

_EXAMPLES = """\
examples:
  python -m sockio run chat:io                        the Server named io in chat.py
  python -m sockio run chat:io --reload               start again when a file is saved
  python -m sockio run mysite.app:app -w 4 -b 0.0.0.0:3000
                                                      four processes, one server
  python -m sockio run chat:io -b unix:/run/chat.sock
  python -m sockio run chat:io -b 3443 --certfile cert.pem --keyfile key.pem

exit codes: 0, a signal has ended it; 1, it cannot serve; 2, an argument is wrong
"""


def add(commands: Commands) -> None:
    """Add the command."""
    run = add_command(
        commands,
        "run",
        _run,
        help="serve an application",
        description="Serve until Ctrl-C or SIGTERM, with sockio's own HTTP server.",
        epilog=_EXAMPLES,
    )
    add_application(run)
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
    run.add_argument(
        "--access-logfile",
        metavar="FILE",
        help="write a line for each request there; - is standard output",
    )
    run.add_argument(
        "--access-logformat",
        metavar="FORMAT",
        help="of these lines, with the words of gunicorn's option of that name",
    )
    _add_reload(run)


def _add_reload(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--reload",
        action="store_true",
        help="for development: start again when a module or a template has changed; "
        "pip install 'sockio[cli]'",
    )
    run.add_argument(
        "--reload-dir",
        action="append",
        default=[],
        metavar="FOLDER",
        help="one more that belongs to the project, beside the one you are in",
    )
    run.add_argument(
        "--reload-include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="other files that count, as '*.toml'",
    )
    run.add_argument(
        "--reload-exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="files that do not count, as 'generated/*'",
    )
    # What the process that reloads gives to the one that serves.
    run.add_argument("--reloaded", help=argparse.SUPPRESS)


def _run(given: argparse.Namespace) -> None:
    program = Program(
        app=given.app,
        address=int(given.bind) if given.bind.isdecimal() else given.bind,
        workers=check_count(given.workers),
        options={
            **_tls(given.certfile, given.keyfile),
            **_access_log(given.access_logfile, given.access_logformat),
        },
    )
    shown(program.address)  # or it is none
    if given.reloaded is not None:
        program.serve(Reports.given(given.reloaded))
        return
    project = Project(
        [Path.cwd(), *map(_folder, given.reload_dir)],
        included=given.reload_include,
        excluded=given.reload_exclude,
    )
    if given.reload:
        check_installed()
        serve_reloaded(program.address, project)
    elif given.reload_dir or given.reload_include or given.reload_exclude:
        raise ConfigError("--reload-dir, -include and -exclude need --reload")
    else:
        program.serve()


def _folder(name: str) -> Path:
    path = Path(name)
    if not path.is_dir():
        raise ConfigError(f"--reload-dir {name}: this is no folder")
    return path


def _tls(certfile: str | None, keyfile: str | None) -> RunSettings:
    """Return the options for TLS, of files that can be used.

    Raises:
        ConfigError: They cannot.
    """
    if certfile is None:
        if keyfile is not None:
            raise ConfigError("--keyfile needs --certfile beside it")
        return {}
    asked = _Password()
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certfile, keyfile, asked)
    except (OSError, ValueError) as exc:
        if not asked.wanted:
            raise ConfigError(_told(exc, certfile, keyfile)) from None
    return {"certfile": certfile, "keyfile": keyfile}


def _access_log(file: str | None, format: str | None) -> RunSettings:
    """Return the options for an access log.

    Raises:
        ConfigError: The format is wrong, or there is no file for it.
    """
    if file is None:
        if format is not None:
            raise ConfigError("--access-logformat needs --access-logfile beside it")
        return {}
    check(file, format)
    return {"log": file, "access_log_format": format}


class _Password:
    """Notes that the key has a password, for which the process that serves will ask."""

    def __init__(self) -> None:
        self.wanted = False

    def __call__(self) -> str:
        self.wanted = True
        return ""


def _told(exc: Exception, certfile: str, keyfile: str | None) -> str:
    files = f"--certfile {certfile}" + (f" --keyfile {keyfile}" if keyfile else "")
    if isinstance(exc, ssl.SSLError):
        if exc.reason == "KEY_VALUES_MISMATCH":
            return f"{files}: the key belongs to another certificate"
        advice = "" if keyfile else ", or give its key with --keyfile"
        return f"{files}: give files in PEM{advice}"
    return f"{files}: {exc.strerror if isinstance(exc, OSError) else exc}"
