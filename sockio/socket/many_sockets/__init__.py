"""Many sockets at once: addressing, broadcasts, their answers, remote sockets."""
