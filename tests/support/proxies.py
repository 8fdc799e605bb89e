"""Proxies: nginx, HAProxy and Caddy, as the page about proxies prints them."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import gevent.socket
import gevent.ssl
import gevent.subprocess

from . import services
from .deployed import CERTIFICATE
from .http_wire import HttpConnection
from .ports import free_port
from .printed import printed
from .waiting import PATIENCE, wait_until

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
    log {{
        level ERROR
    }}
}}
{printed}
"""


class Proxy:
    """A proxy that ends TLS on a port of 127.0.0.1."""

    def __init__(self, folder: Path, *upstream: int, several: str = "") -> None:
        """Start it.

        Args:
            folder: For its files.
            upstream: The ports of the servers behind it.
            several: Of several servers: the variant of the configuration for these.

        Blocks:
            Until it accepts clients.
        """
        self._folder = folder
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.printed = self._printed(upstream, several)
        self._process = gevent.subprocess.Popen(
            self._command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"HOME": str(folder)},
        )
        #: What it has written, once it has ended.
        self.log = ""
        wait_until(self._accepts)

    def _printed(self, upstream: Sequence[int], several: str) -> str:
        raise NotImplementedError

    def _command(self) -> list[str]:
        """Write the configuration, and return what starts the proxy."""
        raise NotImplementedError

    def check(self) -> tuple[int, str]:
        """Have the program check its file; return its exit code, and what it says."""
        found = subprocess.run(
            self._checking(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=self._folder,
        )
        return found.returncode, found.stdout + found.stderr

    def _checking(self) -> list[str]:
        raise NotImplementedError

    def idle_times(self) -> dict[str, int]:
        """Return after how many seconds it gives up which idle connection to a client
        or, for a request under way, to a server."""
        raise NotImplementedError

    def kept(self) -> int:
        """Return how many seconds it keeps an idle connection to a server."""
        raise NotImplementedError

    def _accepts(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(self._process.stdout.read().decode())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def connection(self, address: str = "127.0.0.1") -> HttpConnection:
        """Open a connection from an address of this machine."""
        sock = gevent.socket.create_connection(
            ("127.0.0.1", self.port), source_address=(address, 0)
        )
        context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(CERTIFICATE)
        secure = context.wrap_socket(sock, server_hostname="localhost")
        return HttpConnection(secure, f"127.0.0.1:{self.port}")

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        said, _ = self._process.communicate()
        self.log = said.decode()


def upstreams(ports: Sequence[int]) -> Mapping[str, object]:
    """Return what stands in place of the addresses of several servers."""
    return {
        f"10.0.0.{number}:3000": f"127.0.0.1:{port}"
        for number, port in enumerate(ports, 5)
    }


def seconds(text: str, pattern: str) -> int:
    """Return the number of seconds that a directive has."""
    [found] = re.findall(pattern + r" (\d+)s", text)
    return int(found)


class Nginx(Proxy):
    """nginx."""

    def _printed(self, upstream: Sequence[int], several: str) -> str:
        text = printed(
            PAGE,
            "nginx",
            {
                "listen 443": f"listen 127.0.0.1:{self.port}",
                "chat.example.org": "127.0.0.1",
                "/etc/nginx/chat.pem": CERTIFICATE,
                "/etc/nginx/chat.key": CERTIFICATE,
                "127.0.0.1:3000": f"127.0.0.1:{upstream[0]}",
            },
        )
        if several:
            other = printed(PAGE, f"nginx-{several}", upstreams(upstream))
            text = re.sub(r"upstream chat \{.*?\n\}\n", other, text, flags=re.DOTALL)
        return text

    def _command(self) -> list[str]:
        file = self._folder / "nginx.conf"
        file.write_text(_NGINX.format(folder=self._folder, printed=self.printed))
        return [services.program("nginx"), "-p", str(self._folder), "-c", str(file)]

    def _checking(self) -> list[str]:
        return [*self._command(), "-t"]

    def idle_times(self) -> dict[str, int]:
        names = ("proxy_read_timeout", "proxy_send_timeout")
        return {name: seconds(self.printed, name) for name in names}

    def kept(self) -> int:
        return 60  # nginx's own default for an upstream's keepalive_timeout


class Haproxy(Proxy):
    """HAProxy."""

    def _printed(self, upstream: Sequence[int], several: str) -> str:
        text = printed(
            PAGE,
            "haproxy",
            {
                "bind :443": f"bind 127.0.0.1:{self.port}",
                "/etc/haproxy/chat.pem": CERTIFICATE,
                "127.0.0.1:3000": f"127.0.0.1:{upstream[0]}",
            },
        )
        if several:
            other = printed(PAGE, f"haproxy-{several}", upstreams(upstream))
            text = text[: text.index("backend chat\n")] + other
        return text

    def _command(self) -> list[str]:
        file = self._folder / "haproxy.cfg"
        file.write_text(_HAPROXY.format(printed=self.printed))
        return [services.program("haproxy"), "-db", "-f", str(file)]

    def _checking(self) -> list[str]:
        return [*self._command(), "-c"]

    def idle_times(self) -> dict[str, int]:
        names = ("timeout client", "timeout server", "timeout tunnel")
        return {name: seconds(self.printed, name) for name in names}

    def kept(self) -> int:
        return 5  # HAProxy's own pool-purge-delay


class Caddy(Proxy):
    """Caddy."""

    def _printed(self, upstream: Sequence[int], several: str) -> str:
        text = printed(
            PAGE,
            "caddy",
            {
                "chat.example.org": f"127.0.0.1:{self.port}",
                "/etc/caddy/chat.pem": CERTIFICATE,
                "/etc/caddy/chat.key": CERTIFICATE,
                "127.0.0.1:3000": f"127.0.0.1:{upstream[0]}",
            },
        )
        if several:
            other = printed(PAGE, f"caddy-{several}", upstreams(upstream))
            text = text[: text.index("    reverse_proxy")] + other + "}\n"
        return text

    def _command(self) -> list[str]:
        file = self._folder / "Caddyfile"
        file.write_text(_CADDY.format(folder=self._folder, printed=self.printed))
        return [services.program("caddy"), "run", *self._arguments(file)]

    def _checking(self) -> list[str]:
        return [services.program("caddy"), "validate", *self._arguments(self._file)]

    @property
    def _file(self) -> Path:
        return self._folder / "Caddyfile"

    @staticmethod
    def _arguments(file: Path) -> list[str]:
        return ["--adapter", "caddyfile", "--config", str(file)]

    def idle_times(self) -> dict[str, int]:
        return {}  # it gives up none

    def kept(self) -> int:
        return seconds(self.printed, "keepalive")
