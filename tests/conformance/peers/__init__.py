"""Peers: raw scripts for servers of Node, of Go and of ours; where they differ."""
