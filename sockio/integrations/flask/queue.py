"""Queue: Flask-SocketIO's ``message_queue`` and ``channel`` as one of our buses.

The processes that share it are all sockio's: the messages that python-socketio writes
to its queues are another format.
"""

from __future__ import annotations

from urllib.parse import quote

from sockio.errors import ConfigError

__all__ = ["adapter_url"]

_FOREIGN = ("amqp", "kafka", "kombu", "memory", "pyamqp", "sqs", "zmq", "zmq+tcp")


def adapter_url(queue: str, channel: str | None) -> str:
    """Return the URL for ``adapter=``.

    Args:
        queue: The ``message_queue``, a URL.
        channel: Separates servers that do not belong together.

    Raises:
        ConfigError: There is no such bus, or no such channel.
    """
    if not isinstance(queue, str):
        raise ConfigError(f"message_queue={queue!r}: give the URL of a broker")
    scheme = queue.partition(":")[0]
    if scheme.lower() in _FOREIGN:
        raise ConfigError(
            f"message_queue='{scheme}:...': there is no such bus; docs/adapters.rst "
            "lists those that there are, such as redis://"
        )
    if channel is None:
        return queue
    if not isinstance(channel, str) or not channel:
        raise ConfigError(f"channel={channel!r}: give a name")
    separator = "&" if "?" in queue else "?"
    return f"{queue}{separator}prefix={quote(channel, safe='')}"
