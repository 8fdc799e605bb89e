"""How a request is handed over to another process that serves the same application."""
