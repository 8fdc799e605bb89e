"""Foreign options of an HTTP server: what to write instead of other servers' options.

Names that differ from ours in spelling only are not listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["GEVENT", "HTTP", "LOGGING"]

GEVENT = "leave it out, everything runs on gevent"
LOGGING = "leave it out, use the logging module, or DEBUG=socket.io* when you start"
_LOG = "write log=: a path, '-', an open file or a logger"
_ADDRESS = 'write the address in one piece: "127.0.0.1:3000"'

#: Options of Flask and Werkzeug, of Node and of gunicorn.
HTTP: Mapping[str, str] = MappingProxyType(
    {
        "host": _ADDRESS,
        "hostname": _ADDRESS,
        "port": _ADDRESS,
        "bind": _ADDRESS,
        "app": "call io.attach(app) first",
        "cert": "write certfile=",
        "certificate": "write certfile=",
        "key": "write keyfile=",
        "sslcontext": "write ssl_context=",
        "ssl": "write ssl_context=, or certfile= and keyfile=",
        "debug": LOGGING,
        "log_output": _LOG,
        "accesslog": _LOG,
        "access_log": _LOG,
        "access_logfile": _LOG,
        "access_logformat": "write access_log_format=",
        "use_reloader": "leave it out, start the program with a reloader of your own",
        "reloader_options": "leave it out, start the program with a reloader of your "
        "own",
        "allow_unsafe_werkzeug": "leave it out, this server is not Werkzeug's",
        "threaded": GEVENT,
        "processes": "leave it out, a server is one process",
        "headersTimeout": "write head_timeout, in seconds",
        "requestTimeout": "write body_timeout, in seconds",
        "keepAliveTimeout": "write keep_alive, in seconds",
        "keepalive": "write keep_alive",
        "maxHeaderSize": "write max_head",
        "limit_request_line": "write max_request_line",
        "limit_request_field_size": "write max_line",
        "limit_request_fields": "write max_fields",
    }
)
