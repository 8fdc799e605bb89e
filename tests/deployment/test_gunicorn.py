"""Behind gunicorn's gevent workers and ours, one worker, without and with TLS."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import gevent.subprocess
import pytest

from tests.deployment.contract import DeploymentContract
from tests.support.deployed import (
    CERTIFICATE,
    OUR_WORKER,
    PATIENCE,
    ROOT,
    Deployed,
    gunicorn,
    page,
)
from tests.support.waiting import wait_until

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


@plain_and_tls
class TestOurs(DeploymentContract):
    """``gunicorn -k sockio.integrations.gunicorn.Worker``."""

    command = gunicorn(OUR_WORKER, APP)


def test_a_setting_that_is_not_possible_ends_gunicorn() -> None:
    ended = gevent.subprocess.run(
        [sys.executable, *gunicorn(OUR_WORKER, APP, "--threads", "2")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
    )

    assert ended.returncode == 3
    assert b"threads = 2 is not possible with the worker class" in ended.stdout
    assert b"Traceback" not in ended.stdout


def test_logs_are_opened_again(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    options = ("--access-logfile", str(log), "--graceful-timeout", "1")
    with Deployed(*gunicorn(OUR_WORKER, APP, *options)) as server:
        page(server, "/before")
        log.rename(tmp_path / "old.log")

        server.send(signal.SIGUSR1)

        wait_until(lambda: page(server, "/after") and log.exists())
        wait_until(lambda: page(server, "/after") and "GET /after" in log.read_text())
        assert "GET /before" in (tmp_path / "old.log").read_text()
        assert "GET /before" not in log.read_text()
        server.end_quietly()
