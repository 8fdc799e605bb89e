"""A Django application with Socket.IO beside it, under our server and gunicorn."""

from __future__ import annotations

from tests.deployment.framework import FrameworkContract
from tests.support.deployed import OUR_WORKER, gunicorn

SERVE = ("-W", "error", "-m", "tests.deployment.apps.serve")


class Django(FrameworkContract):
    index = "a page of Django"


class TestCreateServer(Django):
    """``sockio.create_server(io.attach(app))``, in a process that is not patched."""

    command = (*SERVE, "create_server", "django_app")


class TestGunicorn(Django):
    """``gunicorn -k gevent``."""

    command = gunicorn("gevent", "tests.deployment.apps.django_app:app")


class TestOurWorker(Django):
    """``gunicorn -k sockio.integrations.gunicorn.Worker``."""

    command = gunicorn(OUR_WORKER, "tests.deployment.apps.django_app:app")
