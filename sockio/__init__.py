"""sockio: a Socket.IO server for WSGI and gevent, in blocking style."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

#: Where each public name lives; loaded on first use.
_HOME = {
    "AckError": "errors",
    "AckTimeout": "errors",
    "Basic": "admin.options",
    "BroadcastOperator": "socket.many_sockets.broadcast",
    "BrokerError": "errors",
    "BufferFull": "errors",
    "BufferPolicy": "engine.options",
    "Call": "runtime.surroundings",
    "Client": "socket.namespace.connection",
    "ClusterTimeout": "errors",
    "ConfigError": "errors",
    "ConnectError": "errors",
    "Cookie": "engine.http.cookie",
    "Cors": "engine.http.cors",
    "Deflate": "engine.options",
    "Disconnected": "errors",
    "EncodeError": "errors",
    "Emitter": "emitter",
    "EngineServer": "engine.server",
    "EngineSession": "engine.session",
    "Event": "runtime.event_names",
    "EventRejected": "errors",
    "Forbidden": "errors",
    "HTTPServer": "httpd.server",
    "Handshake": "socket.handshake",
    "HttpCompression": "engine.http.compression",
    "InboxFull": "errors",
    "InboxPolicy": "engine.intake",
    "JsonParser": "protocol.socketio.json_parser",
    "Metrics": "socket.options",
    "MsgpackParser": "protocol.socketio.msgpack_parser",
    "Namespace": "socket.namespace.namespace",
    "NamespaceHandler": "socket.namespace.handler",
    "NotSupported": "errors",
    "Observer": "runtime.observers",
    "Packet": "protocol.socketio.packet",
    "PacketType": "protocol.socketio.packet",
    "ParentNamespace": "socket.namespace.parent",
    "Parser": "protocol.socketio.parser",
    "ProtocolError": "errors",
    "RateLimited": "errors",
    "Reason": "socket.reasons",
    "Recovery": "socket.options",
    "RemoteSocket": "socket.many_sockets.remote_socket",
    "Request": "engine.http.request",
    "ReservedEventError": "errors",
    "Response": "engine.http.response",
    "Server": "socket.server.server",
    "ServerStats": "socket.server.stats",
    "SockioError": "errors",
    "Socket": "socket.one_socket.socket",
    "SocketOperator": "socket.one_socket.operator",
    "__version__": "build",
    "alias": "socket.events",
    "compiled": "build",
    "create_server": "httpd.server",
    "event": "socket.events",
    "instrument": "admin.instrument",
    "prefix": "socket.events",
}

if TYPE_CHECKING:
    from . import build as _build
    from .admin.instrument import instrument as instrument
    from .admin.options import Basic as Basic
    from .build import compiled as compiled
    from .emitter import Emitter as Emitter
    from .engine.http.compression import HttpCompression as HttpCompression
    from .engine.http.cookie import Cookie as Cookie
    from .engine.http.cors import Cors as Cors
    from .engine.http.request import Request as Request
    from .engine.http.response import Response as Response
    from .engine.intake import InboxPolicy as InboxPolicy
    from .engine.options import BufferPolicy as BufferPolicy
    from .engine.options import Deflate as Deflate
    from .engine.server import EngineServer as EngineServer
    from .engine.session import EngineSession as EngineSession
    from .errors import AckError as AckError
    from .errors import AckTimeout as AckTimeout
    from .errors import BrokerError as BrokerError
    from .errors import BufferFull as BufferFull
    from .errors import ClusterTimeout as ClusterTimeout
    from .errors import ConfigError as ConfigError
    from .errors import ConnectError as ConnectError
    from .errors import Disconnected as Disconnected
    from .errors import EncodeError as EncodeError
    from .errors import EventRejected as EventRejected
    from .errors import Forbidden as Forbidden
    from .errors import InboxFull as InboxFull
    from .errors import NotSupported as NotSupported
    from .errors import ProtocolError as ProtocolError
    from .errors import RateLimited as RateLimited
    from .errors import ReservedEventError as ReservedEventError
    from .errors import SockioError as SockioError
    from .httpd.server import HTTPServer as HTTPServer
    from .httpd.server import create_server as create_server
    from .protocol.socketio.json_parser import JsonParser as JsonParser
    from .protocol.socketio.msgpack_parser import MsgpackParser as MsgpackParser
    from .protocol.socketio.packet import Packet as Packet
    from .protocol.socketio.packet import PacketType as PacketType
    from .protocol.socketio.parser import Parser as Parser
    from .runtime.event_names import Event as Event
    from .runtime.observers import Observer as Observer
    from .runtime.surroundings import Call as Call
    from .socket.events import alias as alias
    from .socket.events import event as event
    from .socket.events import prefix as prefix
    from .socket.handshake import Handshake as Handshake
    from .socket.many_sockets.broadcast import BroadcastOperator as BroadcastOperator
    from .socket.many_sockets.remote_socket import RemoteSocket as RemoteSocket
    from .socket.namespace import connection as _connection
    from .socket.namespace.handler import NamespaceHandler as NamespaceHandler
    from .socket.namespace.namespace import Namespace as Namespace
    from .socket.namespace.parent import ParentNamespace as ParentNamespace
    from .socket.one_socket.operator import SocketOperator as SocketOperator
    from .socket.one_socket.socket import Socket as Socket
    from .socket.options import Metrics as Metrics
    from .socket.options import Recovery as Recovery
    from .socket.reasons import Reason as Reason
    from .socket.server.server import Server as Server
    from .socket.server.stats import ServerStats as ServerStats

    Client: TypeAlias = _connection.Connection
    __version__ = _build.VERSION

__all__ = sorted(_HOME)

#: Public names that have another name in their module.
_ALIASES = {"Client": "Connection", "__version__": "VERSION"}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'sockio' has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), _ALIASES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
