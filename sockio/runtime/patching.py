"""Patching: whether gevent has made the threads of this process greenlets."""

from __future__ import annotations

from gevent.monkey import is_module_patched

__all__ = ["is_patched", "threads_are_greenlets"]


def threads_are_greenlets() -> bool:
    """Whether code that uses threads and sockets runs in greenlets of one thread."""
    return bool(is_module_patched("threading") and is_module_patched("socket"))


def is_patched(module: str) -> bool:
    """Whether gevent has patched a module of the standard library, for instance ssl."""
    return bool(is_module_patched(module))
