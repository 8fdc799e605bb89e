"""README and docs tell the truth: their code runs, the tests that they name exist."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from datetime import datetime, timezone
from inspect import signature
from pathlib import Path
from typing import Any

import gevent
import pytest

import sockio
from sockio.runtime.observers import HOOKS, Observer
from tests.support.json_process import DriverError
from tests.support.node import Driver, JsClient

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.rst"), *(ROOT / "docs").glob("*.rst")])
BLOCK = r"^\.\. code-block:: {}\n\n((?:    .*\n|\n)+)"
NAMED_TEST = re.compile(r"``([\w/]+\.py)``: ``(test_\w+)``")
LISTEN = 'if __name__ == "__main__":\n    io.run("127.0.0.1:3000")'

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(page: Path, language: str = "python") -> list[str]:
    """Return the code of a page in one language, block by block."""
    found = re.findall(BLOCK.format(language), page.read_text("utf-8"), re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


@every_page
def test_code_can_be_compiled(page: Path) -> None:
    for block in blocks(page):
        compile(block, page.name, "exec")


def test_the_list_of_features_names_tests_that_exist() -> None:
    named = NAMED_TEST.findall((ROOT / "docs" / "features.rst").read_text("utf-8"))
    assert len(named) > 50

    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert f"def {test}(" in path.read_text("utf-8"), test


def test_the_page_of_observers_names_what_they_are_told() -> None:
    page = (ROOT / "docs" / "observers.rst").read_text("utf-8")
    named = set(re.findall(r"^``(\w+\(.*?\))``", page, re.MULTILINE))

    expected = {
        f"{hook}({', '.join(list(signature(getattr(Observer, hook)).parameters)[1:])})"
        for hook in HOOKS
    }
    assert named == expected


def test_commands_of_the_readme_name_files_that_exist() -> None:
    text = (ROOT / "README.rst").read_text("utf-8")

    chat = command(text, "Run the chat")
    tests = command(text, "Run the tests")

    assert chat.startswith("python -m pip install . && ")
    assert tests.endswith(" && python -m pytest -n 4 --dist worksteal")
    for part in (chat + " " + tests).split():
        if "/" in part or "." in part.strip("."):
            assert (ROOT / part).exists(), part
    assert (ROOT / "examples" / "chat" / "package-lock.json").is_file()


def command(text: str, heading: str) -> str:
    """Return the command that a section prints: its first indented line."""
    section = text.split(f"\n{heading}\n")[1]
    line = re.search(r"^    (.+)$", section, re.MULTILINE)
    assert line is not None
    return line[1]


# ------------------------------------------------------------------ the servers shown


class Shown:
    """A program from a page, imported, and listening on a free port."""

    def __init__(self, code: str) -> None:
        assert LISTEN in code
        names: dict[str, object] = {"__name__": "server"}
        exec(code, names)
        io = names["io"]
        assert isinstance(io, sockio.Server)
        self.io = io
        address = self.io.listen(("127.0.0.1", 0)).address
        assert address is not None
        self.url = f"http://127.0.0.1:{address[1]}"


@pytest.fixture
def shown(request: pytest.FixtureRequest) -> Iterator[Shown]:
    program = Shown(blocks(ROOT / request.param)[0])
    yield program
    program.io.close(timeout=2)


@pytest.mark.parametrize("shown", ["README.rst"], indirect=True)
def test_the_chat_of_the_readme(shown: Shown, node: Driver) -> None:
    stranger = node.connect(shown.url)
    ann = connect(node, shown.url, "Ann")
    bob = connect(node, shown.url, "Bob")

    assert stranger.next("connect_error").args[0]["message"] == "who are you?"
    assert ann.next("joined").args == ["Bob"]
    assert ann.emit_with_ack("say", "hello") == ["delivered"]
    assert bob.next("said").args == ["Ann", "hello"]
    ann.disconnect()
    assert bob.next("left").args == ["Ann", "client namespace disconnect"]
    with pytest.raises(DriverError):
        bob.next("said", timeout=0.01)


def connect(node: Driver, url: str, name: str) -> JsClient:
    client = node.connect(url, auth={"name": name})
    client.next("connect")
    return client


@pytest.mark.parametrize("shown", ["docs/quickstart.rst"], indirect=True)
def test_the_server_of_the_quickstart(
    shown: Shown, node: Driver, capfd: pytest.CaptureFixture[str]
) -> None:
    client = node.connect(shown.url)
    sid = client.next("connect") and client.state()["id"]

    assert client.emit_with_ack("greet", "Ann") == ["Hello Ann!"]
    client.disconnect()
    printed = ""
    while "gone:" not in printed:
        gevent.idle()
        printed += capfd.readouterr().out

    assert printed.splitlines() == [
        f"connected: {sid}",
        "gone: client namespace disconnect",
    ]


def test_the_parser_of_ones_own(node: Driver) -> None:
    page = ROOT / "docs" / "parsers.rst"
    [program] = [code for code in blocks(page) if LISTEN in code]
    shown = Shown(program)

    client = node.connect(shown.url, parser=blocks(page, "javascript")[-1])

    assert client.next().event == "connect"
    assert client.next() == ("socket", "hello", [client.state()["id"]])
    assert client.emit_with_ack("double", 21) == [42]
    shown.io.close(timeout=2)


def test_the_json_library_of_ones_own() -> None:
    page = ROOT / "docs" / "parsers.rst"
    [program] = [code for code in blocks(page) if "Milliseconds" in code]
    names: dict[str, Any] = {}
    exec(program, names)
    library = names["Milliseconds"]()
    event = sockio.PacketType.EVENT
    packet = sockio.Packet(event, data=["e", datetime(1970, 1, 1, tzinfo=timezone.utc)])

    parser = sockio.MsgpackParser(library)

    assert sockio.JsonParser(library).encode(packet) == ['2["e", 0]']
    [frame] = parser.encode(packet)
    assert parser.decoder().feed(frame) == packet._replace(data=["e", 0])


def test_the_page_of_flask_shows_an_application_and_its_test() -> None:
    application, *others = blocks(ROOT / "docs" / "flask.rst")
    test = next(block for block in others if "def test_say" in block)
    names: dict[str, Any] = {"__name__": "app"}

    exec(application, names)
    exec(test, names)

    names["test_say"]()
    assert not names["socketio"].test_client(names["app"]).is_connected()
    names["socketio"].io.close()
