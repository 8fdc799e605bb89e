"""The commands: the arguments of each, and what runs it."""
