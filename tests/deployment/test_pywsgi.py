"""Behind gevent.pywsgi: plain, with gevent-websocket's handler, and as we set it up."""

from __future__ import annotations

import pytest

from tests.deployment.contract import DeploymentContract
from tests.support.deployed import CERTIFICATE

SERVE = ("-W", "error", "-m", "tests.deployment.apps.serve")

plain_and_tls = pytest.mark.parametrize(
    "server", [(), (str(CERTIFICATE),)], ids=["plain", "TLS"], indirect=True
)


@plain_and_tls
class TestPywsgi(DeploymentContract):
    """A ``WSGIServer`` of gevent with ``io.serve_handler()``."""

    command = (*SERVE, "pywsgi", "echo")


@plain_and_tls
class TestGeventWebSocket(DeploymentContract):
    """A ``WSGIServer`` with gevent-websocket's handler class."""

    command = (*SERVE, "geventwebsocket", "echo")
    upgrades_first = True


@plain_and_tls
class TestCreateServer(DeploymentContract):
    """``sockio.create_server(app)``."""

    command = (*SERVE, "create_server", "echo")
