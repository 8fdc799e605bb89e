"""What carries the messages of a cluster."""
