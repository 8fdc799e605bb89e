"""Senders: which URL of an emitter leads to which broker, and in which language."""

from __future__ import annotations

import os
from typing import Any, Protocol

from sockio.errors import ConfigError
from sockio.protocol.socketio.msgpack_parser import parse, write
from sockio.types import Json

from .buses.mongo import url as mongo_url
from .buses.postgres import url as postgres_url
from .buses.query import wrong
from .buses.redis import url as redis_url
from .packages import needed
from .sender import Sender

__all__ = ["Encoder", "sender_of"]


class Encoder(Protocol):
    """What writes broadcasts in place of MessagePack."""

    def encode(self, value: Any, /) -> bytes:
        """Return a tree of dicts, lists, texts, numbers, None and bytes as bytes."""


def sender_of(url: str, parser: Encoder | None) -> Sender:
    """Return the way to the servers that have ``url`` as their adapter.

    Raises:
        ConfigError: There is none, or something in the URL is unknown.
    """
    if not isinstance(url, str):
        raise ConfigError(f"Emitter({type(url).__name__}): give the URL of a broker")
    scheme = url.partition(":")[0].lower()
    if scheme in redis_url.SCHEMES:
        return _redis(url, parser)
    if scheme in postgres_url.SCHEMES:
        _only_of_pubsub(parser)
        return _postgres(url)
    if scheme in mongo_url.SCHEMES:
        _only_of_pubsub(parser)
        return _mongo(url)
    # A URL may hold a password: only its scheme goes into the text.
    shown = f"{scheme}:..." if ":" in url else url
    raise ConfigError(
        f"Emitter({shown!r}): give the URL of the servers' broker, such as redis://..."
    )


def _redis(url: str, parser: Encoder | None) -> Sender:
    with needed("redis", by="Emitter('redis:...')"):
        from .buses.redis.classic_language import ClassicLanguage
        from .buses.redis.redis_sender import Language, RedisSender
        from .buses.redis.sharded_language import ShardedLanguage
        from .buses.redis.stream_language import StreamLanguage
    site, options = redis_url.parse(url, os.environ)
    language: Language
    if options.mode == "sharded":
        _only_of_pubsub(parser)
        language = ShardedLanguage(options)
    elif options.mode == "streams":
        _only_of_pubsub(parser)
        language = StreamLanguage(options)
    else:
        encode = write if parser is None else _encoder(parser)
        language = ClassicLanguage(options, encode)
    return RedisSender(site, language)


def _postgres(url: str) -> Sender:
    with needed("psycopg", by="Emitter('postgresql:...')", extra="postgres"):
        from .buses.postgres.connection import KEYWORDS, Address
        from .buses.postgres.postgres_sender import PostgresSender
    for_libpq, options = postgres_url.parse(url, KEYWORDS)
    try:
        address = Address(for_libpq)
    except ValueError as exc:
        raise wrong(url.partition(":")[0].lower(), str(exc)) from None
    return PostgresSender(address, options)


def _mongo(url: str) -> Sender:
    modules = ("bson", "pymongo")
    with needed("pymongo", by="Emitter('mongodb:...')", extra="mongo", modules=modules):
        from .buses.mongo.client import check
        from .buses.mongo.mongo_sender import MongoSender
    address, options = mongo_url.parse(url, os.environ)
    check(address)
    return MongoSender(address, options)


def _only_of_pubsub(parser: Encoder | None) -> None:
    if parser is not None:
        raise ConfigError(
            "parser= is for classic pub/sub, redis://...: nowhere else do Node's "
            "servers have one"
        )


def _encoder(parser: Encoder) -> Any:
    """Return a function that has the parser write a tree."""
    if not callable(getattr(parser, "encode", None)):
        raise ConfigError(f"parser={parser!r}: give an object with encode(value)")

    def encode(value: Json) -> bytes:
        # What MessagePack has read is made of the simplest types alone.
        data = parser.encode(parse(write(value)))
        if not isinstance(data, (bytes, bytearray)):
            raise ConfigError(f"parser={parser!r}: encode() must return bytes")
        return bytes(data)

    return encode
