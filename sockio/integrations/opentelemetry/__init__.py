"""OpenTelemetry: a span for each call of the application's code; ``sockio[otel]``."""

from .tracing import trace as trace

__all__ = ["trace"]
