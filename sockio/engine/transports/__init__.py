"""The ways to carry packets between a session and its client."""
