"""Ports of the loopback interface."""

import random
import socket
from itertools import islice
from typing import Final

HOST: Final = "127.0.0.1"
RANGE: Final = range(20_000, 30_000)  # below the ports of outgoing connections, which could take ours


def listens(port: int) -> bool:
    """Whether something accepts connections on the port. Blocks for one second at most."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


def is_free(port: int) -> bool:
    """Whether a server could listen on the port."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a JVM does: ignore closed connections
        try:
            server.bind((HOST, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> tuple[int, ...]:
    """Different random ports that are free now; fewer if the range has no more."""
    return tuple(islice(filter(is_free, random.sample(RANGE, len(RANGE))), count))
