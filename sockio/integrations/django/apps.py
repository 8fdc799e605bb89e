"""Apps: what ``INSTALLED_APPS`` gets: system checks, and ``runsocketio``."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from .checks import check_databases, check_middlewares, check_server

__all__ = ["SockioConfig"]


class SockioConfig(AppConfig):  # type: ignore[misc]
    """The app ``sockio.integrations.django``."""

    name = "sockio.integrations.django"
    label = "sockio"
    verbose_name = "sockio"

    def ready(self) -> None:
        """Register the checks."""
        checks.register(check_server)
        checks.register(check_middlewares)
        checks.register(check_databases)
