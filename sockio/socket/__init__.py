"""SOCKET.IO: server, namespaces, sockets, broadcasting."""
