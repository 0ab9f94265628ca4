"""Checks whether an address given by a server leads into our own network."""

import socket
from ipaddress import ip_address


def leads_inside(host: str) -> bool:
    """Whether any address of a host is this machine or in a network that is not global (RFC 6890).

    Blocks during the name lookup; False for a name without an address. A name may resolve to another address a moment
    later: only a firewall protects against that.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in found)
