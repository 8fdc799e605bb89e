"""The house rules as code: who imports whom, how long, under which caption."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sockio import build

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "sockio"
TESTS = ROOT / "tests"

#: A module may import what has a lower number; equals may not import each other.
FLOORS = {
    "errors": 0,
    "types": 0,
    "build": 0,
    "protocol": 1,
    "runtime": 1,
    "httpd": 2,
    "siblings": 2,
    "engine": 3,
    "adapters": 3,
    "socket": 4,
    "admin": 5,
    "emitter": 5,
    "schema": 5,
    "testing": 5,
    "integrations": 6,
    "__init__": 6,
    "cli": 7,
    "pytest_plugin": 7,
    "__main__": 8,
}

#: The order inside a folder, lowest first; names on one line may know each other as
#: long as no cycle arises. A name ending in / is a folder in it.
ORDER = {
    "httpd": (
        ("foreign_options",),
        ("options",),
        ("deadlines", "masked", "passed_sockets", "request_target", "response_head"),
        ("access_format", "environ", "listening_socket", "request_head"),
        ("chunks", "shortcut"),
        ("request_body",),
        ("exchange",),
        ("access_log", "owner"),
        ("socket",),
        ("connection", "tls_handshake"),
        ("acceptor", "connections"),
        ("server",),
        ("__init__",),
    ),
    "siblings": (
        ("credentials", "link", "place", "reload", "signs"),
        ("packets", "siblings", "supervisor"),
        ("member", "survey"),
        ("mesh",),
        ("__init__",),
    ),
    "engine": (
        (
            "options",
            "foreign_options",
            "option_checks",
            "http/",
            "intake",
            "outbox",
            "reasons",
            "callbacks",
            "consumer",
            "opening",
            "told",
            "watch",
        ),
        ("handover/",),
        ("websockets/", "quic/"),
        ("transports/",),
        ("heartbeat", "upgrade", "verify", "middlewares"),
        ("session", "refusal_log"),
        ("admission", "direct_polling"),
        ("server",),
        ("__init__",),
    ),
    "engine/handover": (
        (
            "answer",
            "caller",
            "carried",
            "packets",
            "passport",
            "pool",
            "refusals",
            "resting",
        ),
        ("proxy", "raw_request", "receivers", "way"),
        ("arrivals", "doorstep"),
        ("handover", "nodes", "transfer"),
        ("elsewhere",),
        ("__init__",),
    ),
    "socket": (
        (
            "data",
            "emit_arguments",
            "error_handlers",
            "events",
            "handshake",
            "middleware",
            "options",
            "reasons",
            "room_names",
            "validation",
        ),
        ("many_sockets/",),
        ("one_socket/",),
        ("namespace/",),
        ("server/",),
        ("__init__",),
    ),
    "socket/many_sockets": (
        ("addressing", "answers", "choosing", "remote_socket"),
        ("broadcast",),
        ("__init__",),
    ),
    "socket/one_socket": (
        ("acks", "home", "inbox", "operator", "user"),
        ("outgoing", "waiting"),
        ("gate",),
        ("incoming",),
        ("catch_all", "waits"),
        ("socket",),
        ("__init__",),
    ),
    "socket/namespace": (
        ("misplaced", "server_events", "twin_wire", "watched_parser"),
        ("carriage",),
        ("admission", "recoverable_socket"),
        ("recovery",),
        ("namespace",),
        ("connection", "handler", "parent"),
        ("connection_v2",),
        ("__init__",),
    ),
    "socket/server": (
        (
            "addresses",
            "attaching",
            "background",
            "gunicorn",
            "namespaces",
            "pages",
            "stats",
            "webtransport",
            "workers",
        ),
        ("farewell", "group", "health"),
        ("metrics/",),
        ("operators",),
        ("lifecycle",),
        ("server",),
        ("naming",),
        ("__init__",),
    ),
    "cli": (
        ("exit_codes",),
        ("output",),
        ("command_lines", "findings", "telling", "web", "websocket"),
        ("latencies", "project", "prompt", "reports", "screen"),
        ("gunicorn_checks", "link", "process_checks", "server_checks"),
        ("client", "load_client", "reloading", "serving", "url_checks"),
        ("conversation", "doctor", "load"),
        ("load_result",),
        ("commands/",),
        ("__init__",),
    ),
    "schema": (
        ("events",),
        ("source",),
        ("gathering",),
        ("asyncapi", "typescript"),
        ("__init__",),
    ),
    "admin": (
        ("hiding", "options", "peers", "sessions", "traffic", "tries"),
        ("passwords", "portrait", "watching"),
        ("gate", "overview", "statistics", "voice"),
        ("commands", "feed", "queues", "slow_handlers"),
        ("tails",),
        ("instrument",),
        ("__init__",),
    ),
    "socket/server/metrics": (
        ("families",),
        ("tallies", "text"),
        ("sample",),
        ("metering",),
        ("__init__",),
    ),
    "testing": (
        ("clock", "memory", "received"),
        ("activity",),
        ("carrier", "handlers"),
        ("emitting",),
        ("client_socket",),
        ("client", "live"),
        ("__init__",),
    ),
    "integrations": (
        ("front",),
        ("django/", "flask/", "gunicorn/", "opentelemetry/"),
        ("__init__",),
    ),
    "integrations/django": (
        ("origins", "patched", "request", "setting"),
        ("checks", "restarting"),
        ("handshake",),
        ("application",),
        ("__init__", "apps"),
        ("management/",),
    ),
    "integrations/gunicorn": (
        ("configuration", "hooked", "proxies", "settings"),
        ("connections",),
        ("worker",),
        ("__init__",),
    ),
    "integrations/opentelemetry": (
        ("tracing",),
        ("__init__",),
    ),
    "integrations/flask": (
        ("arguments", "client", "current", "errors", "log_options", "queue"),
        ("emitting", "json_codec", "login", "reasons", "tasks"),
        ("arrivals", "session"),
        ("context", "namespace", "options", "sending"),
        ("handlers", "pages", "server"),
        ("dispatch", "running"),
        ("socketio",),
        ("functions",),
        ("__init__",),
    ),
    "adapters": (
        (
            "accounting",
            "addressing",
            "directory",
            "exclusive",
            "leases",
            "packages",
            "session",
        ),
        ("adapter", "rooms"),
        ("provider",),
        ("recovery",),
        ("memory",),
        ("cluster/messages",),
        ("sender",),
        ("cluster/bus", "cluster/elsewhere", "cluster/errand", "cluster/requests"),
        ("cluster/pieces",),
        ("cluster/numbered_log",),
        ("cluster/moves",),
        ("cluster/legacies",),
        ("cluster/mirror", "cluster/mirrored"),
        ("cluster/kept", "cluster/kept_here"),
        ("cluster/keeper",),
        ("cluster/receiver",),
        ("cluster/adapter",),
        ("cluster/",),
        ("buses/",),
        ("registry", "senders"),
        ("__init__",),
    ),
    "adapters/buses": (
        (
            "arrival",
            "broker_directory",
            "in_process",
            "node_wire",
            "outbox",
            "presence",
            "query",
            "reconnecting",
            "rivals",
            "roll_call",
            "tenures",
        ),
        ("siblings",),
        ("mongo/", "postgres/", "redis/"),
        ("__init__",),
    ),
    "adapters/buses/mongo": (
        ("aside", "url", "wire"),
        ("client", "collection", "session_wire"),
        ("history", "link", "texts"),
        ("directory",),
        ("bus", "mongo_sender"),
        ("__init__",),
    ),
    "adapters/buses/postgres": (
        ("health", "locks", "wire"),
        ("url",),
        ("commands",),
        ("connection", "tables"),
        ("directory", "link"),
        ("hearing",),
        ("bus", "postgres_sender"),
        ("__init__",),
    ),
    "adapters/buses/redis": (
        ("options",),
        ("url", "wire"),
        ("dialer",),
        ("connection",),
        ("finding",),
        ("nodes", "sharded_channels"),
        ("circuit", "directory"),
        ("link",),
        ("member",),
        ("census", "classic", "hearing", "sharded", "stream_wire"),
        (
            "bus",
            "classic_language",
            "redis_sender",
            "sharded_language",
            "stream_reader",
        ),
        ("stream_language", "stream_session"),
        ("stream_member",),
        ("stream_log",),
        ("streams",),
        ("__init__",),
    ),
}

#: What is imported from above, for annotations only. A socket shows its namespace, its
#: client, and the sockets that a broadcast addresses; each of these knows sockets.
#: Observers are told of things of every floor.
UPWARDS = {
    "runtime/observers": {
        "adapters/accounting",
        "engine/http/request",
        "engine/session",
        "protocol/socketio/packet",
        "socket/one_socket/socket",
    },
    "integrations/flask/client": {"integrations/flask/socketio"},
    "integrations/flask/namespace": {
        "integrations/flask/server",
        "integrations/flask/socketio",
    },
    "socket/many_sockets/addressing": {
        "socket/many_sockets/broadcast",
        "socket/one_socket/socket",
    },
    "socket/many_sockets/broadcast": {"socket/one_socket/socket"},
    "socket/one_socket/socket": {
        "socket/namespace/connection",
        "socket/namespace/namespace",
    },
}

#: Where gevent and greenlet may be imported.
GEVENT = (
    "runtime/",
    "adapters/buses/broker_directory",
    "adapters/buses/mongo/bus",
    "adapters/buses/mongo/link",
    "adapters/buses/outbox",
    "adapters/buses/postgres/directory",
    "adapters/buses/postgres/link",
    "adapters/buses/reconnecting",
    "adapters/buses/redis/circuit",
    "adapters/buses/redis/directory",
    "adapters/buses/redis/link",
    "cli/client",
    "cli/load",
    "cli/reports",
    "cli/web",
    "engine/websockets/",
    "engine/quic/",
    "engine/handover/",
    "engine/http/client_socket",
    "engine/http/early_socket",
    "httpd/acceptor",
    "httpd/connections",
    "httpd/server",
    "integrations/django/patched",
    "integrations/gunicorn/worker",
    "siblings/supervisor",
    "testing/",
)

MAX_FILE, MAX_CLASS, MAX_FUNCTION = 400, 300, 50
#: Modules whose one subject is that long. All packets of a client meet in its session;
#: its parts (heartbeat, upgrade, intake, outbox) are modules of their own. All packets
#: of a QUIC connection meet in the same way. ``simple_websocket`` holds what calls that
#: package, and the socket that the package sees. The server is one page with all that
#: users call: its options, and calls that its parts answer. In the engine's server, all
#: requests go through one path. Who writes an adapter finds its contract in one file.
#: A connection of our HTTP server keeps what each poll touches in one object.
LONGER = {
    "adapters/adapter": (410, 300),
    "engine/server": (440, 326),
    "engine/session": (467, 370),
    "engine/quic/connection": (400, 310),
    "httpd/connection": (426, 330),
    "engine/websockets/simple_websocket": (421, 300),
    "socket/server/server": (486, 300),
}
VAGUE_NAMES = re.compile(r"(utils?|helpers?|common|misc|managers?|base.*)$")
#: Marks of unfinished work, and folders of somebody's own machine.
FORBIDDEN_WORDS = re.compile(
    r"(?<!`)\b(?:TODO(?! ?\(?#\d)|FIXME|XXX|HACK)\b"
    r"|(?<![\w.])/(?:root|home|Users|work)/"
)
TEXT_SUFFIXES = {
    ".cfg",
    ".in",
    ".js",
    ".md",
    ".mjs",
    ".py",
    ".rst",
    ".toml",
    ".txt",
    ".yml",
}


class Module:
    """One source file: its dotted name, its syntax tree, what it imports of ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inside = path.relative_to(PACKAGE).with_suffix("").as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    def __str__(self) -> str:
        return self.inside

    @property
    def floor(self) -> str:
        return self.inside.split("/")[0]

    def imports(self) -> Iterator[str]:
        """Yield the absolute dotted names of everything imported, at any depth."""
        yield from self._imported(ast.walk(self.tree))

    def imports_for_annotations(self) -> Iterator[str]:
        """Yield the imported names that only type checkers see."""
        for node in self.tree.body:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                yield from self._imported(node.body)

    def _imported(self, nodes: Iterable[ast.AST]) -> Iterator[str]:
        package = ["sockio", *self.inside.split("/")[:-1]]
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = package[: len(package) - node.level + 1] if node.level else []
                name = ".".join([*start, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield f"{name}.{alias.name}"

    def our_imports(self) -> Iterator[str]:
        """Yield the modules of ours that are imported, as paths inside the package.

        Imports for annotations only are left out if ``UPWARDS`` allows them.
        """
        names = Counter(self.imports())
        names.subtract(Counter(self.imports_from_above()))
        yield from _ours(names.elements())

    def imports_from_above(self) -> Iterator[str]:
        """Yield the names imported for annotations that ``UPWARDS`` allows."""
        allowed = UPWARDS.get(self.inside, set())
        for name in self.imports_for_annotations():
            if allowed.intersection(_ours([name])):
                yield name


def _ours(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        parts = name.split(".")
        if parts[0] == "sockio":
            yield module_named(parts[1:])


def module_named(parts: list[str]) -> str:
    """Return the path of the module that ``sockio.<parts>`` names, or names part of."""
    if not parts:
        return "__init__"
    for length in range(len(parts), 0, -1):
        inside = "/".join(parts[:length])
        if (PACKAGE / inside).with_suffix(".py").is_file():
            return inside
        if (PACKAGE / inside / "__init__.py").is_file():
            return f"{inside}/__init__"
    if hasattr(__import__("sockio"), parts[0]):
        return "__init__"
    raise AssertionError(f"there is no module sockio.{'.'.join(parts)}")


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
BY_NAME = {module.inside: module for module in MODULES}
every_module = pytest.mark.parametrize("module", MODULES, ids=str)


def rank(module: str, folder: str) -> int | None:
    """Return the place of a module in the order of a folder, or None."""
    rest = module.removeprefix(f"{folder}/")
    for place, names in enumerate(ORDER[folder]):
        if rest in names:
            return place
    for place, names in enumerate(ORDER[folder]):
        if any(name.endswith("/") and rest.startswith(name) for name in names):
            return place
    return None


# ------------------------------------------------------------------ who imports whom


@every_module
def test_imports_go_down(module: Module) -> None:
    for imported in module.our_imports():
        theirs = imported.split("/")[0]
        same_floor = theirs == module.floor and "/" in module.inside
        assert same_floor or FLOORS[theirs] < FLOORS[module.floor], imported


@every_module
def test_order_inside_a_folder(module: Module) -> None:
    for folder in ORDER:
        if not module.inside.startswith(f"{folder}/"):
            continue
        mine = rank(module.inside, folder)
        assert mine is not None, f"this module has no place in the order of {folder}"
        for imported in module.our_imports():
            if imported.startswith(f"{folder}/") and imported != module.inside:
                theirs = rank(imported, folder)
                assert theirs is not None, f"{imported} has no place in ORDER"
                assert theirs <= mine, imported


def test_what_is_allowed_from_above_is_imported() -> None:
    for name, allowed in UPWARDS.items():
        assert set(_ours(BY_NAME[name].imports_from_above())) == allowed, name


def test_names_in_the_lists_above_exist() -> None:
    folders = {name.rpartition("/")[0] for name in BY_NAME}
    listed = {*FLOORS, *LONGER, *UPWARDS, *LARGER_INITS}
    listed |= {f"{folder}/{name}" for folder, name in _ordered()}
    missing = {name for name in listed if name not in BY_NAME} - folders
    missing -= {f"{folder}/" for folder in folders}

    assert not missing
    assert not [name for name in GEVENT if not _starts_something(name)]


def _ordered() -> Iterator[tuple[str, str]]:
    for floor, rows in ORDER.items():
        for row in rows:
            yield from ((floor, name) for name in row)


def _starts_something(beginning: str) -> bool:
    return any(name.startswith(beginning) for name in BY_NAME)


def test_no_import_cycles() -> None:
    finished: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in finished:
            return
        assert name not in path, " -> ".join([*path, name])
        for imported in BY_NAME[name].our_imports():
            # A package's own module reaches its siblings through the package name.
            if imported != name and not _is_own_package(imported, name):
                visit(imported, [*path, name])
        finished.add(name)

    for name in BY_NAME:
        visit(name, [])


def _is_own_package(package: str, module: str) -> bool:
    folder = package.removesuffix("__init__")
    return package.endswith("__init__") and module.startswith(folder)


@every_module
def test_only_these_folders_import_gevent(module: Module) -> None:
    allowed = module.inside.startswith(GEVENT)
    roots = {name.split(".")[0] for name in module.imports()}
    assert allowed or not roots & {"gevent", "greenlet", "geventwebsocket"}


def test_a_foreign_package_is_imported_in_one_place() -> None:
    # ``ground`` may be imported everywhere; msgspec and orjson wherever bytes are made.
    ground = {"sockio", "gevent", "greenlet", "__future__", "typing_extensions"}
    known = ground | {"msgspec", "orjson"} | set(sys.stdlib_module_names)
    places: dict[str, set[str]] = {}
    for module in MODULES:
        for name in module.imports():
            root = name.split(".")[0]
            if root not in known:
                places.setdefault(root, set()).add(_place(module, root))

    scattered = {root: files for root, files in places.items() if len(files) > 1}

    assert not scattered


def _place(module: Module, package: str) -> str:
    """Return the file that imports a package, or the folder made for that package."""
    above, has_its_name, _ = module.inside.partition(f"/{package}/")
    if has_its_name:
        return f"{above}/{package}"
    folders = {"flask", "werkzeug", "django", "aioquic", "redis", "psycopg"}
    if package in folders | {"bson", "pymongo"}:
        return module.inside.rsplit("/", 1)[0]
    return module.inside


# ------------------------------------------------------------------ size and shape


@every_module
def test_no_module_is_longer_than_400_lines(module: Module) -> None:
    lines = module.text.count("\n")

    assert lines <= LONGER.get(module.inside, (MAX_FILE, MAX_CLASS))[0]


@every_module
def test_no_class_or_function_is_too_long(module: Module) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            most = LONGER.get(module.inside, (MAX_FILE, MAX_CLASS))[1]
            assert _length(node) <= most, node.name
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert _length(node) <= MAX_FUNCTION, node.name


def _length(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count lines without docstrings; in a function also without its parameters."""
    first = node.lineno if isinstance(node, ast.ClassDef) else node.body[0].lineno
    lines = (node.end_lineno or first) - first + 1
    for inner in ast.walk(node):
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = inner.body[0]
            if ast.get_docstring(inner) is not None:
                lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


@every_module
def test_every_module_starts_with_its_caption(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring, "no docstring"

    caption = docstring.splitlines()[0]

    assert caption.endswith((".", "?")), caption
    assert len(caption) <= 85, caption


def test_no_module_has_a_vague_name() -> None:
    names = {part for module in MODULES for part in module.inside.split("/")}

    assert not [name for name in names if VAGUE_NAMES.match(name)]


def test_a_package_only_re_exports() -> None:
    allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.If)
    for module in MODULES:
        if module.inside.endswith("/__init__") and module.inside not in LARGER_INITS:
            odd = [n for n in module.tree.body if not isinstance(n, allowed)]
            assert not odd, f"{module}: line {odd[0].lineno}"


#: Packages that may hold more than re-exports.
LARGER_INITS = {
    "adapters/__init__",
    "protocol/engineio/__init__",
    "protocol/socketio/__init__",
    "engine/websockets/__init__",
    "engine/transports/__init__",
    "testing/__init__",
}


# ------------------------------------------------------------------ words


def test_tests_never_sleep() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted(TESTS.rglob("*.py"))
        if path.parent.name != "support" and path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"\bsleep\(", line)
    ]

    assert not found


def test_no_forbidden_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in project_files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if FORBIDDEN_WORDS.search(line)
    ]

    assert not found


def project_files() -> Iterator[Path]:
    """Yield the text files that belong to the project, tracked by git or not."""
    foreign = {"node_modules", "build", "dist", "venv"}
    for folder, inside, names in os.walk(ROOT):
        # What is taken out is not walked through: it may be large.
        inside[:] = sorted(
            name
            for name in inside
            if name not in foreign and (not name.startswith(".") or name == ".ci")
        )
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix in TEXT_SUFFIXES and not name.startswith("."):
                yield path


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in TESTS.rglob("*.py")}
    found = [
        str(folder.relative_to(ROOT))
        for folder in sorted(folders)
        if "node_modules" not in folder.parts and "apps" not in folder.parts
        if not (folder / "__init__.py").is_file()
    ]

    assert not found


def test_what_has_types_of_c_is_compiled() -> None:
    # If a .pxd declares a C class, but its module is not compiled, cimports of it fail.
    described = {
        path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        for path in PACKAGE.rglob("*.pxd")
    }

    assert described <= {*build.MODULES, *build.IN_C}
