"""Many IKE SAs: of two hosts by turns or in a row, of many hosts, and beside other traffic; at any length.

As in :mod:`tests.fuzz.conversations`, every function gives the bytes of a pcap file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import chain

from tests.fuzz.conversations import (
    CREATE_CHILD_SA,
    back,
    chosen,
    forth,
    init,
    login,
    orphan,
    request,
    response,
    unreachable,
)
from tests.fuzz.hostile import AUTH, CLIENT, INFORMATIONAL, SECOND, SERVER, address, ip, pcap, udp

_CHOSEN, _D = 33, 42


# -- many IKE SAs of two hosts ----------------------------------------------------------------------------------------


def _beginnings(count: int) -> list[bytes]:
    return [forth(init(n), n) for n in range(1, count + 1)]


def _goings_on(count: int) -> list[bytes]:
    return [forth(request(n, AUTH, 1, responder=0), n) for n in range(1, count + 1)]


def interleaved_and_icmp_errors(count: int) -> bytes:
    """IKE SAs that all begin, then ICMP errors that could be about any of them, then all go on."""
    return pcap([*_beginnings(count), *[unreachable(forth(b"")[:28], 4)] * count, *_goings_on(count)])


def interleaved_and_orphans(count: int) -> bytes:
    """The same with fragments without their first."""
    return pcap([*_beginnings(count), *map(orphan, range(count)), *_goings_on(count)])


def interleaved_and_answered(count: int) -> bytes:
    """IKE SAs of two hosts whose messages alternate, all healthy, with an ICMP error and an orphan for each."""
    logins = [login(n) for n in range(1, count + 1)]
    disturbed = [packet for n, one in enumerate(logins) for packet in (unreachable(one[0]), orphan(n))]
    asked, answered, *rest = zip(*logins, strict=True)
    return pcap([*asked, *answered, *disturbed, *chain.from_iterable(rest)])


def one_after_the_other(count: int) -> bytes:
    """IKE SAs of two hosts in turn, each with unanswered IKE_AUTH, ICMP errors and orphans."""
    packets = []
    for n in range(1, count + 1):
        packets += [*login(n)[:3], unreachable(forth(init(n)), 4), orphan(n), unreachable(forth(init(n)), 13, 60)]
    return pcap(packets, step=SECOND)


def rekeyed_again(count: int) -> bytes:
    """Each IKE SA makes the next one by CREATE_CHILD_SA and is deleted; an ICMP error each time."""
    packets = login(1)
    for n in range(1, count + 1):
        packets += [
            forth(request(n, CREATE_CHILD_SA, 2)), back(response(n, CREATE_CHILD_SA, 2)),
            forth(request(n + 1, INFORMATIONAL, 0, bytes(28), inner=0)),
            back(response(n + 1, INFORMATIONAL, 0, bytes(28), inner=0)),
            forth(request(n, INFORMATIONAL, 3, bytes(28), inner=_D)),
            back(response(n, INFORMATIONAL, 3, bytes(28), inner=_D)), unreachable(forth(b"")[:28]),
        ]  # fmt: skip
    return pcap(packets, step=SECOND)


def twice_each(count: int) -> bytes:
    """Logins of two hosts, each packet captured twice."""
    return pcap(packet for n in range(1, count + 1) for one in login(n) for packet in (one, one))


def the_same_bytes(count: int) -> bytes:
    """One packet, again and again at the same time, with its IP identification."""
    return pcap([forth(init(1))] * count, step=0)


# -- beside other traffic ---------------------------------------------------------------------------------------------


def beside_tcp(count: int) -> bytes:
    """Attempts in vain, each with a TCP handshake to port 4500 of the same gateway."""
    packets = []
    for n, asked in enumerate(_beginnings(count)):
        syn = struct.pack("!HHIIBBHHHBBH", n & 0xFFFF, 4500, n, 0, 0x60, 2, 0, 0, 0, 2, 4, 1000 + n % 400)
        packets += [asked, asked, asked, ip(syn, protocol=6)]
    return pcap(packets, step=SECOND)


def beside_pings(count: int) -> bytes:
    """Attempts in vain, each with a ping of another size, the smaller ones answered."""
    packets = []
    for n, asked in enumerate(_beginnings(count)):
        body = struct.pack("!HHH", 0, 1, n) + bytes(n)
        packets += [asked, ip(b"\x08\0" + body, protocol=1, fragment=0x4000)]
        if n < count // 2:
            packets.append(ip(b"\0\0" + body, SERVER, CLIENT, protocol=1, fragment=0x4000))
    return pcap(packets, step=SECOND)


def beside_names(count: int) -> bytes:
    """DNS lookups of as many VPN gateways, which fail, and of as many other names, which do not."""

    def lookup(name: bytes, rcode: int) -> bytes:
        answer = bytes.fromhex("c00c 0001 0001 00000000 0004") + SERVER if not rcode else b""
        head = struct.pack("!6H", 1, 0x8180 | rcode, 1, bool(answer), 0, 0)
        labels = b"".join(bytes([len(label)]) + label for label in name.split(b"."))
        return ip(udp(head + labels + b"\0\0\1\0\1" + answer, 53, 40_000), SERVER, CLIENT)

    names = ((b"vpn%d.example.org" % n, b"www%d.example.net" % n) for n in range(count))
    return pcap(packet for one, other in names for packet in (lookup(one, 3), lookup(other, 0)))


def answers_of_others(count: int) -> bytes:
    """Attempts in vain of one client that gets as many answers with SPIs that it never sent."""
    astray = (back(chosen(count + n), n) for n in range(1, count + 1))
    return pcap(chain.from_iterable(zip(_beginnings(count), astray, strict=True)), step=SECOND)


# -- many hosts -------------------------------------------------------------------------------------------------------


def _ip6(body: bytes, src: int, dst: int) -> bytes:
    def host(number: int) -> bytes:
        return bytes.fromhex("20010db8") + number.to_bytes(12, "big")

    return struct.pack("!IHBB", 6 << 28, len(body), 17, 64) + host(src) + host(dst) + body


def failing_over_ipv6(count: int) -> bytes:
    """IKE_SA_INIT of as many hosts over IPv6, without an answer."""
    return pcap(_ip6(udp(init(n)), 1 + n, 1) for n in range(1, count + 1))


def failing_for_one_gateway(count: int) -> bytes:
    """IKE_SA_INIT of as many hosts, each repeated twice, without an answer."""
    return pcap(forth(init(n), n, address(n)) for n in range(1, count + 1) for _ in range(3))


def esp_of_many(count: int) -> bytes:
    """As many logins of two hosts, each with ESP both ways."""
    packets = []
    for n in range(1, count + 1):
        esp = [ip(struct.pack("!II", 256 + n, 1) + bytes(32), *ends, protocol=50) for ends in
               ((CLIENT, SERVER), (SERVER, CLIENT))]  # fmt: skip
        packets += [*login(n), *esp]
    return pcap(packets)


#: Every crowd by name.
CROWDS: dict[str, Callable[[int], bytes]] = {
    function.__name__: function
    for function in (
        interleaved_and_icmp_errors, interleaved_and_orphans, interleaved_and_answered, one_after_the_other,
        rekeyed_again, twice_each, the_same_bytes, failing_over_ipv6, failing_for_one_gateway, esp_of_many,
        beside_tcp, beside_pings, beside_names, answers_of_others,
    )
}  # fmt: skip
