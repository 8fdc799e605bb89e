"""The HTTP/1.1 server of our own: WSGI, and nothing of Engine.IO."""
