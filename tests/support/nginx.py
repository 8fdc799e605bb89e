"""nginx in front of a server, with connections that it keeps and uses for everybody."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from types import TracebackType

import gevent.subprocess

from . import services
from .ports import free_port
from .waiting import wait_until

_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    upstream workers {{ {upstream} {keep} }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 10m;
        location / {{
            proxy_pass http://workers;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


class Nginx:
    """A reverse proxy on a port of 127.0.0.1."""

    def __init__(self, folder: Path, *upstream: int, keep: bool = True) -> None:
        """Start it.

        Args:
            folder: For its files.
            upstream: The ports that it passes requests on to, in turns.
            keep: Use connections to them again. They are fewer than the clients, whose
                requests share them.
        """
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        conf = folder / "nginx.conf"
        conf.write_text(
            _CONFIGURATION.format(
                folder=folder,
                port=self.port,
                upstream="".join(f"server 127.0.0.1:{port};" for port in upstream),
                keep="keepalive 8;" if keep else "",
            )
        )
        command = [services.program("nginx"), "-p", str(folder), "-c", str(conf)]
        self._process = gevent.subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        #: What it has complained about, once it has ended.
        self.log = ""
        wait_until(self._accepts)

    def _accepts(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(self._process.stderr.read().decode())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Nginx:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        _, complaints = self._process.communicate()
        self.log = complaints.decode()
