"""BYTES <-> PACKETS: pure functions and small decoders, no clock, no socket."""
