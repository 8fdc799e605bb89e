"""nginx in front of a server, with connections that it keeps and uses for everybody."""

from __future__ import annotations

from pathlib import Path

from . import services
from .listener import Listener
from .ports import free_port

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


class Nginx(Listener):
    """A reverse proxy on a port of 127.0.0.1."""

    def __init__(self, folder: Path, *upstream: int, keep: bool = True) -> None:
        """Start it.

        Args:
            folder: For its files.
            upstream: The ports that it passes requests on to, in turns.
            keep: Use connections to them again. They are fewer than the clients, whose
                requests share them.

        Blocks:
            Until it accepts clients.
        """
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        conf = folder / "nginx.conf"
        conf.write_text(
            _CONFIGURATION.format(
                folder=folder,
                port=port,
                upstream="".join(f"server 127.0.0.1:{each};" for each in upstream),
                keep="keepalive 8;" if keep else "",
            )
        )
        super().__init__(
            [services.program("nginx"), "-p", str(folder), "-c", str(conf)], port
        )
