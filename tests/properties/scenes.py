"""Captures for properties: failing, healthy and undecided ones, made from ladders; what became of each is known."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make

_HOSTS = "C = 10.0.0.2 (nat 198.51.100.7)  S = 203.0.113.7  mtu 1400\nat C\n"
_HOSTS6 = "C = 2001:db8:1::2  S = 2001:db8:2::7  mtu 1400\nat C\n"
_SUITE = "SA(aes256gcm16-prfsha384-ecp384) KE No"
_NATD = "NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP"
_INIT = f"""
+0.000 C:500 > S:500 IKE_SA_INIT request  {_SUITE} N({_NATD})
+0.030 C:500 < S:500 IKE_SA_INIT response {_SUITE} N({_NATD})
"""
_ESP = """
+0.400 C:4500 > S:4500 ESP spi 0x5c1e70a4 count 5 size 180 every +0.150
+0.431 C:4500 < S:4500 ESP spi 0xc9d2138b count 5 size 1348 every +0.150
"""
_TAIL = "+20 C > S ICMP echo-request\n"

LADDERS = {
    "lost": _HOSTS + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +3.000
""" + _TAIL,
    "lost6": _HOSTS6 + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +3.000
""" + _TAIL,
    # Sent once or twice: a copy taken for another attempt would make the silence weigh more.
    "lost-once": _HOSTS + _INIT + "+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3\n" + _TAIL,
    "blocked-once": _HOSTS + _INIT + "+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi}\n" + _TAIL,
    "silent-once": _HOSTS + f"+0 C:500 > S:500 IKE_SA_INIT request {_SUITE} N({_NATD})\n" + _TAIL,
    "blocked-twice": _HOSTS + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x2 at +1.000
+4 C > S ICMP echo-request
""",
    "response-lost": _HOSTS + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +3.000
+0.2 C:4500 < S:4500 IKE_AUTH response 2900 SK{IDr} ip-fragments 3 lost 2,3
+1.2 C:4500 < S:4500 IKE_AUTH response 2900 SK{IDr} ip-fragments 3 lost 2,3
""" + _TAIL,
    "blocked": _HOSTS + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x4 at +1.000 +3.000 +7.000
""" + _TAIL,
    "silent": _HOSTS + f"+0 C:500 > S:500 IKE_SA_INIT request {_SUITE} N({_NATD}) x4 at +1.000 +3.000 +7.000\n" + _TAIL,
    "unreachable": _HOSTS + f"""
+0.000 C:500 > S:500 IKE_SA_INIT request {_SUITE} N({_NATD}) x3 at +1.000 +3.000
+0.030 C < S ICMP port-unreachable quoting +0.000
""" + _TAIL,
    "unreachable-at-first": _HOSTS + f"""
+0.000 C:500 > S:500 IKE_SA_INIT request {_SUITE} N({_NATD}) x2 at +1.000
+0.030 C < S ICMP port-unreachable quoting +0.000
+1.030 C:500 < S:500 IKE_SA_INIT response {_SUITE} N({_NATD})
+1.100 C:4500 > S:4500 IKE_AUTH request 400 SK{{IDi}}
+1.200 C:4500 < S:4500 IKE_AUTH response 300 SK{{IDr}}
""" + _ESP.replace("+0.4", "+1.4"),
    "one-of-two": _HOSTS + f"""
+0.000 C:500 > S:500 IKE_SA_INIT request {_SUITE} N({_NATD}) x4 at +1.000 +3.000 +7.000
+0.500 C:600 > S:500 IKE_SA_INIT request {_SUITE} N({_NATD}) sa 2
+0.530 C:600 < S:500 IKE_SA_INIT response {_SUITE} N({_NATD}) sa 2
+0.600 C:4600 > S:4500 IKE_AUTH request 400 SK{{IDi}} sa 2
+0.700 C:4600 < S:4500 IKE_AUTH response 65 SK{{N}} sa 2
""" + _TAIL,
    "only-4500": _HOSTS + f"""
-5.000 C:4500 < S:4500 ESP spi 0x33cc44dd count 20 every +1.000
+0.500 C:500 > S:500 IKE_SA_INIT request {_SUITE} N({_NATD}) x4 at +1.000 +3.000 +7.000
""" + _TAIL,
    "split": _HOSTS + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x3 at +1.000 +3.000
+0.2 C:4500 < S:4500 IKE_AUTH response N(INVALID_IKE_SPI) x3 at +1.000 +3.000
""" + _TAIL,
    "silent-server": _HOSTS + _INIT + """
-5 C:4500 < S:4500 keepalive
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x4 at +1.000 +3.000 +7.000
""" + _TAIL,
    "refused": _HOSTS + f"""
+0.000 C:500 > S:500 IKE_SA_INIT request {_SUITE} N({_NATD})
+0.030 C:500 < S:500 IKE_SA_INIT response 36 N(NO_PROPOSAL_CHOSEN)
""",
    "denied": _HOSTS + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi}
+0.2 C:4500 < S:4500 IKE_AUTH response 65 SK{N}
""",
    "healthy": _HOSTS + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi}
+0.2 C:4500 < S:4500 IKE_AUTH response 300 SK{IDr}
""" + _ESP,
    "healthy-fragments": _HOSTS + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3
+0.2 C:4500 < S:4500 IKE_AUTH response 2900 SK{IDr} ip-fragments 3
""" + _ESP,
    "healthy6": _HOSTS6 + _INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3
+0.2 C:4500 < S:4500 IKE_AUTH response 2900 SK{IDr} ip-fragments 3
""" + _ESP,
    "healthy-skf": _HOSTS + _INIT.replace(f"N({_NATD})", f"N(IKEV2_FRAGMENTATION_SUPPORTED {_NATD})") + """
+0.1 C:4500 > S:4500 IKE_AUTH request 2320 SKF{IDi} 1-4/4 (580 580 580 580)
+0.2 C:4500 < S:4500 IKE_AUTH response 1128 SKF{IDr} 1-2/2 (580 548)
""" + _ESP,
}  # fmt: skip

#: Real captures, small enough to read many times.
REAL = (
    "corelight+zeek-spicy-ipsec/ipsec_client.pcap",
    "ukncsc+zeek-plugin-ikev2/ikev2.pcap",
    "secdev+scapy/ikev2_nat_t.pcapng",
    "sdaubert+packetgen/history/491649b5d9/ikev2.pcapng",
    "corelight+zeek-spicy-ipsec/ikev1-certs.pcap",
    "ntop+nDPI/ah.pcapng",
)


@cache
def scene(name: str) -> bytes:
    return make(parse(LADDERS[name]))


@cache
def real(captures: Path, name: str) -> bytes:
    return (captures / "dev" / name).read_bytes()
