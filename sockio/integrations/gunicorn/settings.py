"""Settings: which of gunicorn's the worker cannot honour, and what it makes of others.

A setting that an older gunicorn does not have is as if it had its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sockio.httpd.options import HttpOptions

__all__ = ["NAMES", "http_options", "is_own", "refusals"]

#: gunicorn's names of our options, for who has to change one.
NAMES = {
    "max_line": "limit_request_field_size (--limit-request-field_size)",
    "max_request_line": "limit_request_line (--limit-request-line)",
    "max_head": "limit_request_field_size or limit_request_fields",
    "max_fields": "limit_request_fields (--limit-request-fields)",
}

_STRICT = "leave it out: requests are read strictly, as RFC 9112 says"
_HTTP_1 = "leave it out: the worker speaks HTTP/1.1, let a proxy in front speak HTTP/2"
_POSITIVE = "give a number above 0: there is always a limit"


class _Rule(NamedTuple):
    """A setting, and whether the worker can do what a value of it says."""

    name: str
    fits: Callable[[Any], bool]
    advice: str


def _absent(value: Any) -> bool:
    return not value or value == "off"


def _positive(value: Any) -> bool:
    return bool(value > 0)


_RULES = (
    _Rule(
        "threads",
        lambda value: value == 1,
        "leave it out: requests run in greenlets; more processes are -w",
    ),
    _Rule(
        "protocol",
        lambda value: value == "http",
        "leave it out: the worker speaks HTTP, let the proxy do so (nginx: proxy_pass)",
    ),
    _Rule(
        "proxy_protocol",
        _absent,
        "leave it out: let the proxy send X-Forwarded-For, and give "
        "Server(trusted_proxies=...)",
    ),
    _Rule("http_protocols", lambda value: not {"h2", "h3"} & set(value or ()), _HTTP_1),
    _Rule("http2_cleartext", _absent, _HTTP_1),
    _Rule(
        "header_map",
        lambda value: value == "drop",
        "leave it out: headers with an underscore in the name are dropped",
    ),
    _Rule("permit_obsolete_folding", _absent, _STRICT),
    _Rule("strip_header_spaces", _absent, _STRICT),
    _Rule("permit_unconventional_http_method", _absent, _STRICT),
    _Rule("permit_unconventional_http_version", _absent, _STRICT),
    _Rule("casefold_http_method", _absent, _STRICT),
    _Rule("limit_request_line", _positive, _POSITIVE),
    _Rule("limit_request_fields", _positive, _POSITIVE),
    _Rule("limit_request_field_size", _positive, _POSITIVE),
)


def refusals(cfg: Any) -> Iterator[str]:
    """Yield a line for each setting that the worker cannot honour."""
    for rule in _RULES:
        setting = cfg.settings.get(rule.name)
        if setting is not None and not rule.fits(value := setting.get()):
            yield (
                f"{rule.name} = {value!r} is not possible with the worker class "
                f"sockio.integrations.gunicorn.Worker; {rule.advice}"
            )


def http_options(cfg: Any) -> HttpOptions:
    """Return what the settings demand of requests."""
    line = cfg.limit_request_line
    field, fields = cfg.limit_request_field_size, cfg.limit_request_fields
    return HttpOptions(
        max_line=field,
        max_request_line=line,
        # Each line with its line break, and the empty one.
        max_head=line + 2 + fields * (field + 2) + 2,
        max_fields=fields,
        keep_alive=cfg.keepalive or None,
    )


def is_own(cfg: Any, name: str) -> bool:
    """Whether a hook is the operator's, not gunicorn's own."""
    setting = cfg.settings[name]
    return setting.get() is not type(setting).default
