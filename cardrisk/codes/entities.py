"""Addresses and devices, made equal where they are the same before they become tokens.

Correct when two writings of one address give one text, and anything that is no address still gives some text.
"""

import re
from ipaddress import IPv6Address, ip_address
from typing import Final

LONGEST: Final = 256
"""Characters read of a device or an address; identifiers in use are far shorter."""
_IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
_IPV6_NETWORK: Final = 0xFFFF_FFFF_FFFF_FFFF << 64


def address(text: str) -> str:
    """Return an IP address in one writing; IPv6 as its /64 network, for that is what one customer is given.

    IPv4 written as IPv6 (``::ffff:192.0.2.1``) is IPv4. What is no address is kept, case-folded: some platforms
    hand in addresses they have hashed themselves.
    """
    if _IPV4.fullmatch(text):
        return text
    plain = text.strip()[:LONGEST]
    if _IPV4.fullmatch(plain):
        return plain
    try:
        found = ip_address(plain.partition("%")[0].strip("[]"))
    except ValueError:
        return plain.casefold()
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Address(int(found) & _IPV6_NETWORK))
    return str(found)


def device(text: str) -> str:
    """Return a device identifier without outer spaces, case-folded, at most 256 characters."""
    return text.strip()[:LONGEST].casefold()
