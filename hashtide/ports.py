"""Ports of the loopback interface."""

import random
import socket
from itertools import islice
from typing import Final

HOST: Final = "127.0.0.1"
RANGE: Final = range(20_000, 30_000)  # below those that systems give to outgoing connections, which could take ours


def listens(port: int) -> bool:
    """Whether something accepts connections there. Blocks for a second at most."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a JVM does: past connections don't count
        try:
            server.bind((HOST, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> tuple[int, ...]:
    """Different ports, picked at random, that are free just now; fewer if the range has no more."""
    return tuple(islice(filter(is_free, random.sample(RANGE, len(RANGE))), count))
