"""The plugin, in pytest runs of its own, as a project has them."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.deployed import ROOT

#: A project that is tested, file by file.
PROJECT = {
    "chat.py": """
        import sockio

        io = sockio.Server()

        @io.on("connection")
        def connected(socket):
            socket.on("say", lambda text: io.emit("said", text))
            socket.on("fail", lambda: 1 / 0)
            socket.on("disconnect", lambda: 1 / socket.data.get("divisor", 1))
    """,
    "pytest.ini": """
        [pytest]
        sockio_server = chat:io
        pythonpath = .
    """,
    "test_chat.py": """
        import unittest

        import gevent.subprocess
        import pytest
        from chat import io
        from sockio.testing import TestClient

        def test_clients(sockio_client, sockio_server):
            assert sockio_server is io
            ann, bob = sockio_client(), sockio_client(auth={"a": 1})
            ann.emit("say", "hello")
            bob.expect("said", "hello")
            with pytest.raises(ZeroDivisionError):
                ann.emit("fail")
            assert bob.socket.handshake.auth == {"a": 1}

        def test_all_clients_are_closed():
            assert not io.engine.clients

        def test_a_real_client(sockio_client, sockio_live):
            ann = sockio_client()
            path = "/socket.io/?EIO=4&transport=polling"
            opened = sockio_live.run(open_url, sockio_live.url + path)
            assert opened.startswith(b'0{"sid":')
            assert len(io.engine.clients) == 2

        def open_url(url):
            from urllib.request import urlopen
            with urlopen(url) as answer:
                return answer.read()

        def test_errors_at_the_end(sockio_client):
            sockio_client().socket.data.divisor = 0

        class Test(unittest.TestCase):
            def test_a_client(self):
                client = TestClient(io)
                self.addCleanup(client.close)
                client.emit("say", "hello")
                self.assertEqual(client.expect("said"), ("hello",))
    """,
}
PLUGIN = "sockio.pytest_plugin"


def project(folder: Path, **files: str) -> None:
    """Write the files of a project; those given replace others, or are added."""
    for name, text in {**PROJECT, **files}.items():
        (folder / name).write_text(textwrap.dedent(text))


def run(folder: Path, *arguments: str, plugins: str = "") -> tuple[int, str]:
    """Run pytest in a project; return its exit code and what it printed.

    Args:
        folder: The project's.
        arguments: For pytest.
        plugins: Names of modules; without any, pytest looks for what is installed.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    path = [str(ROOT)] if plugins else [str(ROOT), installed(folder)]
    done = subprocess.run(
        [*command, "-W", "error", *arguments],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1" if plugins else "",
            "PYTEST_PLUGINS": plugins,
            "PYTHONPATH": os.pathsep.join(path),
        },
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def installed(folder: Path) -> str:
    """Let pytest find the plugin by its entry point; return the folder for the path."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    plugins = config["options.entry_points"]["pytest11"]
    info = folder / "site" / "sockio-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sockio\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[pytest11]{plugins}\n")
    return str(info.parent)


#: Keeps other plugins away that are installed.
ALONE = [
    argument
    for name in ("django", "flask", "pytest_cov", "xdist", "valkey", "hypothesispytest")
    for argument in ("-p", f"no:{name}")
]


def test_a_project_is_tested(tmp_path: Path) -> None:
    project(tmp_path)

    code, printed = run(tmp_path, *ALONE)

    assert code == 1
    assert "5 passed, 1 error" in printed
    assert "ERROR at teardown of test_errors_at_the_end" in printed
    assert "ZeroDivisionError" in printed


def test_it_can_be_left_out(tmp_path: Path) -> None:
    project(tmp_path, **{"pytest.ini": "[pytest]\npythonpath = .\n"})

    _, printed = run(tmp_path, *ALONE, "-p", "no:sockio")

    assert "fixture 'sockio_client' not found" in printed


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sockio_server = chat:oi", "sockio_server: 'chat:oi': <module 'chat'"),
        ("", "1 passed"),
    ],
)
def test_the_server_that_is_named(tmp_path: Path, line: str, told: str) -> None:
    ini = f"[pytest]\npythonpath = .\n{line}\n"
    tests = """
        import chat

        def test_a_new_server(sockio_server, sockio_client):
            assert sockio_server is not chat.io
            assert sockio_client().connected
    """
    project(tmp_path, **{"pytest.ini": ini, "test_chat.py": tests})

    _, printed = run(tmp_path, plugins=PLUGIN)

    assert told in printed


def test_loading_it_imports_nothing() -> None:
    program = (
        f"import sys, {PLUGIN}, sockio.testing\n"
        "print(*sorted(m for m in sys.modules if m.split('.')[0] == 'sockio'))\n"
        "print('gevent' in sys.modules)"
    )

    # A program that is measured imports gevent.
    plain = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={**plain, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed.split() == ["sockio", PLUGIN, "sockio.testing", "False"]


FLASK = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "chat.py": """
        import flask
        import sockio

        app = flask.Flask("chat")
        io = sockio.Server()
        io.attach(app)

        @app.post("/say")
        def say():
            io.emit("said", flask.request.data.decode())
            return "", 204
    """,
    "test_chat.py": """
        import chat
        import pytest

        @pytest.fixture
        def app():
            return chat.app

        @pytest.fixture
        def sockio_server():
            return chat.io

        def test_a_view_emits(client, sockio_client):
            ann = sockio_client()
            assert client.post("/say", data="hello").status_code == 204
            ann.expect("said", "hello")
    """,
}


def test_beside_the_plugins_of_flask_and_coverage(tmp_path: Path) -> None:
    project(tmp_path, **FLASK)
    plugins = f"{PLUGIN},pytest_flask.plugin,pytest_cov.plugin"

    code, printed = run(tmp_path, "--cov=chat", plugins=plugins)

    assert code == 0, printed
    assert re.search(r"^chat\.py +9 +0 +100%$", printed, re.MULTILINE), printed


DJANGO = {
    "pytest.ini": """
        [pytest]
        pythonpath = .
        DJANGO_SETTINGS_MODULE = settings
    """,
    "settings.py": """
        DATABASES = {
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        }
        INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
        USE_TZ = True
    """,
    "test_chat.py": """
        import pytest
        from django.contrib.auth.models import User

        @pytest.fixture
        def sockio_server(sockio_server):
            @sockio_server.on("connection")
            def connected(socket):
                @socket.on("register")
                def register(name):
                    User.objects.create(username=name)
                    return User.objects.count()
            return sockio_server

        @pytest.mark.django_db
        @pytest.mark.parametrize("name", ["ann", "bob"])
        def test_a_handler_sees_the_transaction_of_its_test(sockio_client, name):
            User.objects.create(username="eve")
            client = sockio_client()
            assert client.emit_with_ack("register", name) == 2
            assert User.objects.filter(username=name).exists()

        def test_without_the_mark_there_is_no_database(sockio_client):
            with pytest.raises(RuntimeError, match="Database access not allowed"):
                sockio_client().emit("register", "ann")
    """,
}


def test_beside_the_plugin_of_django(tmp_path: Path) -> None:
    project(tmp_path, **DJANGO)

    code, printed = run(tmp_path, plugins=f"{PLUGIN},pytest_django.plugin")

    assert code == 0, printed
