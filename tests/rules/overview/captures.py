"""Captures with many IKE SAs, for tests: attempts of several clients, put in the order of time."""

from __future__ import annotations

from analyzer.capture import Capture
from tests.relate.captures import capture

SERVER = "203.0.113.7"
NATD = "NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP"
OFFER = f"N({NATD} IKEV2_FRAGMENTATION_SUPPORTED)"


def unanswered(start: float, sa: int, client: str, port: int = 500) -> str:
    """IKE_SA_INIT three times, no answer: no-response-ike-sa-init."""
    return f"+{start:.3f} {client}:{port} > S:500 IKE_SA_INIT request sa {sa} x3 at +1.000 +3.000\n"


def fragmented(start: float, sa: int, client: str) -> str:
    """An IKE_AUTH in IP fragments, three times, no answer; no IKE fragmentation."""
    return (
        f"+{start:.3f} {client}:500 > S:500 IKE_SA_INIT request sa {sa} N({NATD})\n"
        f"+{start + 0.03:.3f} {client}:500 < S:500 IKE_SA_INIT response sa {sa} N({NATD})\n"
        f"+{start + 0.07:.3f} {client}:4500 > S:4500 IKE_AUTH request 3468 SK{{IDi}} sa {sa} "
        "ip-fragments 3 x3 at +1.000 +2.000 unanswered\n"
    )


def silent_login(start: float, sa: int, client: str, request: int) -> str:
    """An IKE_AUTH in one packet, three times, no answer; IKE fragmentation on both sides."""
    asks = f"+{start + 0.07:.3f} {client}:4500 > S:4500 IKE_AUTH request {request} SK{{IDi}} sa {sa}"
    return undecided(start, sa, client) + f"{asks} x3 at +1.000 +2.000\n"


def refused(start: float, sa: int, client: str) -> str:
    """NO_PROPOSAL_CHOSEN."""
    return (
        f"+{start:.3f} {client}:500 > S:500 IKE_SA_INIT request sa {sa}\n"
        f"+{start + 0.03:.3f} {client}:500 < S:500 IKE_SA_INIT response 36 N(NO_PROPOSAL_CHOSEN) sa {sa}\n"
    )


def connected(start: float, sa: int, client: str, request: int = 600, answer: int = 500, port: int = 500) -> str:
    """A login and ESP both ways; IKE fragmentation on both sides."""
    nat_t = 4500 if port == 500 else port + 1
    return (
        f"+{start:.3f} {client}:{port} > S:500 IKE_SA_INIT request sa {sa} {OFFER}\n"
        f"+{start + 0.03:.3f} {client}:{port} < S:500 IKE_SA_INIT response sa {sa} {OFFER}\n"
        f"+{start + 0.07:.3f} {client}:{nat_t} > S:4500 IKE_AUTH request {request} SK{{IDi}} sa {sa}\n"
        f"+{start + 0.12:.3f} {client}:{nat_t} < S:4500 IKE_AUTH response {answer} SK{{IDr}} sa {sa}\n"
        f"+{start + 0.5:.3f} {client}:{nat_t} > S:4500 ESP spi 0x11aa{sa:04x} count 9\n"
        f"+{start + 0.6:.3f} {client}:{nat_t} < S:4500 ESP spi 0x22aa{sa:04x} count 9\n"
    )


def undecided(start: float, sa: int, client: str) -> str:
    """IKE_SA_INIT answered, and nothing of IKE after it."""
    return (
        f"+{start:.3f} {client}:500 > S:500 IKE_SA_INIT request sa {sa} {OFFER}\n"
        f"+{start + 0.03:.3f} {client}:500 < S:500 IKE_SA_INIT response sa {sa} {OFFER}\n"
    )


def many(*attempts: str, network: dict[str, str] | None = None) -> Capture:
    """One capture of all of them; clients ``A1``, ``A2`` are 10.1.0.1, 10.1.0.2, ``B1`` is 10.2.0.1 and so on."""
    lines = sorted("".join(attempts).splitlines(keepends=True), key=lambda line: float(line.split()[0]))
    names = sorted({word.split(":")[0] for line in lines for word in line.split()[1:2]} - {"S"})
    hosts = {name: f"10.{'ABCDE'.index(name[0]) + 1}.0.{name[1:]}" for name in names} | (network or {})
    told = "".join(f"{name} = {address}\n" for name, address in {"S": SERVER, **hosts}.items())
    return capture(*lines, f"+900 {names[0]}:40000 > S:9 UDP\n", hosts=told)
