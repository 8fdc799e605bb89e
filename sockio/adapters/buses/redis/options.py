"""Options: how a broker is used, as the query of its URL says (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from sockio.adapters.buses.query import Query as OfAnyBus
from sockio.adapters.buses.query import wrong
from sockio.adapters.cluster.requests import TIMEOUT
from sockio.errors import EncodeError

__all__ = ["MODES", "SUBSCRIPTION_MODES", "Options", "Query"]

#: How messages travel: classic pub/sub, sharded pub/sub, or streams.
MODES = ("pubsub", "sharded", "streams")
#: Sharded pub/sub: which rooms have channels of their own. With ``dynamic`` it is all
#: but those whose names are as long as the id of a socket.
SUBSCRIPTION_MODES = ("dynamic", "dynamic-private", "static")

_COUNTED = "there are no heartbeats: the broker counts the servers"
_HINTS = {
    "blockTimeInMs": "it is not needed here",
    "channelPrefix": "write prefix",
    "heartbeat_interval": _COUNTED,
    "heartbeat_timeout": _COUNTED,
    "heartbeatInterval": _COUNTED,
    "heartbeatTimeout": _COUNTED,
    "key": "write prefix",
    "maxLen": "write max_len",
    "onlyPlaintext": "it is not needed here",
    "readCount": "write read_count",
    "requestsTimeout": "write requests_timeout, in seconds",
    "sessionKeyPrefix": "write session_key_prefix",
    "streamCount": "write stream_count",
    "streamName": "write stream_name",
    "subscriptionMode": "write subscription_mode",
    "password": "write it before the host, or set SOCKIO_REDIS_PASSWORD",
    "username": "write it before the host, or set SOCKIO_REDIS_USERNAME",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the broker is used."""

    #: One of ``MODES``.
    mode: str = "pubsub"
    #: What the names of all channels begin with; Node calls it ``key``, and for sharded
    #: pub/sub and streams ``channelPrefix``.
    prefix: str = "socket.io"
    #: Classic pub/sub: answer only the server that asked: all others on the broker must
    #: listen there.
    publish_on_specific_response_channel: bool = False
    #: One of ``SUBSCRIPTION_MODES``.
    subscription_mode: str = "dynamic"
    #: Seconds that other servers have for an answer, where a call gives no time.
    requests_timeout: float = TIMEOUT
    #: Bytes that may wait while the broker is away.
    outbox: int = 64 << 20
    #: Most bytes of one message. A broker cuts off a server for which 32 MB wait.
    max_message: int = 16 << 20
    #: Streams: the name of the stream, or what the names of all begin with; empty: the
    #: prefix.
    stream_name: str = ""
    stream_count: int = 1
    #: Streams: about how many entries are kept, and how many are read at once.
    max_len: int = 10_000
    read_count: int = 100
    #: Streams: what the names of the sessions' keys begin with.
    session_key_prefix: str = "sio:session:"

    def fitting(self, data: bytes) -> bytes:
        """Return a message that is not too large.

        Raises:
            EncodeError: It is.
        """
        self.check(len(data))
        return data

    def check(self, size: int) -> None:
        """Check the size of a message.

        Raises:
            EncodeError: It is too large.
        """
        if size > self.max_message:
            raise EncodeError(
                f"the message has {size} bytes, and {self.max_message} are the most "
                "for other servers: max_message= in the URL allows more"
            )


#: The options of one mode alone.
_ONLY = {
    "publish_on_specific_response_channel": "pubsub",
    "subscription_mode": "sharded",
    "max_len": "streams",
    "read_count": "streams",
    "session_key_prefix": "streams",
    "stream_count": "streams",
    "stream_name": "streams",
}
_KNOWN = (
    "db",
    "max_message",
    "mode",
    "outbox",
    "prefix",
    "requests_timeout",
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    *_ONLY,
)


class Query(OfAnyBus):
    """What follows the ``?`` of a URL."""

    def __init__(self, scheme: str, text: str) -> None:
        """Read it.

        Raises:
            ConfigError: Something in it is unknown or cannot be; all calls raise this.
        """
        pairs = parse_qsl(text, keep_blank_values=True)
        super().__init__(scheme, pairs, _KNOWN, _HINTS)

    def options(self, mode: str | None) -> Options:
        """Return the options.

        Args:
            mode: The one that the scheme names; None: it names none.
        """
        default = Options()
        chosen = self.choice("mode", MODES, mode or default.mode)
        if mode is not None and chosen != mode:
            raise wrong(self._scheme, "mode= is another one than before the colon")
        for name, its_mode in _ONLY.items():
            if name in self.given and chosen != its_mode:
                raise wrong(self._scheme, f"{name}= is for mode={its_mode}")
        return Options(
            mode=chosen,
            prefix=self.text("prefix", default.prefix),
            publish_on_specific_response_channel=self.truth(
                "publish_on_specific_response_channel", False
            ),
            subscription_mode=self.choice(
                "subscription_mode", SUBSCRIPTION_MODES, default.subscription_mode
            ),
            requests_timeout=self.seconds("requests_timeout", TIMEOUT),
            outbox=self.number("outbox", default.outbox, least=1),
            max_message=self.number("max_message", default.max_message, least=1),
            stream_name=self.given.get("stream_name", default.stream_name),
            stream_count=self.number("stream_count", default.stream_count, 1, 100),
            max_len=self.number("max_len", default.max_len, least=1),
            read_count=self.number("read_count", default.read_count, 1, 10_000),
            session_key_prefix=self.given.get(
                "session_key_prefix", default.session_key_prefix
            ),
        )

    # ---- one option

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of several words."""
        value = self.given.get(name, default)
        if value not in choices:
            words = f"{', '.join(choices[:-1])} or {choices[-1]}"
            raise wrong(self._scheme, f"{name}= is {words}")
        return value
