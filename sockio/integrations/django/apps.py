"""Apps: what ``INSTALLED_APPS`` gets: system checks, and ``runsocketio``."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.servers.basehttp import get_internal_wsgi_application

from sockio.errors import ConfigError

from .application import application, has_front
from .checks import check_databases, check_middlewares, check_server
from .setting import is_set, named_server

__all__ = ["SockioConfig", "check_application"]


class SockioConfig(AppConfig):  # type: ignore[misc]
    """The app ``sockio.integrations.django``."""

    name = "sockio.integrations.django"
    label = "sockio"
    verbose_name = "sockio"

    def ready(self) -> None:
        """Register the checks."""
        for check in (
            check_server,
            check_middlewares,
            check_databases,
            check_application,
        ):
            checks.register(check)


def check_application(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """Check that servers other than ``runsocketio`` serve Socket.IO too."""
    if not is_set():
        return []
    try:
        io = named_server()
        served = get_internal_wsgi_application()
    except (ConfigError, ImproperlyConfigured):
        return []  # other checks say so, or Django itself
    if served is application or has_front(io):
        return []
    return [
        checks.Warning(
            "WSGI_APPLICATION serves no Socket.IO: under gunicorn and runserver its "
            "clients get 404.",
            hint="In its module write: from sockio.integrations.django import "
            "application; application = application()",
            id="sockio.W002",
        )
    ]
