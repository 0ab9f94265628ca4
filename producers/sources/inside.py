"""Whether an address that somebody else has named leads into our own network."""

import socket
from ipaddress import ip_address


def leads_inside(host: str) -> bool:
    """Whether a host is this machine, or of a network that is not everybody's (RFC 6890), by any of its addresses.

    Blocks while the name is looked up; what has no address leads nowhere. A name may say another thing a moment later:
    against that only a firewall helps.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in found)
