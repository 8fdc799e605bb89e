"""Metrics: what a server tells Prometheus about itself and its siblings."""
