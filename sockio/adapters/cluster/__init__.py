"""SEVERAL SERVERS THAT ACT AS ONE: a local half, and a bus to the others."""
