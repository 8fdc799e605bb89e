"""Integrations: frameworks and servers; each needs a package that sockio does not."""
