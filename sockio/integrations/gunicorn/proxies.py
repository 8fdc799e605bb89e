"""Proxies: what those that gunicorn's settings trust say of a request.

These are the scheme (``secure_scheme_headers``) and the headers with an underscore
(``forwarder_headers``), such as ``SCRIPT_NAME``. Nobody else is believed.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from sockio.httpd.request_head import Refused
from sockio.types import Environ

__all__ = ["Proxies"]

#: A header line whose name has an underscore.
_UNDERSCORE = re.compile(rb"^([^:\r\n]*_[^:\r\n]*):[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)
#: What releases of gunicorn without the setting believe.
_FORWARDED = ("SCRIPT_NAME", "PATH_INFO")


class Proxies:
    """The proxies in front of one worker."""

    def __init__(self, cfg: Any) -> None:
        allowed = cfg.forwarded_allow_ips
        if isinstance(allowed, str):
            allowed = [one.strip() for one in allowed.split(",") if one.strip()]
        self._everybody = "*" in allowed
        self._networks = [
            ip_network(one, strict=False) for one in allowed if one != "*"
        ]
        #: The names in environ of the headers that tell the scheme, and what they say
        #: if it is https.
        self._schemes = [
            (f"HTTP_{name.upper().replace('-', '_')}", value)
            for name, value in cfg.secure_scheme_headers.items()
        ]
        self._forwarded = frozenset(getattr(cfg, "forwarder_headers", _FORWARDED))
        self._believed = lru_cache(maxsize=1024)(self._is_allowed)

    def believes(self, address: Any) -> bool:
        """Whether a peer is one of them; whoever talks over a Unix socket is."""
        return not isinstance(address, tuple) or self._believed(address[0])

    def _is_allowed(self, host: str) -> bool:
        if self._everybody:
            return True
        try:
            known = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(known in network for network in self._networks)

    def tell(self, environ: Environ, address: Any, block: bytes) -> None:
        """Complete ``environ`` with what the peer at ``address`` may say.

        Args:
            block: The header lines of the request, as they came.

        Raises:
            Refused: It contradicts itself.
            ValueError: The path is not below ``SCRIPT_NAME``.
        """
        script = os.environ.get("SCRIPT_NAME", "")
        if self.believes(address):
            self._tell_scheme(environ)
            for name, value in _UNDERSCORE.findall(block):
                self._forward(environ, name.decode("latin-1"), value.decode("latin-1"))
            script = environ.get("HTTP_SCRIPT_NAME", script)
        if script:
            path = environ["PATH_INFO"]
            if not path.startswith(script):
                raise ValueError(
                    f"the path {path!a} is not below SCRIPT_NAME {script!a}"
                )
            environ["SCRIPT_NAME"] = script
            environ["PATH_INFO"] = path[len(script) :]

    def _tell_scheme(self, environ: Environ) -> None:
        said = {
            environ[name] == secure for name, secure in self._schemes if name in environ
        }
        if len(said) > 1:
            raise Refused("its headers contradict each other about the scheme")
        if said:
            environ["wsgi.url_scheme"] = "https" if said.pop() else "http"

    def _forward(self, environ: Environ, name: str, value: str) -> None:
        name = name.upper()
        if name in self._forwarded or "*" in self._forwarded:
            key = f"HTTP_{name.replace('-', '_')}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
