"""Behind gunicorn's gevent workers, one worker, without and with TLS."""

from __future__ import annotations

import pytest

from tests.deployment.contract import DeploymentContract, wait_until_parked
from tests.support.deployed import CERTIFICATE, Deployed, gunicorn
from tests.support.http_wire import ConnectionEnded

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


@pytest.mark.parametrize("worker", ["gevent", "gevent_pywsgi", WEBSOCKET_WORKER])
def test_sigterm_ends_it_while_clients_are_connected(worker: str) -> None:
    with Deployed(*gunicorn(worker, APP, "--graceful-timeout", "1")) as server:
        client = server.client()
        websocket = client.open_socket()
        session = client.open_session()
        session.post("40")
        session.poll()
        parked = session.start_poll()
        wait_until_parked(websocket)

        assert server.stop() == 0, server.log

        server.assert_quiet()
        assert websocket.wait_closed()
        with pytest.raises(ConnectionEnded):
            parked.receive()
