"""As a program: serve an application of these tests with a server of gevent's kind.

python -m tests.deployment.apps.serve KIND APP [CERTIFICATE]
"""

from __future__ import annotations

import importlib
import signal
import ssl
import sys
from typing import Any

#: Servers that work only in a process that gevent has patched.
PATCHED = ("werkzeug",)

if __name__ == "__main__" and sys.argv[1] in PATCHED:
    from gevent import monkey

    monkey.patch_all()

import gevent.ssl  # noqa: E402 - only after the process was patched


def create_server(app: Any, **tls: Any) -> None:
    import sockio

    server = sockio.create_server(app).listen(("127.0.0.1", 0), **tls)
    announce(server.address)
    gevent.signal_handler(signal.SIGTERM, server.close)
    server.serve_forever()


def pywsgi(app: Any, **options: Any) -> None:
    from gevent.pywsgi import WSGIServer

    server = WSGIServer(("127.0.0.1", 0), app, **options)
    server.start()
    announce(server.address)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    server.serve_forever()


def geventwebsocket(app: Any, **tls: Any) -> None:
    from geventwebsocket.handler import WebSocketHandler

    pywsgi(app, handler_class=WebSocketHandler, **tls)


def werkzeug(app: Any, **tls: Any) -> None:
    from .flask_app import flask_app

    # Like an interrupt by the keyboard, but never in the middle of a request.
    main = gevent.getcurrent()
    gevent.signal_handler(signal.SIGTERM, gevent.kill, main, KeyboardInterrupt())
    flask_app.run("127.0.0.1", 0, **tls)


def announce(address: Any) -> None:
    print(f"Listening at: http://127.0.0.1:{address[1]}")


def main(kind: str, name: str, certificate: str | None = None) -> None:
    app = importlib.import_module(f"{__package__}.{name}").app
    tls = {}
    if certificate is not None:
        tls["ssl_context"] = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls["ssl_context"].load_cert_chain(certificate)
    globals()[kind](app, **tls)


if __name__ == "__main__":
    main(*sys.argv[1:])
