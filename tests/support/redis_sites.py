"""Redis sites: a cluster of three nodes, and a broker that a sentinel watches."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from .ports import free_port
from .redis_server import RedisServer
from .waiting import wait_until

#: Milliseconds after which a node or a broker counts as dead.
DEAD_AFTER = "500"
SLOTS = 16384


class RedisCluster:
    """Three masters, each responsible for a third of the slots; no replicas."""

    def __init__(self) -> None:
        """Start it.

        Blocks:
            Until all nodes know each other.
        """
        self.nodes: list[RedisServer] = []
        buses = [str(free_port()) for _ in range(3)]
        with ExitStack() as stack:
            for bus in buses:
                node = RedisServer(
                    *("--cluster-enabled", "yes", "--cluster-port", bus),
                    *("--cluster-node-timeout", DEAD_AFTER),
                )
                stack.callback(node.close)
                self.nodes.append(node)
            self._introduce(buses)
            self._stack = stack.pop_all()

    def _introduce(self, buses: Sequence[str]) -> None:
        """Tell the nodes of each other, and wait until all know it."""
        for number, node in enumerate(self.nodes):
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.command("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node, bus in zip(self.nodes[1:], buses[1:], strict=True):
            self.nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        wait_until(lambda: all(self._knows_all(node) for node in self.nodes), 0.01)

    @property
    def url(self) -> str:
        """The address of one node: it names the others."""
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def move(self, slot: int, to: RedisServer) -> None:
        """Make another node responsible for a slot, which has no keys."""
        # Otherwise gossip may give it back to the one that had it.
        to.command("CLUSTER", "BUMPEPOCH")
        for node in (to, *self.nodes):
            self.tell(node, slot, to)

    def tell(self, node: RedisServer, slot: int, owner: RedisServer) -> None:
        """Tell a node who is responsible for a slot."""
        id = owner.command("CLUSTER", "MYID").split("\r\n")[1]
        node.command("CLUSTER", "SETSLOT", slot, "NODE", id)

    def close(self) -> None:
        """End it."""
        self._stack.close()

    def _knows_all(self, node: RedisServer) -> bool:
        info = node.command("CLUSTER", "INFO")
        facts = ("cluster_state:ok", "cluster_known_nodes:3", "cluster_current_epoch:3")
        return all(f"{fact}\r\n" in info for fact in facts)


class Sentinel(RedisServer):
    """Watches a broker and its replica, which are made and ended with it."""

    def __init__(self) -> None:
        """Start all three.

        Blocks:
            Until the sentinel knows both brokers.
        """
        at_once = ("--repl-diskless-sync-delay", "0")
        self.master = RedisServer(*at_once)
        replicaof = ("--replicaof", f"127.0.0.1 {self.master.port}")
        self.replica = RedisServer(*at_once, *replicaof)
        wait_until(lambda: "link_status:up" in self.replica.command("INFO"), 0.01)
        super().__init__()
        wait_until(lambda: str(self.replica.port) in self.ask("REPLICAS"), 0.01)

    @property
    def arguments(self) -> list[str]:
        path = f"{self.folder}/sentinel.conf"
        with open(path, "w") as file:
            file.write(
                f"port {self.port}\nbind 127.0.0.1\nunixsocket {self.path}\n"
                f"sentinel monitor shop 127.0.0.1 {self.master.port} 1\n"
                f"sentinel down-after-milliseconds shop {DEAD_AFTER}\n"
            )
        return [path, "--sentinel"]

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.port}/shop"

    def ask(self, question: str) -> str:
        """Return what the sentinel knows of the broker."""
        return self.command("SENTINEL", question, "shop")

    def close(self) -> None:
        super().close()
        self.master.close()
        self.replica.close()
