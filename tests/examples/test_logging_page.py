"""The page about logs: its code writes what it shows, and its tables are whole."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys

import pytest

from sockio.runtime.log_fields import NAMES
from sockio.runtime.refusals import CAUSES
from tests.support.deployed import ROOT

from .test_docs import blocks

PAGE = ROOT / "docs" / "logging.rst"
TEXT = PAGE.read_text("utf-8")
#: A client asks for a transport that there is not.
REFUSAL = """
import sockio

def start_response(*_):
    pass

io = sockio.Server()
environ = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/socket.io/",
    "QUERY_STRING": "transport=pigeon",
    "REMOTE_ADDR": "192.0.2.7",
}
io(environ, start_response)
"""


def printed(*programs: str) -> str:
    """Run some code in a process of its own; return what it writes about itself."""
    program = "\n".join(programs)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ran.stderr


def block(page: str, word: str) -> str:
    """Return the only Python code of a page that has this word."""
    (found,) = [each for each in blocks(ROOT / "docs" / page) if word in each]
    return found


def table(heading: str) -> list[list[str]]:
    """Return the first two columns of the table below a heading."""
    section = TEXT.split(f"\n{heading}\n---")[1]
    rows = section.split("\n==")[2].splitlines()[1:]
    return [re.split(r"  +", row)[:2] for row in rows if row.startswith("``")]


@pytest.mark.parametrize("word", ["class JsonFormatter", "pythonjsonlogger"])
def test_json_is_written_as_shown(word: str) -> None:
    (shown,) = blocks(PAGE, "json")
    expected = json.loads(shown)

    line = json.loads(printed(block("logging.rst", word), REFUSAL))

    assert line.pop("time")
    assert expected.pop("time")
    assert line == expected


def test_a_traceback_is_json_too() -> None:
    failing = "sockio.Server()\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    "
    failing += 'logging.getLogger("sockio.server").exception("it failed")'

    program = block("logging.rst", "class JsonFormatter")
    line = json.loads(printed(program, "import sockio", failing))

    assert line["traceback"].startswith("Traceback (most recent call last):\n")
    assert line["traceback"].endswith("ZeroDivisionError: division by zero")


def test_a_format_with_a_field_is_written() -> None:
    told = printed(block("logging.rst", "defaults="), REFUSAL)

    assert re.match(r"[-0-9]+ [0-9:,]+ INFO 192\.0\.2\.7 refused with code 0", told)


def test_the_table_of_fields_is_whole() -> None:
    assert {name.strip("`") for name, _ in table("Fields")} == set(NAMES)


def test_the_table_of_refusals_is_whole() -> None:
    named = {code.strip("`"): level for code, level in table("Refusals")}

    assert named == {
        code: logging.getLevelName(cause.level) for code, cause in CAUSES.items()
    }


def test_the_setting_of_django_works() -> None:
    program = "import logging.config, sockio.engine.server"
    configured = block("django.rst", "LOGGING = {")

    told = printed(program, configured, "logging.config.dictConfig(LOGGING)", REFUSAL)

    assert "INFO sockio.engine.server: refused with code 0" in told


def test_the_configuration_of_flask_works() -> None:
    configured = block("flask.rst", "dictConfig(")
    emit = 'app.logger.info("a page of ours")'

    told = printed("import sockio.engine.server", configured, emit, REFUSAL)

    assert "INFO shop: a page of ours" in told
    assert "INFO sockio.engine.server: refused with code 0" in told
