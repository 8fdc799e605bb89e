"""Namespaces, and the connections that come to them."""
