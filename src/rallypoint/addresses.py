"""Which network addresses lie outside. Our own list: the standard library's `is_global` lets NAT64, 6to4 and others by.

IPv6 addresses that carry an IPv4 address inside (mapped, NAT64, 6to4, ISATAP) are judged by the one they carry.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

PRIVATE = "a private network"
NEVER = "an address nobody serves"

_INSIDE4 = {
    "10.0.0.0/8": PRIVATE,
    "172.16.0.0/12": PRIVATE,
    "192.168.0.0/16": PRIVATE,
    "100.64.0.0/10": "a carrier's private network",
    "127.0.0.0/8": "this machine",
}
_NEVER4 = {
    "0.0.0.0/8": NEVER,
    "169.254.0.0/16": "the local link, where clouds keep their credentials",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "the old 6to4 relay",
    "198.18.0.0/15": "benchmarks",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": NEVER,
}
_INSIDE6 = {"::1/128": "this machine", "fc00::/7": PRIVATE}
_NEVER6 = {
    "fd00:ec2::/32": "where a cloud keeps its credentials",
    "fe80::/10": "the local link",
    "ff00::/8": "multicast",
    "64:ff9b:1::/48": "a local translation to IPv4",
    "2001::/23": "protocol assignments, Teredo among them",
    "2001:db8::/32": "documentation",
    "3fff::/20": "documentation",
}
_UNICAST6 = IPv6Network("2000::/3")
"""All of IPv6 that is given out to the public; what lies elsewhere is refused without a list."""
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_ISATAP = {0x00005EFE, 0x02005EFE}

_inside4 = [(IPv4Network(net), why) for net, why in _INSIDE4.items()]
_never4 = [(IPv4Network(net), why) for net, why in _NEVER4.items()]
_inside6 = [(IPv6Network(net), why) for net, why in _INSIDE6.items()]
_never6 = [(IPv6Network(net), why) for net, why in _NEVER6.items()]


def refusal(address: str, *, private_allowed: bool = False) -> str:
    """Why this address must not be called: where it leads, in words. Empty if it may be.

    `private_allowed` opens loopback and private networks; the local link and multicast stay shut.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "something that is not an address"
    carried = parsed if isinstance(parsed, IPv4Address) else _carried(parsed)
    if carried is not None:
        return _judge4(carried, private_allowed)
    assert isinstance(parsed, IPv6Address)
    return _judge6(parsed, private_allowed)


def _judge4(address: IPv4Address, private_allowed: bool) -> str:
    rules = _never4 if private_allowed else _never4 + _inside4
    return next((why for network, why in rules if address in network), "")


def _judge6(address: IPv6Address, private_allowed: bool) -> str:
    if why := next((why for network, why in _never6 if address in network), ""):
        return why
    if why := next((why for network, why in _inside6 if address in network), ""):
        return "" if private_allowed else why
    return "" if address in _UNICAST6 else NEVER


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 one, if it is of a kind that has one."""
    number = int(address)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(number & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address((number >> 80) & 0xFFFFFFFF)
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return None
