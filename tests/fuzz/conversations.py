"""IKE at any length, healthy and not: what a gateway's trace of a day holds, and what an attacker makes of it.

Every function gives the bytes of a pcap file of raw IP packets; ``count`` says how much of it there is. The floods of
:mod:`tests.fuzz.hostile` are of one kind of packet; here it is the combination that may cost too much: exchanges and
ICMP errors, IKE SAs and fragments that nobody can tell whose they are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import chain

from tests.fuzz.hostile import (
    AUTH,
    CLIENT,
    INFORMATIONAL,
    NONCE,
    NOTIFY,
    RESPONSE,
    SA,
    SECOND,
    SERVER,
    SK,
    SKF,
    address,
    ike,
    ip,
    payload,
    pcap,
    udp,
)

CREATE_CHILD_SA = 36
_IDI, _IDR, _EAP, _CHOSEN, _N, _D = 35, 36, 48, 33, 41, 42
COOKIE, REDIRECT = 16390, 16407
_MORE = 0x2000


def request(spi: int, kind: int, mid: int, body: bytes = bytes(200), *, inner: int = _IDI, **changes: int) -> bytes:
    """An encrypted request of the original initiator, as IKE message."""
    return ike(spi, kind, mid=mid, first=SK, body=payload(inner, body), **({"responder": spi} | changes))


def response(spi: int, kind: int, mid: int, body: bytes = bytes(200), *, inner: int = _IDR) -> bytes:
    """What answers it."""
    return ike(spi, kind, RESPONSE, mid, payload(inner, body), SK, responder=spi)


def forth(message: bytes, number: int = 1, client: bytes = CLIENT) -> bytes:
    return ip(udp(message), client, SERVER, number=number)


def back(message: bytes, number: int = 1, client: bytes = CLIENT) -> bytes:
    return ip(udp(message), SERVER, client, number=number)


def init(spi: int) -> bytes:
    return ike(spi, first=SA, body=payload(NONCE, bytes(40)) + payload(0, struct.pack("!I", spi) * 8))


def chosen(spi: int) -> bytes:
    return ike(spi, flags=RESPONSE, responder=spi, first=SA, body=payload(NONCE, bytes(40)) + payload(0, bytes(32)))


def login(spi: int) -> list[bytes]:
    """IKE_SA_INIT and IKE_AUTH, answered."""
    return [
        forth(init(spi)), back(chosen(spi)), forth(request(spi, AUTH, 1)), back(response(spi, AUTH, 1, bytes(300))),
    ]  # fmt: skip


def in_fragments(message: bytes, number: int, src: bytes = CLIENT, dst: bytes = SERVER) -> list[bytes]:
    """A message in two IP fragments, the first with 160 bytes of IP payload."""
    datagram = udp(message)
    return [
        ip(datagram[:160], src, dst, number=number, fragment=_MORE),
        ip(datagram[160:], src, dst, number=number, fragment=20),
    ]


def orphan(number: int, src: bytes = CLIENT, dst: bytes = SERVER) -> bytes:
    """A later fragment without its first."""
    return ip(bytes(16), src, dst, number=number, fragment=100)


def unreachable(quoted: bytes, code: int = 3, octets: int = 28) -> bytes:
    """An ICMP error that quotes the IP and UDP headers of a packet, or more of it."""
    return ip(struct.pack("!BBHHH", 3, code, 0, 0, 1400 if code == 4 else 0) + quoted[:octets], SERVER, CLIENT, 1)


# -- one IKE SA -------------------------------------------------------------------------------------------------------


def checks(count: int) -> Iterator[bytes]:
    """Liveness checks, answered."""
    yield from login(1)
    for n in range(2, count + 2):
        yield forth(request(1, INFORMATIONAL, n, bytes(28), inner=0))
        yield back(response(1, INFORMATIONAL, n, bytes(28), inner=0))


def checks_and_an_icmp_error(count: int) -> bytes:
    """Healthy: liveness checks, and one ICMP error about an early one."""
    early, *rest = checks(count)
    return pcap([early, unreachable(early), *rest], step=SECOND)


def checks_and_icmp_errors(count: int) -> bytes:
    """Each liveness check is answered, and an ICMP error comes as well."""
    return pcap(chain.from_iterable((packet, unreachable(packet)) for packet in checks(count)), step=SECOND)


def unanswered_and_icmp_errors(count: int) -> bytes:
    """Requests without an answer, each with an ICMP error, of different kinds by turns."""
    packets = login(1)
    for n in range(2, count + 2):
        asked = forth(request(1, INFORMATIONAL, n, inner=_N), n)
        packets += [asked, unreachable(asked, (1, 3, 4, 13)[n % 4])]
    return pcap(packets, step=SECOND)


def logins_and_icmp_errors(count: int) -> bytes:
    """IKE_AUTH upon IKE_AUTH of one IKE SA, each with a smaller message ID and an ICMP error."""
    packets = login(1)[:2]
    for n in range(1, count + 1):
        asked = forth(request(1, AUTH, count + 1 - n, inner=_EAP), n)
        packets += [asked, unreachable(asked, 4)]
    return pcap(packets, step=SECOND)


def fragmented_logins(count: int) -> bytes:
    """IKE_AUTH in IP fragments, again and again with smaller message IDs, without an answer."""
    packets = login(1)[:2]
    for n in range(count):
        packets += in_fragments(request(1, AUTH, count - n), n)
    return pcap(packets, step=SECOND)


def fragmented_checks(count: int) -> bytes:
    """Answered exchanges whose requests and answers go in IP fragments."""
    packets = login(1)
    for n in range(2, count + 2):
        packets += in_fragments(request(1, AUTH, n), n)
        packets += in_fragments(response(1, AUTH, n), n, SERVER, CLIENT)
    return pcap(packets, step=SECOND)


def skf_logins(count: int) -> bytes:
    """IKE_AUTH as SKF fragments of which the second is missing, again and again with smaller message IDs."""
    body = payload(_IDI, struct.pack("!HH", 1, 2) + bytes(100))
    packets = login(1)[:2]
    packets += [forth(ike(1, AUTH, mid=count - n, first=SKF, responder=1, body=body), n) for n in range(count)]
    return pcap(packets, step=SECOND)


def whole_skf_logins(count: int) -> bytes:
    """The same, whole and large."""
    packets = login(1)[:2]
    for n in range(count):
        for number in range(1, 18):
            body = payload(_IDI if number == 1 else 0, struct.pack("!HH", number, 17) + bytes(400))
            packets.append(forth(ike(1, AUTH, mid=count - n, first=SKF, responder=1, body=body), n * 17 + number))
    return pcap(packets, step=SECOND)


def exchanges_and_orphans(count: int) -> bytes:
    """Fragmented requests without an answer, and fragments without their first from both sides."""
    packets = login(1)[:2]
    for n in range(count):
        packets += in_fragments(request(1, AUTH, count - n), 2 * n)
        packets += [orphan(n, SERVER, CLIENT), orphan(2 * n + 1)]
    return pcap(packets, step=SECOND)


def demands(count: int, kind: int) -> Iterator[bytes]:
    """IKE_SA_INIT, answered by a demand, and again with other bytes."""
    for n in range(count):
        body = payload(0, struct.pack("!BBHI", 0, 0, kind, n))
        asked = ike(1, first=NONCE, body=payload(0, struct.pack("!I", n) * 8))
        yield forth(asked, n)
        yield back(ike(1, flags=RESPONSE, first=NOTIFY, body=body), n)


def cookies(count: int) -> bytes:
    return pcap(demands(count, COOKIE), step=SECOND)


def cookies_icmp_errors_and_orphans(count: int) -> bytes:
    packets = (
        (packet, unreachable(packet), orphan(n, SERVER, CLIENT)) for n, packet in enumerate(demands(count, COOKIE))
    )
    return pcap(chain.from_iterable(packets), step=SECOND)


def redirects(count: int) -> bytes:
    return pcap(demands(count, REDIRECT), step=SECOND)


def repeated_beginning(count: int) -> bytes:
    """IKE_SA_INIT many times, then as many requests without an answer."""
    packets = [forth(init(1), n) for n in range(count)] + [back(chosen(1))]
    packets += [forth(request(1, AUTH, count - n), n) for n in range(count)]
    return pcap(packets, step=SECOND)


def repeated_large_logins(count: int) -> bytes:
    """One IKE_AUTH in IP fragments, again and again, and ICMP errors about it."""
    packets = login(1)[:2]
    for n in range(count):
        cut = in_fragments(request(1, AUTH, 1), n)
        packets += [*cut, unreachable(cut[0], 4)]
    return pcap(packets, step=SECOND)


def rekeys(count: int) -> bytes:
    """Child SAs made anew and deleted, by both sides in turn."""
    packets = login(1)
    for n in range(2, count + 2):
        packets += [
            forth(request(1, CREATE_CHILD_SA, 2 * n, inner=_N)),
            back(response(1, CREATE_CHILD_SA, 2 * n, inner=_CHOSEN)),
            forth(request(1, INFORMATIONAL, 2 * n + 1, bytes(28), inner=_D)),
            back(response(1, INFORMATIONAL, 2 * n + 1, bytes(28), inner=_D)),
        ]  # fmt: skip
    return pcap(packets, step=SECOND)


def eap_rounds(count: int) -> bytes:
    packets = login(1)[:2]
    for n in range(1, count + 1):
        packets += [forth(request(1, AUTH, n, inner=_EAP)), back(response(1, AUTH, n, inner=_EAP))]
    return pcap([*packets, forth(request(1, AUTH, count + 1, inner=_EAP))], step=SECOND)


def many_addresses(count: int) -> bytes:
    """One IKE SA whose initiator has another address each time (MOBIKE), with ICMP errors and orphans."""
    packets = login(1)
    for n in range(2, count + 2):
        client = address(n)
        asked = forth(request(1, INFORMATIONAL, n), n, client)
        packets += [asked, orphan(n, client), unreachable(asked)]
    return pcap(packets, step=SECOND)


def both_ask(count: int) -> bytes:
    """Requests of the responder, unanswered, among answered ones of the initiator."""
    packets = login(1)
    for n in range(2, count + 2):
        packets += [forth(request(1, INFORMATIONAL, n)), back(response(1, INFORMATIONAL, n))]
        packets.append(back(request(1, INFORMATIONAL, n, flags=0)))
    return pcap(packets, step=SECOND)


def lost_at_a_load_balancer(count: int) -> bytes:
    """IKE_AUTH as often as an unprotected INVALID_IKE_SPI comes back for it."""
    packets = login(1)[:2]
    unknown = ike(1, AUTH, RESPONSE, 1, payload(0, struct.pack("!BBH", 0, 0, 4)), NOTIFY, responder=1)
    for n in range(count):
        packets += [forth(request(1, AUTH, 1), n), back(unknown, n)]
    return pcap(packets, step=SECOND)


def large_answers_lost(count: int) -> bytes:
    """IKE_SA_INIT many times, answered once; then from both sides fragments without their first."""
    packets = [forth(init(1), n) for n in range(count)] + [back(chosen(1))]
    for n in range(count):
        packets += [orphan(n), orphan(n, SERVER, CLIENT)]
    return pcap(packets, step=SECOND)


def checks_in_tcp(count: int) -> bytes:
    """Liveness checks over one TCP connection, without an answer; the third of four segments is sent twice."""
    packets, at = [], 1
    messages = [b"IKETCP", *(_framed(packet[28:]) for packet in login(1)[::2])]
    messages += [_framed(request(1, INFORMATIONAL, n, bytes(28), inner=0)) for n in range(2, count + 2)]
    for n, message in enumerate(messages):
        head = struct.pack("!HHIIBBHHH", 40_000, 4500, at, 1, 0x50, 0x18, 0xFFFF, 0, 0)
        packets += [ip(head + message, number=n, protocol=6)] * (2 if n % 4 == 2 else 1)
        at += len(message)
    return pcap(packets, step=SECOND)


def _framed(message: bytes) -> bytes:
    """As RFC 9329 section 3 puts it into a stream: length, non-ESP marker, message."""
    return struct.pack("!HI", 6 + len(message), 0) + message


#: Every conversation by name.
CONVERSATIONS: dict[str, Callable[[int], bytes]] = {
    function.__name__: function
    for function in (
        checks_and_an_icmp_error, checks_and_icmp_errors, unanswered_and_icmp_errors, logins_and_icmp_errors,
        fragmented_logins, fragmented_checks, skf_logins, whole_skf_logins, exchanges_and_orphans, cookies,
        cookies_icmp_errors_and_orphans, redirects, repeated_beginning, repeated_large_logins, rekeys,
        eap_rounds, many_addresses, both_ask, lost_at_a_load_balancer, large_answers_lost, checks_in_tcp,
    )
}  # fmt: skip
