"""Behind gunicorn's gevent workers, one worker, without and with TLS."""

from __future__ import annotations

import pytest

from tests.deployment.contract import DeploymentContract
from tests.support.deployed import CERTIFICATE, gunicorn

APP = "tests.deployment.apps.echo:app"
TLS = ("--certfile", str(CERTIFICATE), "--keyfile", str(CERTIFICATE))
WEBSOCKET_WORKER = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"

plain_and_tls = pytest.mark.parametrize(
    "server", [(), TLS], ids=["plain", "TLS"], indirect=True
)


@plain_and_tls
class TestGevent(DeploymentContract):
    """``gunicorn -k gevent``."""

    command = gunicorn("gevent", APP)


@plain_and_tls
class TestGeventPywsgi(DeploymentContract):
    """``gunicorn -k gevent_pywsgi``."""

    command = gunicorn("gevent_pywsgi", APP)


@plain_and_tls
class TestGeventWebSocketWorker(DeploymentContract):
    """The worker class of gevent-websocket."""

    command = gunicorn(WEBSOCKET_WORKER, APP)
    upgrades_first = True
