"""A Flask application with Socket.IO beside it, under our server and gunicorn."""

from __future__ import annotations

from tests.deployment.framework import FrameworkContract
from tests.support.deployed import OUR_WORKER, gunicorn

SERVE = ("-W", "error", "-m", "tests.deployment.apps.serve")


class Flask(FrameworkContract):
    index = "a page of Flask"


class TestCreateServer(Flask):
    """``sockio.create_server(io.attach(app))``, in a process that is not patched."""

    command = (*SERVE, "create_server", "flask_app")


class TestGunicorn(Flask):
    """``gunicorn -k gevent``."""

    command = gunicorn("gevent", "tests.deployment.apps.flask_app:app")


class TestOurWorker(Flask):
    """``gunicorn -k sockio.integrations.gunicorn.Worker``."""

    command = gunicorn(OUR_WORKER, "tests.deployment.apps.flask_app:app")
