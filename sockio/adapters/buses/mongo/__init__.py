"""MongoDB as a bus, with Node's servers on it."""
