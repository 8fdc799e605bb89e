"""Every example runs as its docstring says, and does what it is an example of."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gevent.subprocess
import pytest
from gevent import socket

from tests.support.json_process import DriverError
from tests.support.node import Driver, JsClient, Page
from tests.support.ports import free_port
from tests.support.raw_client import RawClient
from tests.support.redis_server import RedisServer
from tests.support.scrape import Scrape
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
#: Seconds that a process gets to end after a signal.
PATIENCE = 60.0

Start = Callable[..., "Process"]


class Process:
    """An example in a process of its own, on a free port."""

    def __init__(self, *command: str, folder: Path = ROOT) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [part.format(port=self.port) for part in command]
        self._process = gevent.subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def read_until(self, text: str) -> None:
        """Read what it prints until there is ``text``."""
        read = b""
        for line in self._process.stdout:
            read += line
            if text in line.decode():
                return
        raise AssertionError(f"it ended without {text!r}:\n{read.decode()}")

    def send(self, signum: int) -> None:
        """Send it a signal."""
        self._process.send_signal(signum)

    def end(self, signum: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; return its exit code and the rest of what it printed."""
        self.send(signum)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and the rest of what it printed."""
        printed, _ = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, printed.decode()

    def kill(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate(timeout=PATIENCE)
        self._process.stdout.close()

    def request(
        self, path: str, *, form: dict[str, str] | None = None, headers: str = ""
    ) -> tuple[str, str]:
        """Ask for a page; return the head and the body of the answer."""
        body = urlencode(form or {})
        kind = "application/x-www-form-urlencoded"
        method = "GET" if form is None else "POST"
        head = (
            f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n"
            f"Content-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.port)) as peer:
            peer.sendall((head + body).encode())
            answer = b"".join(iter(lambda: peer.recv(65536), b""))
        answered_head, _, answered_body = answer.decode().partition("\r\n\r\n")
        return answered_head, answered_body


@pytest.fixture
def start() -> Iterator[Start]:
    """Start an example; it is ready when this returns, and ends with the test."""
    started = []

    def run(*command: str, ready: str = "http://", folder: Path = ROOT) -> Process:
        process = Process(*command, folder=folder)
        started.append(process)
        process.read_until(ready)
        return process

    yield run
    for process in started:
        process.kill()


def connect(node: Driver, url: str, **options: Any) -> JsClient:
    """Connect; an example may print its address a moment before it listens."""
    client = node.connect(url, reconnection=True, reconnectionDelay=50, **options)
    client.next("connect", timeout=30)
    return client


# ------------------------------------------------------------------ chat


def enter(page: Page, name: str) -> None:
    """Give a name, and wait until the chat is there in place of the form."""
    page.run(
        f"get('name').value = {name!r};"
        "get('enter').querySelector('form').requestSubmit()"
    )
    page.run(until("get('state').textContent === 'connected'"))
    shown = "['#enter', 'main'].map((it) => document.querySelector(it).offsetHeight)"
    form, chat = page.run(shown)
    assert (form, chat > 0) == (0, True)


def say(page: Page, text: str) -> None:
    page.run(f"get('text').value = {text!r}; get('write').requestSubmit()")


def until_seen(page: Page, kind: str, text: str) -> None:
    """Wait until the last line is of this kind and has this text."""
    line = "get('lines').lastElementChild"
    page.run(until(f"{line}?.className === {kind!r} && {line}.innerText === {text!r}"))


@pytest.fixture
def chat(start: Start, node: Driver) -> tuple[Process, Page, Page]:
    """Start the chat, and let ann and bob enter it."""
    server = start("examples/chat/server.py", "{port}")
    ann, bob = node.page(server.url), node.page(server.url)
    enter(ann, "ann")
    enter(bob, "bob")
    ann.run(until("get('who').textContent === 'Here: ann, bob'"))
    return server, ann, bob


def test_two_pages_chat(chat: tuple[Process, Page, Page]) -> None:
    server, ann, bob = chat

    say(ann, "hello <b>bob</b>")
    until_seen(bob, "theirs", "ann\nhello <b>bob</b>")
    until_seen(ann, "mine", "hello <b>bob</b>")
    bob.run("get('text').value = 'w'; get('text').dispatchEvent(new Event('input'))")
    ann.run(until("get('hint').textContent === 'bob is typing …'"))
    ann.run(until("get('hint').textContent === ''"))
    bob.run("socket.disconnect()")
    ann.run(until("get('who').textContent === 'Here: ann'"))

    assert [line for line in ann.log() + bob.log() if "error:" in line] == []
    code, printed = server.end(signal.SIGINT)
    assert (code, printed) == (0, "")


def test_new_lines_are_seen_and_long_words_broken(
    chat: tuple[Process, Page, Page],
) -> None:
    _, ann, bob = chat
    for number in range(60):
        say(bob, f"line {number}")

    say(bob, "x" * 500)

    until_seen(ann, "theirs", "bob\n" + "x" * 500)
    for page in ann, bob:
        room = page.run(
            """((it) => [it.scrollHeight - it.clientHeight, it.scrollTop,
            it.scrollWidth - it.clientWidth])(get("lines"))"""
        )
        assert room[0] > 500
        assert room[1:] == [pytest.approx(room[0], abs=1), 0]


def test_empty_lines_are_not_sent(chat: tuple[Process, Page, Page]) -> None:
    _, ann, bob = chat

    say(ann, "   ")
    ann.run("socket.emit('say', ' ')")
    say(ann, " words ")

    until_seen(bob, "theirs", "ann\nwords")
    assert bob.run("document.querySelectorAll('.theirs').length") == 1
    assert ann.run("document.querySelectorAll('.mine').length") == 1


def test_lines_wait_for_a_server_that_is_away(
    chat: tuple[Process, Page, Page], start: Start
) -> None:
    server, ann, bob = chat
    server.kill()
    for page in ann, bob:
        page.run(
            until("get('state').textContent.startsWith('conn') && !socket.connected")
        )

    say(ann, "are you there?")
    until_seen(ann, "mine waiting", "are you there?")
    start("examples/chat/server.py", str(server.port))

    for page in ann, bob:
        page.run(until("get('state').textContent === 'connected'"))
    ann.run(until("!document.querySelector('.waiting')"))
    assert ann.run("document.querySelectorAll('.mine').length") == 1


def test_what_was_said_meanwhile_is_shown(chat: tuple[Process, Page, Page]) -> None:
    _, ann, bob = chat
    say(bob, "one")  # missed events are those after this one
    until_seen(ann, "theirs", "bob\none")

    ann.run("socket.io.engine.close(), null")
    say(bob, "two")

    until_seen(ann, "theirs", "bob\ntwo")
    ann.run(until("socket.recovered && get('who').textContent === 'Here: ann, bob'"))
    assert "ann left" not in ann.run("get('lines').textContent")


def until(condition: str) -> str:
    """Return a script whose result comes when ``condition`` holds."""
    return (
        "new Promise((done) => { const look = () => "
        f"({condition}) ? done(true) : setTimeout(look, 20); look(); }})"
    )


def test_chat_wants_a_name(start: Start, node: Driver) -> None:
    server = start("examples/chat/server.py", "{port}")
    page = node.page(server.url)

    page.run(
        "get('name').value = ' '; get('enter').querySelector('form').requestSubmit()"
    )

    page.run(until("get('problem').innerText.startsWith('give a name')"))


def test_chat_says_where_the_client_comes_from(start: Start, tmp_path: Path) -> None:
    command = "examples/chat/server.py", "--client", str(tmp_path / "none.js")

    server = start(*command, ready="npm ci --prefix examples/chat")

    assert server.wait() == (2, "")


# ------------------------------------------------------------------ WebTransport


def test_a_page_moves_to_webtransport(start: Start, node: Driver) -> None:
    server = start("examples/webtransport/server.py", "{port}")
    page = node.page(server.url)
    # The client starts WebTransport 200 ms before WebSocket, and keeps the one that
    # opens first. On a busy machine that may be WebSocket: then it connects again.
    page.run(
        """setInterval(() => {
            if (socket.io.engine?.transport.name === "websocket") {
                socket.io.engine.close();
            }
        }, 100), null"""
    )

    page.run(until("get('transport').textContent === 'webtransport'"), timeout=60)

    page.run("socket.close()")
    code, printed = server.end(signal.SIGINT)
    assert (code, printed) == (0, "")


# ------------------------------------------------------------------ Flask


@pytest.fixture(params=["own server", "gunicorn"])
def flask_app(request: pytest.FixtureRequest, start: Start) -> Iterator[Process]:
    if request.param == "own server":
        server = start("examples/flask_app/app.py", "{port}")
    else:
        server = start(*GUNICORN, "app:app", ready=READY, folder=EXAMPLES / "flask_app")
    yield server
    _, printed = server.end()
    assert "Traceback" not in printed


GUNICORN = ("-m", "gunicorn", "-k", "gevent", "-w", "1", "-b", "127.0.0.1:{port}")
READY = "Booting worker"


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_flask_view_notifies_a_user(
    flask_app: Process, node: Driver, transport: str
) -> None:
    url = f"{flask_app.url}/user"
    ann, bob = (
        connect(node, url, transports=[transport], auth={"token": f"secret-{name}"})
        for name in ("ann", "bob")
    )
    assert ann.emit_with_ack("whoami") == ["ann"]
    assert json.loads(flask_app.request("/")[1]) == {"online": ["ann", "bob"]}

    head, _ = flask_app.request("/notify/ann", form={"text": "dinner"})

    assert head.split()[1] == "204"
    assert ann.next("notice").args == ["dinner"]
    assert bob.emit_with_ack("whoami") == ["bob"]
    with pytest.raises(DriverError, match="nothing came in time"):
        bob.next("notice", timeout=0.01)


def test_flask_example_refuses_a_wrong_token(start: Start, node: Driver) -> None:
    server = start("examples/flask_app/app.py", "{port}")

    client = node.connect(f"{server.url}/user", auth={"token": "x"})

    error = client.next("connect_error").args[0]
    assert error == {"message": "unknown token", "data": {"code": "unknown-token"}}


@pytest.mark.parametrize(
    ("origin", "status"), [("http://localhost:8080", "200"), ("http://x.com", "403")]
)
def test_flask_example_allows_one_other_origin(
    start: Start, origin: str, status: str
) -> None:
    server = start("examples/flask_app/app.py", "{port}")

    head, _ = server.request(
        "/socket.io/?EIO=4&transport=polling", headers=f"Origin: {origin}\r\n"
    )

    assert head.split()[1] == status
    allowed = f"Access-Control-Allow-Origin: {origin}" in head
    assert allowed == (status == "200")


@pytest.mark.parametrize("own_server", [True, False], ids=["own server", "gunicorn"])
def test_a_ported_chat(start: Start, node: Driver, own_server: bool) -> None:
    if own_server:
        server = start("examples/flask_socketio/app.py", "{port}")
    else:
        folder = EXAMPLES / "flask_socketio"
        server = start(*GUNICORN, "app:app", ready=READY, folder=folder)
    assert connect_error(node, server.url) == "log in first"
    clients = []
    for name in ("ann", "bob"):
        head, _ = server.request("/login", form={"name": name})
        cookie = head.split("Set-Cookie: ")[1].split(";")[0]
        clients.append(connect(node, server.url, extraHeaders={"cookie": cookie}))
    ann, bob = clients

    assert bob.emit_with_ack("say", "tea", "hi") == [{"error": "enter the room first"}]
    for client in clients:
        client.emit("enter", "tea")
        client.next("entered")
    assert ann.next("entered").args == ["tea", "bob"]
    assert bob.emit_with_ack("say", "tea", "hi") == [{"said": "hi"}]
    assert ann.next("said").args == ["tea", "bob", "hi"]
    server.request("/logout", form={}, headers=f"Cookie: {cookie}\r\n")

    assert bob.next("disconnect").args == ["io server disconnect"]
    assert ann.next("left").args == ["tea", "bob"]
    _, printed = server.end()
    assert "Traceback" not in printed


# ------------------------------------------------------------------ Django


@pytest.fixture(params=["runsocketio", "gunicorn"])
def django_chat(
    request: pytest.FixtureRequest,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Process]:
    """Start the chat with an empty database; end it as Ctrl-C does."""
    monkeypatch.setenv("CHAT_DATABASE", str(tmp_path / "db.sqlite3"))
    folder = EXAMPLES / "django_chat"
    Process("manage.py", "migrate", folder=folder).wait()
    if request.param == "runsocketio":
        server = start("manage.py", "runsocketio", "{port}", folder=folder)
    else:
        command = (*GUNICORN, "-w", "4", "mysite.wsgi")
        server = start(*command, ready=READY, folder=folder)
    yield server
    code, printed = server.end(signal.SIGINT)
    assert code == 0
    assert "Traceback" not in printed


def form_token(answer: str) -> str:
    """Return the token of Django's forms, from the head of an answer."""
    found = re.search(r"csrftoken=(\w+)", answer)
    assert found is not None, answer
    return found[1]


