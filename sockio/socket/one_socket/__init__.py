"""One socket: what comes in, what goes out, and what it waits for."""
