"""QUIC and HTTP/3 for WebTransport: aioquic's sans-IO connection, driven by gevent."""
