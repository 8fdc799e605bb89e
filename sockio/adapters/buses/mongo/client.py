"""Client: pymongo's client for an address; nothing here connects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import parse_uri

from sockio.adapters.buses.query import wrong

if TYPE_CHECKING:
    from .url import Address

__all__ = ["check", "make"]

#: Options of MongoDB's, where the URL says nothing. Whether a server is there we see by
#: the change stream, so pymongo need not keep two more connections for that.
_DEFAULTS: Mapping[str, Any] = {
    "appname": "sockio",
    "connectTimeoutMS": 5000,
    "serverMonitoringMode": "poll",
    "serverSelectionTimeoutMS": 5000,
    "socketTimeoutMS": 10000,
}
#: What may hold a secret that pymongo's errors repeat.
_SECRET = frozenset(("authmechanismproperties", "tlscertificatekeyfilepassword"))


def make(address: Address) -> MongoClient[Any]:
    """Return a client that connects when it is first used."""
    options: dict[str, Any] = {}
    for name, value in _DEFAULTS.items():
        if name.lower() not in address.given:
            options[name] = value
    if address.username is not None:
        options |= {"username": address.username, "password": address.password}
    return MongoClient(address.uri, connect=False, **options)


def check(address: Address) -> None:
    """Check the values of MongoDB's own options.

    Raises:
        ConfigError: One cannot be.
    """
    scheme, _, rest = address.uri.partition("://")
    try:
        # In the other form, the name of the service would be looked up.
        parse_uri(f"mongodb://{rest}", warn=False)
        make(address).close()
    except (ConfigurationError, InvalidURI, OSError, TypeError, ValueError) as exc:
        text = "pymongo refuses it" if address.given & _SECRET else str(exc)
        raise wrong(scheme, text) from None
