"""Origins: which pages may connect, as Django's settings say.

A page may connect from the origin at which it reaches the project (ALLOWED_HOSTS), from
those in CSRF_TRUSTED_ORIGINS, and from those that the server's option ``cors`` allows.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import is_same_domain

from sockio.engine.http import cors
from sockio.engine.http.cors import Cors
from sockio.engine.http.request import Request

__all__ = ["is_foreign", "is_trusted"]


def is_foreign(request: Request, django: HttpRequest, allowed: Cors | None) -> bool:
    """Whether a page that may not connect made a handshake.

    Args:
        request: The handshake.
        django: The same; its host is one of ALLOWED_HOSTS.
        allowed: The server's option ``cors``.

    Blocks:
        As long as a function given as ``cors`` does.
    """
    origin = request.header("origin")
    if origin is None:
        # Script elements send no Origin, and any page can read what they load.
        by_script = "j" in request.query
        return by_script and request.header("sec-fetch-site") != "same-origin"
    own = f"{django.scheme}://{django.get_host()}"
    if cors.normal(origin) == cors.normal(own) or is_trusted(origin):
        return False
    return allowed is None or not cors.origin_allowed(request, allowed)


def is_trusted(origin: str) -> bool:
    """Whether an origin is in CSRF_TRUSTED_ORIGINS."""
    try:
        scheme, host = urlsplit(origin.lower())[:2]
    except ValueError:
        return False
    return any(_covers(rule.lower(), scheme, host) for rule in _trusted())


def _trusted() -> list[str]:
    rules: list[str] = settings.CSRF_TRUSTED_ORIGINS
    return rules


def _covers(rule: str, scheme: str, host: str) -> bool:
    if "*" not in rule:
        return bool(host) and rule == f"{scheme}://{host}"
    theirs = urlsplit(rule)
    pattern = theirs.netloc.lstrip("*")
    return scheme == theirs.scheme and bool(is_same_domain(host, pattern))
