"""Request fields: what log records about a request say beside their text."""

from __future__ import annotations

from sockio.runtime.log_fields import About

from .request import Request

__all__ = ["about"]


def about(request: Request) -> About:
    """Return what is known of the client of ``request``."""
    return {
        "transport": request.query.get("transport"),
        "address": request.remote_address or None,
    }
