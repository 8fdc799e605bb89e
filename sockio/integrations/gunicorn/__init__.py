"""A worker class for gunicorn that serves with our own HTTP server."""

from .worker import Worker

__all__ = ["Worker"]
