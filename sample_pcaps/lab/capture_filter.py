"""What a libpcap filter of simple terms lets pass: enough to show what port filters lose.

``udp port N``, ``tcp port N``, ``host ADDRESS``, ``icmp``, ``icmp6``, ``arp``, ``ip6 proto 44``, joined by ``or``. As
in libpcap, a port is looked for only in IPv4 packets at offset 0 and in IPv6 packets without extension header, and
nothing but an untagged frame matches (docs/domain/filtered-captures.md).
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Callable

from analyzer.errors import UsageError
from sample_pcaps.lab import ip

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD

Test = Callable[[int, bytes], bool]


def compile_filter(text: str) -> Test:
    """Return the test that a filter makes of a packet's EtherType and network-layer bytes.

    Examples
    --------
    >>> passes = compile_filter("udp port 500 or arp")
    >>> passes(0x0806, bytes(28))
    True
    """
    tests = [_term(term.strip()) for term in text.split(" or ")]
    return lambda ethertype, data: any(test(ethertype, data) for test in tests)


def _term(term: str) -> Test:
    if match := re.fullmatch(r"(udp|tcp) port (\d+)", term):
        return _port(ip.UDP if match[1] == "udp" else ip.TCP, int(match[2]))
    if match := re.fullmatch(r"host (\S+)", term):
        return _host(match[1])
    known: dict[str, Test] = {
        "arp": lambda ethertype, data: ethertype == ARP,
        "icmp": lambda ethertype, data: ethertype == IPV4 and data[9] == ip.ICMP,
        # Unlike a port, ICMPv6 is looked for behind a fragment header too.
        "icmp6": lambda ethertype, data: ethertype == IPV6 and data[40 if data[6] == ip.FRAGMENT else 6] == ip.ICMPV6,
        "ip6 proto 44": lambda ethertype, data: ethertype == IPV6 and data[6] == ip.FRAGMENT,
    }
    if term not in known:
        raise UsageError(f"filter: the maker does not know {term!r}")
    return known[term]


def _port(protocol: int, port: int) -> Test:
    def test(ethertype: int, data: bytes) -> bool:
        if ethertype == IPV4:
            offset = struct.unpack("!H", data[6:8])[0] & 0x1FFF
            return data[9] == protocol and not offset and port in struct.unpack("!HH", data[20:24])
        return ethertype == IPV6 and data[6] == protocol and port in struct.unpack("!HH", data[40:44])

    return test


def _host(address: str) -> Test:
    try:
        wanted = ipaddress.ip_address(address).packed
    except ValueError:
        raise UsageError(f"filter: {address!r} is no address") from None

    def test(ethertype: int, data: bytes) -> bool:
        if ethertype == IPV6:
            return len(wanted) == 16 and wanted in (data[8:24], data[24:40])
        spans = ((12, 16), (16, 20)) if ethertype == IPV4 else ((14, 18), (24, 28))
        return len(wanted) == 4 and any(data[start:end] == wanted for start, end in spans)

    return test
