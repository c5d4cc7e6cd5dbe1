"""How rules say numbers, times and exchanges, so that all of them say it alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.ike.registry import name, numbers
from analyzer.packets.tables import IcmpRow
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange, Role

#: Frames listed in one finding; more would not be read.
MAX_FRAMES = 60


def octets(count: int) -> str:
    """
    >>> octets(3468)
    '3,468-byte'
    """
    return f"{count:,}-byte"


def times(count: int) -> str:
    """
    >>> times(1), times(3)
    ('once', '3 times')
    """
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def offsets(exchange: Exchange) -> str:
    """When the request was sent again: ``+1.0 +2.0 s``."""
    first = exchange.requests[0].time
    return " ".join(f"+{(a.time - first) / 1e9:.1f}" for a in exchange.requests[1:]) + " s"


def delay(seconds: float) -> str:
    """
    >>> delay(0.027), delay(0.9), delay(1), delay(3.24)
    ('27 ms', '900 ms', '1.0 s', '3.2 s')
    >>> delay(99.4), delay(100), delay(100.4), delay(3600.4)
    ('99.4 s', '100 s', '100 s', '3,600 s')
    """
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def silence_after(sa: IkeSa, exchange: Exchange) -> str:
    """How long the capture goes on after the last sending: ``the capture goes on for 11.3 s after the last``."""
    seconds = (sa.capture.last - exchange.requests[-1].time) / 1e9
    return (
        f"the capture goes on for {seconds:.1f} s after the last"
        if seconds >= 0.05
        else "the capture ends right after the last"
    )


def exchange_name(exchange: Exchange) -> str:
    return name("exchange", exchange.exchange)


def pieces(attempt: Attempt) -> str:
    """How a message left: ``one IP packet of 620 bytes``, ``3 IP fragments``, ``4 SKF fragments``."""
    if attempt.skf_total:
        cut = f", themselves cut into up to {attempt.ip_fragments} IP fragments" if attempt.is_ip_fragmented else ""
        return f"{attempt.skf_total} SKF fragments{cut}"
    if attempt.is_ip_fragmented:
        return f"{attempt.ip_fragments} IP fragments" if attempt.complete else "IP fragments"
    return f"one IP packet of {attempt.largest_ip_packet:,} bytes" if attempt.largest_ip_packet else "a TCP stream"


def mtu_phrase(sa: IkeSa, sender: Role) -> str:
    """`` (first 1,460 bytes, so the sender's MTU is 1,460..1,467)``; empty when no first fragment was seen."""
    first = sa.first_fragment[sender]
    return f" (first {first:,} bytes, so the sender's MTU is {first:,}..{first + 7:,})" if first else ""


def announcements(sa: IkeSa) -> str:
    """Who offered IKE fragmentation, as a clause."""
    said = (sa.fragmentation_i, sa.fragmentation_r)
    if said == ("yes", "yes") and not sa.offers_are_seen:
        return "both sides use IKE fragments"
    notify = "IKE fragmentation (notify 16430)"
    return {
        ("yes", "yes"): f"both sides offered {notify}",
        ("no", "no"): f"neither side offered {notify}",
        ("yes", "no"): f"the client offered {notify}, the server did not accept it",
        ("no", "yes"): f"the client did not offer {notify}",
        ("no", "unknown"): f"the client did not offer {notify}",
        ("yes", "unknown"): f"the client offered {notify}, the server's answer to that is not in the trace",
        ("unknown", "no"): f"the server did not offer {notify}",
        ("unknown", "yes"): f"the server offered {notify}, the client's part is not in the trace",
        ("unknown", "unknown"): "whether the sides offered IKE fragmentation is not in the trace",
    }[said]


def frames(*groups: Iterable[int]) -> tuple[int, ...]:
    """Frame numbers in order, each once, bounded."""
    return tuple(sorted({f for group in groups for f in group})[:MAX_FRAMES])


def init_frames(sa: IkeSa) -> tuple[int, ...]:
    """The IKE_SA_INIT exchange that counts."""
    return sa.init.frames if sa.init is not None else ()


def icmp_phrase(sa: IkeSa, rows: Sequence[IcmpRow]) -> str:
    """What routers or hosts reported; empty when nothing."""
    if not rows:
        return ""
    text = sa.messages[0].address_text
    said = dict.fromkeys(f"{r.error.meaning.replace('-', ' ')} from {text(r.src)}" for r in rows)
    return f"ICMP reports {', '.join(said)} (frame {rows[0].frame})."


def eap_round(sa: IkeSa) -> str:
    """The last round of an EAP login; its number only where the first one, which begins with IDi, is in the trace."""
    rounds = sa.authentication.rounds
    first, last = rounds[0].request, rounds[-1]
    if first is None or first.inner_payload == numbers.EAP:
        return f"the round with message ID {last.message_id}"
    return f"round {len(rounds)} (message ID {last.message_id})"
