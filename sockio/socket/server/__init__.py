"""The server: its namespaces, its life, its tasks."""
