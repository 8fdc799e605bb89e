"""The clients of other languages, and what they cannot do."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tests.interop import checks
from tests.interop.checks import PATIENCE, TRANSPORTS, Check
from tests.support.foreign import ForeignClient, ForeignDriver
from tests.support.foreign_programs import GO, JAVA, RUST, Program
from tests.support.json_process import DriverError

#: Seconds that a client gets for what will not come.
IMPATIENCE = 1.0
#: How a failure ends that is the end of a wait.
NOT_IN_TIME = "came in time"


class Foreign(NamedTuple):
    """A client of another language.

    Attributes:
        name: Its name.
        version: Its version.
        variant: What it is built with, as its program is told, if that matters.
    """

    program: Program
    name: str
    version: str
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.program.language}{self.variant and '-' + self.variant}"

    @property
    def label(self) -> str:
        """How the document names it."""
        return (
            f"{self.name} {self.version}{self.variant and ', okhttp ' + self.variant}"
        )

    def start(self) -> ForeignDriver:
        """Start its program."""
        folder = self.program.built()
        command = self.program.command(folder, self.variant)
        return ForeignDriver(f"the {self.program.language} client", command, folder)


class ForeignKind(NamedTuple):
    """A client, over one transport."""

    client: Foreign
    transport: str

    def __str__(self) -> str:
        return f"{self.client}-{self.transport}"


class Lack(NamedTuple):
    """A check that a client does not pass, with any server.

    Attributes:
        client: Whose.
        transports: With which ones.
        fails_with: A regular expression for the failure.
        always: It fails each time; else the client may also be lucky.
        reason: Why; for the document.
    """

    check: Check
    client: Foreign
    transports: tuple[str, ...]
    fails_with: str
    reason: str
    always: bool = True


OLD_OKHTTP = Foreign(JAVA, "Java: socket.io-client", "2.1.2", "3.12.12")
NEW_OKHTTP = OLD_OKHTTP._replace(variant="5.5.1")
ZISHANG520 = Foreign(GO, "Go: zishang520/socket.io", "3.0.6")
RUST_SOCKETIO = Foreign(RUST, "Rust: rust_socketio", "0.6.0")
CLIENTS = (OLD_OKHTTP, NEW_OKHTTP, ZISHANG520, RUST_SOCKETIO)
FOREIGN_KINDS = tuple(
    ForeignKind(client, transport) for client in CLIENTS for transport in TRANSPORTS
)
EACH = tuple(TRANSPORTS)
LEAVES_AT_ONCE = (
    "It closes the connection before its disconnect packet is sent: the reason here is "
    "``transport close``."
)
KNOWS_NO_REASON = (
    "It tells no reason when it is disconnected; when it disconnects itself, it tells "
    "nothing, or an error of the connection."
)
BYTES_ALONE = (
    "It sends and receives bytes only as the one argument of an event, not beside "
    "other arguments or inside of one."
)
STALLS = (
    "With polling it sends nothing while a poll is open: an event waits for the "
    "server's next packet, often a ping. What takes two requests, like an event with "
    "bytes, or an event and the answer to a ping, is sent in part; the session then "
    "ends with a ping timeout."
)
LACKS: tuple[Lack, ...] = (
    *(
        Lack(check, ZISHANG520, ("polling",), NOT_IN_TIME, STALLS, always=False)
        for check in (
            checks.arguments_come_back,
            checks.acks_carry_everything,
            checks.the_server_may_ask,
            checks.a_large_message_comes_back,
            checks.it_answers_heartbeats,
            checks.it_ends_on_the_transport_it_was_told,
        )
    ),
    Lack(
        checks.namespaces_share_a_connection,
        ZISHANG520,
        EACH,
        NOT_IN_TIME,
        "After it has left one namespace, its others get no packets any more.",
    ),
    Lack(
        checks.an_unknown_namespace_is_refused,
        ZISHANG520,
        EACH,
        "missing 'data' field",
        "It tells why it is refused only if that has data too: use "
        "``ConnectError(message, data)``. An unknown namespace has none.",
    ),
    Lack(
        checks.both_sides_know_that_the_client_left,
        ZISHANG520,
        EACH,
        f"transport close|ping timeout|{NOT_IN_TIME}",
        LEAVES_AT_ONCE,
        always=False,
    ),
    Lack(
        checks.the_server_may_disconnect_it,
        ZISHANG520,
        EACH,
        "'disconnect', args=\\['transport close'",
        "When the server disconnects it, it may take that for a lost connection.",
        always=False,
    ),
    *(
        Lack(check, RUST_SOCKETIO, EACH, "cannot send bytes", BYTES_ALONE)
        for check in (
            checks.arguments_come_back,
            checks.acks_carry_everything,
            checks.a_large_message_comes_back,
        )
    ),
    Lack(
        checks.it_ends_on_the_transport_it_was_told,
        RUST_SOCKETIO,
        EACH,
        "cannot ask with bytes",
        "If it asks for an acknowledgement of an event with bytes, it sends the event "
        "as if that were one.",
    ),
    Lack(
        checks.the_server_may_ask,
        RUST_SOCKETIO,
        EACH,
        "^ClientEvent.*'question', args=\\[b'.x01\\?'\\]",
        "It cannot acknowledge what the server sends.",
    ),
    Lack(
        checks.namespaces_share_a_connection,
        RUST_SOCKETIO,
        EACH,
        "cannot namespace",
        "Each of its connections is for one namespace.",
    ),
    Lack(
        checks.the_server_may_disconnect_it,
        RUST_SOCKETIO,
        EACH,
        "'disconnect', args=",
        KNOWS_NO_REASON,
    ),
    Lack(
        checks.both_sides_know_that_the_client_left,
        RUST_SOCKETIO,
        EACH,
        f"'disconnect', args=|{NOT_IN_TIME}",
        KNOWS_NO_REASON,
    ),
)


class ForeignWay(NamedTuple):
    """One kind of client, and the server that it speaks with; see ``Way``."""

    driver: ForeignDriver
    url: str
    kind: ForeignKind
    patience: float = PATIENCE

    @property
    def transport(self) -> str:
        return self.kind.transport

    @property
    def protocol(self) -> int:
        return 4

    def start(
        self, namespace: str = "", *, auth: Any = None, reconnection: bool = False
    ) -> ForeignClient:
        return self.driver.connect(
            self.url + namespace,
            transports=TRANSPORTS[self.kind.transport],
            auth=auth,
            reconnection=reconnection,
            patience=self.patience,
        )


def lack_of(kind: ForeignKind, check: Check) -> Lack | None:
    """Return why a kind of client does not pass a check, if it does not."""
    for lack in LACKS:
        if (
            lack.check is check
            and kind.client == lack.client
            and kind.transport in lack.transports
        ):
            return lack
    return None


def passes(way: ForeignWay, check: Check) -> bool:
    """Run a check; return whether the client can do it, each time.

    Raises:
        Exception: It failed, and ``LACKS`` does not say so; or it can do what ``LACKS``
            says it never can, or fails for another reason.
    """
    lack = lack_of(way.kind, check)
    if lack is None:
        check(way)
        return True
    try:
        waits = NOT_IN_TIME in lack.fails_with
        check(way._replace(patience=IMPATIENCE) if waits else way)
    except (AssertionError, DriverError) as failure:
        if not re.search(lack.fails_with, str(failure)):
            raise
        return False
    assert not lack.always, f"it can by now: {lack.reason}"
    return False
