"""WebTransport: the page shows which transport it uses, and how fast that is.

    pip install "sockio[webtransport]"
    npm ci --prefix examples/chat              # for the JavaScript client
    python examples/webtransport/server.py 3000

Then open http://127.0.0.1:3000 in Chromium or Chrome. It starts with polling and moves
to WebTransport. Without --cert and --key the server makes its own certificate, valid
for ten days, and the page trusts it by its hash. The port may also be given as PORT.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

import sockio

HERE = Path(__file__).parent
CLIENT = Path("node_modules", "socket.io-client", "dist", "socket.io.min.js")
#: Where npm may have put the client.
PACKAGES = (HERE.parent / "chat", HERE.parent.parent / "tests" / "js")


def make_certificate(folder: Path) -> tuple[Path, Path, str]:
    """Write a certificate and its key; return both paths and the hash, as a list.

    Browsers trust a certificate by its hash only if it is an ECDSA certificate that is
    valid for two weeks or less.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=10))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, SHA256())
    )
    certfile, keyfile = folder / "certificate.pem", folder / "key.pem"
    certfile.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    keyfile.touch(mode=0o600)
    keyfile.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return certfile, keyfile, str(list(hashlib.sha256(der).digest()))


def make_page(client: Path, sha256: str) -> Any:
    """Return a WSGI application that serves the page and its script."""
    text = (HERE / "index.html").read_text("utf-8").replace("CERTIFICATE_HASH", sha256)
    files = {
        "/": (text.encode(), "text/html; charset=utf-8"),
        "/socket.io.min.js": (client.read_bytes(), "text/javascript; charset=utf-8"),
    }

    def page(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body, content_type = files.get(environ["PATH_INFO"], (b"", "text/plain"))
        status = "200 OK" if body else "404 Not Found"
        length = str(len(body))
        start_response(
            status, [("Content-Type", content_type), ("Content-Length", length)]
        )
        return [body]

    return page


def main() -> None:
    parser = argparse.ArgumentParser(description="WebTransport.")
    parser.add_argument(
        "port", nargs="?", type=int, default=os.environ.get("PORT", "3000")
    )
    parser.add_argument("--cert", type=Path, help="a certificate, in PEM")
    parser.add_argument("--key", type=Path, help="its private key, in PEM")
    options = parser.parse_args()
    client = next((p / CLIENT for p in PACKAGES if (p / CLIENT).is_file()), None)
    if client is None:
        parser.error("there is no JavaScript client: npm ci --prefix examples/chat")

    io = sockio.Server(transports=["polling", "websocket", "webtransport"])

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        @socket.on("hello")
        def hello() -> str:
            return socket.conn.transport.name

    with tempfile.TemporaryDirectory() as folder:
        certfile, keyfile, sha256 = options.cert, options.key, "null"
        if certfile is None:
            certfile, keyfile, sha256 = make_certificate(Path(folder))
        io.attach(make_page(client, sha256))
        # One port number: TCP for the page, polling, WebSockets; UDP for WebTransport.
        address = ("127.0.0.1", options.port)
        io.listen_webtransport(address, str(certfile), str(keyfile))
    io.run(address)


if __name__ == "__main__":
    main()
