"""Proxies: nginx, HAProxy and Caddy, as the page about proxies prints them."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path

import gevent.socket
import gevent.ssl

from . import services
from .deployed import CERTIFICATE
from .http_wire import HttpConnection
from .listener import Listener
from .ports import free_port
from .printed import printed
from .waiting import PATIENCE

PAGE = "proxies.rst"
#: Around what is printed: what Debian's own file has, in a folder of the test.
_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 768; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {printed}
}}
"""
_HAPROXY = """
global
    maxconn 1000
{printed}
"""
_CADDY = """
{{
    admin off
    auto_https off
    default_bind 127.0.0.1
    storage file_system {folder}
    servers {{
        # A request that comes before the UDP port of HTTP/3 is open is an error.
        protocols h1 h2
    }}
    log {{
        level ERROR
    }}
}}
{printed}
"""


class Proxy(Listener):
    """A proxy that ends TLS on a port of 127.0.0.1; a subclass for each program."""

    #: The name of its file, and what is around the printed part in it.
    file: str
    frame: str
    #: Directives of seconds: after them a silent connection is given up.
    silence: tuple[str, ...] = ()
    #: The same: how long an idle connection to a server is kept.
    kept: tuple[str, ...] = ()

    def __init__(self, folder: Path, *upstream: int, several: str = "") -> None:
        """Start it.

        Args:
            folder: For its files.
            upstream: The ports of the servers behind it.
            several: Of several servers: the variant of the configuration for these.

        Blocks:
            Until it accepts clients.
        """
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        #: Its configuration, without the frame.
        self.printed = self._one(port, upstream[0])
        if several:
            replaced = {
                f"10.0.0.{number}:3000": f"127.0.0.1:{port}"
                for number, port in enumerate(upstream, 5)
            }
            variant = printed(PAGE, f"{self.file.split('.')[0]}-{several}", replaced)
            self.printed = self._several(self.printed, variant)
        self._file = folder / self.file
        self._file.write_text(self.frame.format(folder=folder, printed=self.printed))
        super().__init__(
            self._start(self._file), port, cwd=folder, env={"HOME": str(folder)}
        )

    def _one(self, port: int, upstream: int) -> str:
        """Return what is printed for one server."""
        raise NotImplementedError

    def _several(self, one: str, variant: str) -> str:
        """Put what is printed for several servers in its place."""
        raise NotImplementedError

    def _start(self, file: Path) -> list[str]:
        raise NotImplementedError

    def _check(self, file: Path) -> list[str]:
        raise NotImplementedError

    def check(self) -> tuple[int, str]:
        """Have the program check its file; return its exit code, and what it says."""
        found = subprocess.run(
            self._check(self._file),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=self._file.parent,
        )
        return found.returncode, found.stdout + found.stderr

    def seconds(self, directive: str) -> int:
        """Return the number of seconds that a directive has."""
        [found] = re.findall(rf"\b{directive} (\d+)s", self.printed)
        return int(found)

    def connection(self, address: str = "127.0.0.1") -> HttpConnection:
        """Open a connection from an address of this machine."""
        sock = gevent.socket.create_connection(
            ("127.0.0.1", self.port), source_address=(address, 0)
        )
        context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(CERTIFICATE)
        secure = context.wrap_socket(sock, server_hostname="localhost")
        return HttpConnection(secure, f"127.0.0.1:{self.port}")


class Nginx(Proxy):
    """nginx."""

    file = "nginx.conf"
    frame = _NGINX
    silence = ("proxy_read_timeout", "proxy_send_timeout")

    def _one(self, port: int, upstream: int) -> str:
        return printed(
            PAGE,
            "nginx",
            {
                "listen 443": f"listen 127.0.0.1:{port}",
                "chat.example.org": "127.0.0.1",
                "/etc/nginx/chat.pem": CERTIFICATE,
                "/etc/nginx/chat.key": CERTIFICATE,
                "127.0.0.1:3000": f"127.0.0.1:{upstream}",
            },
        )

    def _several(self, one: str, variant: str) -> str:
        return re.sub(r"upstream chat \{.*?\n\}\n", variant, one, flags=re.DOTALL)

    def _start(self, file: Path) -> list[str]:
        return [services.program("nginx"), "-p", str(file.parent), "-c", str(file)]

    def _check(self, file: Path) -> list[str]:
        return [*self._start(file), "-t"]


class Haproxy(Proxy):
    """HAProxy."""

    file = "haproxy.cfg"
    frame = _HAPROXY
    silence = ("timeout client", "timeout server", "timeout tunnel")

    def _one(self, port: int, upstream: int) -> str:
        return printed(
            PAGE,
            "haproxy",
            {
                "bind :443": f"bind 127.0.0.1:{port}",
                "/etc/haproxy/chat.pem": CERTIFICATE,
                "127.0.0.1:3000": f"127.0.0.1:{upstream}",
            },
        )

    def _several(self, one: str, variant: str) -> str:
        return one[: one.index("backend chat\n")] + variant

    def _start(self, file: Path) -> list[str]:
        return [services.program("haproxy"), "-db", "-f", str(file)]

    def _check(self, file: Path) -> list[str]:
        return [*self._start(file), "-c"]


class Caddy(Proxy):
    """Caddy, which gives up no silent connection."""

    file = "caddy.conf"
    frame = _CADDY
    kept = ("keepalive",)

    def _one(self, port: int, upstream: int) -> str:
        return printed(
            PAGE,
            "caddy",
            {
                "chat.example.org": f"127.0.0.1:{port}",
                "/etc/caddy/chat.pem": CERTIFICATE,
                "/etc/caddy/chat.key": CERTIFICATE,
                "127.0.0.1:3000": f"127.0.0.1:{upstream}",
            },
        )

    def _several(self, one: str, variant: str) -> str:
        return one[: one.index("    reverse_proxy")] + variant + "}\n"

    def _start(self, file: Path) -> list[str]:
        return self._command("run", file)

    def _check(self, file: Path) -> list[str]:
        return self._command("validate", file)

    @staticmethod
    def _command(name: str, file: Path) -> list[str]:
        what = ["--adapter", "caddyfile", "--config", str(file)]
        return [services.program("caddy"), name, *what]
