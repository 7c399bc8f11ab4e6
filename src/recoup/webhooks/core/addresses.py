"""Where webhooks may be sent: so that nobody makes Recoup speak to what only Recoup can reach.

In live mode only to public addresses and to networks that whoever runs Recoup has named; in test mode also to the
machine itself. The address judged is the one that is connected to, never the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from recoup.kit.refusals import invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_FORBIDDEN: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by providers, and clouds' own services
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's own services, beside its metadata
        "169.254.0.0/16",  # link-local, and clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and clouds' metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/96",  # unspecified, loopback, and IPv4 in the old notation
        "::ffff:0:0:0/96",  # IPv4, translated
        "64:ff9b:1::/48",  # translation within a network
        "100::/64",  # discarded
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local, and clouds' metadata
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)
"""What the registries of special-purpose addresses (IANA, RFC 6890 and its updates, read 2026-11) keep from the public
internet, and multicast."""
_LOOPBACK: Final[tuple[Network, ...]] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_LOCALHOST: Final = ip_address("127.0.0.1")
_NAT64: Final = ip_network("64:ff9b::/96")
_LOW_32: Final = (1 << 32) - 1
_NETWORKS_MAX: Final = 100


def may_be_sent_to(address: Address, *, livemode: bool, allowed: Sequence[Network] = ()) -> bool:
    """Whether a webhook may go to this address. `allowed` are networks that are all right in both modes."""
    plain = _unwrapped(address)
    if _is_in(plain, allowed) or (not livemode and _is_in(plain, _LOOPBACK)):
        return True
    return not _is_in(plain, _FORBIDDEN)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & _LOW_32) if address in _NAT64 else address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)  # of another version: not in it


def address_of(host: str) -> Address | None:
    """The address that a host is, where it is no name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks as a setting has them, separated by commas; raises ValueError."""
    found = tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    if len(found) > _NETWORKS_MAX:
        raise ValueError("too many networks")
    return found


def check_url(url: str, *, livemode: bool, allowed: Sequence[Network] = ()) -> str:
    """The URL; refuses what no webhook could be sent to. A name is judged when it is resolved, at every request."""
    host = _host(url)
    if isinstance(host, _Wrong):
        message = f"`url` must be a whole address, such as `https://shop.example/webhooks`: {host.why}."
        raise invalid("invalid_url", message, param="url")
    if livemode and url.partition(":")[0].lower() != "https":
        raise invalid("url_not_secure", "In live mode `url` must begin with `https://`.", param="url")
    address = _LOCALHOST if _is_this_machine(host) else address_of(host)
    if address is None and _ends_in_a_number(host):
        raise invalid(
            "invalid_url", f"`url` leads to {host}, which is neither a name nor an address.", param="url"
        )
    if address is not None and not may_be_sent_to(address, livemode=livemode, allowed=allowed):
        message = (
            f"`url` leads to {host}, where webhooks are not sent in {'live' if livemode else 'test'} mode: it is "
            "private, link-local, reserved, or this machine itself. Whoever runs Recoup can allow a network of "
            "their own by RECOUP_WEBHOOK_NETWORKS."
        )
        raise invalid("url_forbidden", message, param="url")
    return url


@dataclass(frozen=True, slots=True)
class _Wrong:
    why: str


def _is_this_machine(host: str) -> bool:
    """Whether a name always means the machine itself (RFC 6761)."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def _ends_in_a_number(host: str) -> bool:
    """Whether it is an address in a notation of old (`127.1`, `0x7f000001`), which no name can look like."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or last.startswith("0x")


def _host(url: str) -> str | _Wrong:
    """The host of a URL without user, fragment, blanks or a bad port."""
    if not url.isascii() or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url) or "\\" in url:
        return _Wrong(
            "it has blanks, backslashes, or letters that are not ASCII; write such a name as `xn--…`"
        )
    if url.partition(":")[0].lower() not in ("http", "https") or "://" not in url:
        return _Wrong("it must begin with `https://` (in test mode, `http://` too)")
    try:
        parts = urlsplit(url)
        port_is_good = parts.port != 0
    except ValueError:
        return _Wrong("its host or port cannot be read")
    if "@" in parts.netloc:
        return _Wrong("it must not have a user or a password")
    if parts.fragment:
        return _Wrong("it must not have a part after `#`")
    if not port_is_good:
        return _Wrong("its port cannot be read")
    return parts.hostname or _Wrong("it has no host")
