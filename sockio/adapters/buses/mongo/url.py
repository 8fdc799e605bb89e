"""URLs of MongoDB: where the collection is, and how it is used (pure).

mongodb://user:password@host:27017/shop?replicaSet=rs0
mongodb+srv://host/shop.events               another collection than Node's examples use

Options of ours and MongoDB's own stand side by side in the query. No text that this
module makes has a password, or a part of the URL that may hold one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from sockio.adapters.buses.presence import INTERVAL
from sockio.adapters.buses.presence import TIMEOUT as SILENCE
from sockio.adapters.buses.query import Query, secret, wrong
from sockio.adapters.cluster.requests import TIMEOUT
from sockio.errors import EncodeError

__all__ = ["COLLECTION", "LARGEST", "SCHEMES", "Address", "Options", "parse"]

SCHEMES = ("mongodb", "mongodb+srv")
#: The name in the examples of Node's adapter.
COLLECTION = "socket.io-adapter-events"
#: Most bytes of a document.
LARGEST = (16 << 20) - (16 << 10)
#: Where user and password are looked for if the URL has none.
USER, PASSWORD = "SOCKIO_MONGODB_USERNAME", "SOCKIO_MONGODB_PASSWORD"

_HINTS = {
    "addCreatedAtField": "write add_created_at_field",
    "collection": "write it behind the database: mongodb://host/database.collection",
    "heartbeatInterval": "write heartbeat_interval, in seconds",
    "heartbeatTimeout": "write heartbeat_timeout, in seconds",
    "password": f"write it before the host, or set {PASSWORD}",
    "requestsTimeout": "write requests_timeout, in seconds",
    "username": f"write it before the host, or set {USER}",
}

_OURS = (
    "add_created_at_field",
    "heartbeat_interval",
    "heartbeat_timeout",
    "max_message",
    "outbox",
    "requests_timeout",
)
#: MongoDB's own, as its manual spells them; any case will do.
_MONGO = (
    "appname",
    "authMechanism",
    "authMechanismProperties",
    "authSource",
    "compressors",
    "connectTimeoutMS",
    "directConnection",
    "heartbeatFrequencyMS",
    "journal",
    "loadBalanced",
    "localThresholdMS",
    "maxConnecting",
    "maxIdleTimeMS",
    "maxPoolSize",
    "maxStalenessSeconds",
    "minPoolSize",
    "readConcernLevel",
    "readPreference",
    "readPreferenceTags",
    "replicaSet",
    "retryReads",
    "retryWrites",
    "serverMonitoringMode",
    "serverSelectionTimeoutMS",
    "socketTimeoutMS",
    "srvMaxHosts",
    "srvServiceName",
    "ssl",
    "timeoutMS",
    "tls",
    "tlsAllowInvalidCertificates",
    "tlsAllowInvalidHostnames",
    "tlsCAFile",
    "tlsCRLFile",
    "tlsCertificateKeyFile",
    "tlsCertificateKeyFilePassword",
    "tlsDisableOCSPEndpointCheck",
    "tlsInsecure",
    "w",
    "waitQueueTimeoutMS",
    "wTimeoutMS",
    "zlibCompressionLevel",
)
_SPELT = {name.lower(): name for name in _MONGO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the collection is."""

    #: What pymongo gets: without user, password and options of ours.
    uri: str
    database: str
    collection: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    #: The options of MongoDB that the URL has, in small letters.
    given: frozenset[str] = frozenset()

    def __str__(self) -> str:
        hosts = self.uri.partition("://")[2].partition("/")[0]
        return f"{hosts}/{self.database}.{self.collection}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the collection is used."""

    #: Whether documents say when they were made, for a TTL index.
    add_created_at_field: bool = True
    #: Seconds between two signs of life, and until a silent server counts as gone.
    heartbeat_interval: float = INTERVAL
    heartbeat_timeout: float = SILENCE
    #: Seconds that other servers have for an answer, where a call gives no time.
    requests_timeout: float = TIMEOUT
    #: Most bytes of one message. MongoDB takes documents of 16 MiB, but then the event
    #: that tells of one would be larger, and end the change streams of all servers.
    max_message: int = LARGEST
    #: Bytes that may wait while MongoDB is away.
    outbox: int = 64 << 20

    def checked(self, document: bytes) -> bytes:
        """Return a document that is not too large.

        Raises:
            EncodeError: It is.
        """
        most = self.max_message
        if len(document) > most:
            limit = "max_message= in the URL allows more"
            if most == LARGEST:
                limit = "a document of MongoDB has at most 16 MiB"
            raise EncodeError(
                f"the message has {len(document)} bytes, and {most} are the most for "
                f"other servers: {limit}"
            )
        return document


def parse(url: str, environ: Mapping[str, str]) -> tuple[Address, Options]:
    """Return what a URL says; values of MongoDB's own options are not checked.

    Args:
        url: See above.
        environ: Where user and password may be.

    Raises:
        ConfigError: Something in it is unknown or cannot be; the text names that.
    """
    scheme = url.partition(":")[0].lower()
    _, slashes, rest = url.partition("://")
    if scheme not in SCHEMES or not slashes:
        raise wrong(scheme, f"the URLs are {' and '.join(f'{s}://' for s in SCHEMES)}")
    if "#" in rest:
        raise wrong(scheme, "write %23 for a # in it")
    place, _, text = rest.partition("?")
    authority, _, path = place.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    if "@" in login or "/" in path:
        raise wrong(scheme, "write %40 for an @ and %2F for a / in user or password")
    if not hosts:
        raise wrong(scheme, "there is no host")
    database, dot, collection = unquote(path).partition(".")
    if not database:
        raise wrong(scheme, "name the database behind the host: host/shop")
    if dot and not collection:
        raise wrong(scheme, "name the collection behind the dot: host/shop.events")
    pairs = [
        (_SPELT.get(name.lower(), name), value)
        for name, value in parse_qsl(text, keep_blank_values=True)
    ]
    query = Query(scheme, _once(pairs), (*_OURS, *_MONGO), _HINTS)
    theirs = [
        part
        for part in text.split("&")
        if unquote(part.partition("=")[0]).lower() in _SPELT
    ]
    address = Address(
        # The name of the database is where MongoDB looks for the user.
        uri=f"{scheme}://{hosts}/{path.partition('.')[0]}?{'&'.join(theirs)}",
        database=database,
        collection=collection or COLLECTION,
        username=secret(user, environ.get(USER)),
        password=secret(password, environ.get(PASSWORD)),
        given=frozenset(name.lower() for name in query.given if name in _MONGO),
    )
    return address, _options(scheme, query)


def _once(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out what MongoDB lets people give several times."""
    several = "readPreferenceTags"
    once = [pair for pair in pairs if pair[0] != several]
    return once + [pair for pair in pairs if pair[0] == several][:1]


def _options(scheme: str, query: Query) -> Options:
    default = Options()
    options = Options(
        add_created_at_field=query.truth(
            "add_created_at_field", default.add_created_at_field
        ),
        heartbeat_interval=query.seconds(
            "heartbeat_interval", default.heartbeat_interval
        ),
        heartbeat_timeout=query.seconds("heartbeat_timeout", default.heartbeat_timeout),
        requests_timeout=query.seconds("requests_timeout", default.requests_timeout),
        max_message=query.number("max_message", LARGEST, least=1, most=LARGEST),
        outbox=query.number("outbox", default.outbox, least=1),
    )
    if options.heartbeat_timeout <= options.heartbeat_interval:
        raise wrong(scheme, "heartbeat_timeout= is longer than heartbeat_interval=")
    return options
