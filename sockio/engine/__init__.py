"""ENGINE.IO: sessions over HTTP and WebSocket."""
