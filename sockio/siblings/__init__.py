"""Siblings: the other processes of this host that serve the same application."""