def sign_up(server: Process, name: str) -> str:
    """Make a user who is logged in; return the cookies."""
    token = form_token(server.request("/signup/")[0])
    head, _ = server.request(
        "/signup/",
        form={
            "username": name,
            "password1": "correct horse",
            "password2": "correct horse",
            "csrfmiddlewaretoken": token,
        },
        headers=f"Cookie: csrftoken={token}\r\n",
    )
    session = re.search(r"sessionid=(\w+)", head)
    assert session is not None, head
    return f"sessionid={session[1]}; csrftoken={form_token(head)}"


def test_the_chat_of_django(django_chat: Process, node: Driver) -> None:
    url = django_chat.url
    assert connect_error(node, url) == "log in first"
    ann_is, bob_is = sign_up(django_chat, "ann"), sign_up(django_chat, "bob")
    ann = connect(node, url, extraHeaders={"cookie": ann_is})
    assert ann.next("history").args == [[]]
    assert ann.next("online").args == [["ann"]]
    bob = connect(node, url, extraHeaders={"cookie": bob_is})
    assert ann.next("online").args == [["ann", "bob"]]

    assert "id" in bob.emit_with_ack("say", "hello")[0]

    said = ann.next("said").args[0]
    assert (said["author"], said["text"]) == ("bob", "hello")
    newcomer = connect(node, url, extraHeaders={"cookie": ann_is})
    assert newcomer.next("history").args == [[said]]
    token = form_token(bob_is)
    django_chat.request(
        "/accounts/logout/",
        form={"csrfmiddlewaretoken": token},
        headers=f"Cookie: {bob_is}\r\n",
    )
    assert bob.next("disconnect").args == ["io server disconnect"]
    while ann.next("online").args != [["ann"]]:
        pass


