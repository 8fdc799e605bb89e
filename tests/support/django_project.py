"""Django project: one for all tests of a process, as Django knows no second one.

A test changes its settings with ``override_settings``.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse

_folder = Path(tempfile.mkdtemp(prefix="django-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost", "shop.example"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(_folder / "db.sqlite3"),
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "sockio.integrations.django",
    ],
    LOGGING_CONFIG=None,  # the tests' own stays
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests",
    USE_TZ=True,
)
django.setup()
call_command("migrate", verbosity=0)

# Models can be imported now, and not before.
from django.contrib.auth.models import AnonymousUser, User  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402

__all__ = ["AnonymousUser", "Session", "User", "changing"]

urlpatterns: list[Any] = []


def changing(
    change: Callable[[HttpRequest, HttpResponse], Any],
) -> Callable[[Any], Any]:
    """Make a middleware from what it does to a response; it may return another one."""

    def factory(get_response: Any) -> Any:
        def run(request: HttpRequest) -> HttpResponse:
            response = get_response(request)
            return change(request, response) or response

        return run

    return factory