def test_runsocketio_follows_the_code(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_DATABASE", str(tmp_path / "db.sqlite3"))
    folder = shutil.copytree(EXAMPLES / "django_chat", tmp_path / "site")
    views = folder / "chat" / "views.py"
    code = views.read_text()
    server = start("manage.py", "runsocketio", "{port}", folder=folder)

    views.write_text(code.replace("registration/signup.html", "chat/page.html"))
    server.read_until("views.py changed, reloading")
    server.read_until("serves on http://")

    assert "Sign up" not in server.request("/signup/")[1]
    assert server.end(signal.SIGINT)[0] == 0


def test_the_chat_of_django_has_tests() -> None:
    code, printed = Process("manage.py", "test", folder=EXAMPLES / "django_chat").wait()

    assert code == 0
    assert "Ran 7 tests" in printed


def connect_error(node: Driver, url: str) -> str:
    client = node.connect(url, reconnection=True, reconnectionDelay=50)
    while True:
        message: str = client.next("connect_error", timeout=30).args[0]["message"]
        if "poll error" not in message:  # the server was not listening yet
            return message


# ------------------------------------------------------------------ script


def test_the_quiz_waits_for_answers_in_its_handler(start: Start, node: Driver) -> None:
    server = start("examples/script/quiz.py", "{port}")
    player = connect(node, server.url)

    player.emit("play")

    question, answer = player.next("question").args
    assert question == "How many legs has a spider?"
    player.ack(answer, "8")
    assert player.next("question").args[0] == "What is 6 times 7?"
    code, printed = server.end(signal.SIGINT)
    assert (code, printed) == (0, "")


def test_the_quiz_has_tests_of_its_own() -> None:
    command = ["-m", "pytest", "-q", "-p", "sockio.pytest_plugin", "examples/script"]

    done = subprocess.run(
        [sys.executable, *command, "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
        },
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_an_example_takes_its_port_from_the_environment(
    start: Start, node: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("PORT", str(port))

    start("examples/script/quiz.py", ready=f"http://127.0.0.1:{port}")

    connect(node, f"http://127.0.0.1:{port}")


# ------------------------------------------------------------------ several workers


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        (["examples/workers/server.py", "{port}", "3"], ROOT),
        (
            ["-m", "sockio", "run", "server:io", "-w", "3", "-b", "127.0.0.1:{port}"],
            EXAMPLES / "workers",
        ),
    ],
    ids=["script", "command"],
)
def test_the_clients_of_all_workers_are_counted(
    start: Start, node: Driver, command: list[str], folder: Path
) -> None:
    server = start(*command, folder=folder, ready="with 3 workers")
    clients = [connect(node, server.url) for _ in range(6)]

    for client in clients:
        while sum(client.next("served").args[0].values()) < len(clients):
            pass
    code, printed = server.end(signal.SIGINT)
    assert code == 0
    assert all(line.startswith("  ") for line in printed.splitlines()), printed


# ------------------------------------------------------------------ several servers


def test_two_servers_act_as_one(
    start: Start,
    node: Driver,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", f"{redis_server.url}?prefix=example")
    example = "examples/several_servers/server.py"
    servers = [start(example, "{port}") for _ in range(2)]
    ann, bob = [connect(node, server.url) for server in servers]

    assert ann.emit_with_ack("join", "news") == [1]
    assert bob.emit_with_ack("join", "news") == [2]
    bob.emit("say", "news", "hello")

    assert ann.next("said").args == ["hello"]
    for server in servers:
        assert server.end(signal.SIGINT) == (0, "")


def test_a_bus_of_one_s_own(start: Start, node: Driver) -> None:
    example = "examples/zeromq_bus/server.py"
    addresses = [f"tcp://127.0.0.1:{free_port()}" for _ in range(2)]
    servers = [start(example, "{port}", *addresses)]
    servers.append(start(example, "{port}", *reversed(addresses)))
    ann, bob = [connect(node, server.url) for server in servers]

    ann.emit_with_ack("join", "news")
    for client in (bob, ann):
        while client.emit_with_ack("join", "news") != [2]:
            pass  # ZeroMQ connects when it likes
    bob.emit("say", "news", "hello")
    ann.emit("say", "news", "hi")

    for client in (ann, bob):
        assert sorted(client.next("said").args[0] for _ in range(2)) == ["hello", "hi"]
    for server in servers:
        assert server.end(signal.SIGINT) == (0, "")


# ------------------------------------------------------------------ emitter


def test_a_script_tells_the_clients_of_all_servers(
    start: Start,
    node: Driver,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", f"{redis_server.url}?prefix=prices")
    servers = [start("examples/emitter/server.py", "{port}") for _ in range(2)]
    clients = [connect(node, server.url) for server in servers]
    for number, client in enumerate(clients, 1):
        assert client.emit_with_ack("watch", "gold") == [number]

    told = "2 clients of 2 servers are told: gold 4150.2"
    start("examples/emitter/announce.py", "gold", "4150.20", ready=told)

    for client in clients:
        assert client.next("price").args == ["gold", 4150.2]


# ------------------------------------------------------------------ metrics


def test_workers_tell_how_they_are(start: Start, node: Driver) -> None:
    server = start("examples/metrics/server.py", "{port}", "2")
    client = connect(node, server.url)
    assert client.emit_with_ack("work", 0) == ["done"]

    with RawClient(server.url) as http:
        assert http.http().request("GET", "/ready").status == 200
        told = Scrape(http.http().request("GET", "/metrics"))
    assert told.value("sockio_events_total", event="work") == 1


# ------------------------------------------------------------------ the admin page


def log_in(page: Page, url: str, password: str) -> None:
    """Fill in the form of the admin page, and send it."""
    values = json.dumps([url, "admin", password])
    page.run(
        f"""(() => {{
            const inputs = document.querySelectorAll("form input:not([role=switch])");
            {values}.forEach((value, number) => {{
                inputs[number].value = value;
                inputs[number].dispatchEvent(new Event("input"));
            }});
        }})()"""
    )
    page.run("document.querySelector('form').requestSubmit()")


def until_shown(page: Page, *texts: str) -> None:
    """Wait until all of these are to be read on a page."""
    for text in texts:
        page.run(until(f"document.body.innerText.includes({text!r})"))


def test_the_admin_page_watches_two_workers(start: Start, node: Driver) -> None:
    server = start("examples/admin/server.py", "{port}", "2")
    clients = [
        connect(node, server.url, transports=[transport])
        for transport in ("polling", "websocket")
    ]
    for client in clients:
        client.emit_with_ack("enter", "lounge")
    page = node.page(f"{server.url}/admin-ui/")
    page.run(until("document.querySelector('form input')"))

    log_in(page, server.url, "wrong")
    until_shown(page, "Invalid credentials")
    log_in(page, server.url, "secret")
    until_shown(page, "CONNECTED", "100.0 %", "/admin")
    # Both workers are healthy, and one of three clients polls.
    healthy = "[...document.querySelectorAll('table')].map((it) => it.innerText)"
    page.run(until(f"{healthy}[1].includes('2\\n100.0 %')"))
    page.run(until(f"{healthy}[0].includes('1\\n33.3 %')"))

    page.goto(f"{server.url}/admin-ui/#/rooms/")
    until_shown(page, "lounge")
    page.goto(f"{server.url}/admin-ui/")  # the page comes in with its session
    until_shown(page, "CONNECTED", "100.0 %", "/admin")
    page.run("location.hash = '#/events/'")
    clients[0].emit("say", "hello")
    until_shown(page, "Event received", "Event sent", "said")
    page.run("location.hash = '#/sockets/'")
    until_shown(page, *(client.state()["id"] for client in clients))
    page.run(until("document.querySelectorAll('tbody .mdi-logout').length === 2"))
    page.run("document.querySelector('tbody .mdi-logout').click()")
    wait_until(lambda: [it.state()["connected"] for it in clients].count(False) == 1)

    assert [line for line in page.log() if line.startswith("error:")] == []


# ------------------------------------------------------------------ graceful end


def test_a_handler_ends_its_work_before_the_server_ends(
    start: Start, node: Driver
) -> None:
    server = start("examples/graceful_shutdown/server.py", "{port}")
    client = connect(node, server.url)
    client.emit("save", "letter", 1.5)
    server.read_until("saving letter")

    server.send(signal.SIGTERM)

    assert client.next("going down").args == []
    assert client.next("disconnect").args == ["transport close"]
    code, printed = server.wait()
    assert (code, printed.splitlines()) == (0, ["saved letter", "bye"])


# ------------------------------------------------------------------ typed events


def test_a_shop_checks_orders_and_describes_its_events(
    start: Start, node: Driver
) -> None:
    server = start("examples/typed/server.py", "{port}")
    client = connect(node, server.url, auth={"name": "ann"})

    [answer] = client.emit_with_ack("order:create", {"items": [{"name": 5}]})
    assert answer["error"]["path"] == "order.items[0].name"
    order = {"items": [{"name": "tea", "count": 2}]}
    assert client.emit_with_ack("order:create", order) == [1]
    assert client.next("order:new").args == ["ann", 2]

    command = ("-m", "sockio", "schema", "server:io", "--ts", "-")
    schema = start(*command, ready="Written by", folder=EXAMPLES / "typed")
    code, written = schema.wait()
    assert code == 0
    assert '"order:new": (customer: string, items: number) => void;' in written
