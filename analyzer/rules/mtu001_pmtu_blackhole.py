"""Packets above some size vanish on the way while smaller ones pass.

What it means
    A link on the path carries less than the sender believes, and the ICMP that should say so does not come, or is not
    obeyed. IKE that splits its messages (RFC 7383) suffers when its fragments are larger than the path, though every
    setting looks right.
Seen as
    At the sender: packets with DF above the size that ICMP, pings with DF or the user give for the path, sent again and
    again at that size, without answer. At the receiver: of a set of SKF fragments only the short last one arrives, each
    time. On a tunnel that is up: a later large exchange stalls.
Not to be confused with
    Random loss, which takes small packets too; lost IP fragments (FRG001, FRG002); SKF fragments lost whatever their
    size (FRG009); a blocked port (NET002). Windows' SKF fragments are rarely too large: they are 612 bytes of IP in the
    three published sessions that show any.
Certain when
    A limit of the path is known from acts and the lost packets exceed it, or only the short fragments arrive: strong.
    Silence after large packets alone is no black hole.
References
    docs/domain/root-causes.md nos. 16 and 13, docs/domain/path-mtu.md; RFC 4821 section 1; RFC 8201 section 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.mtu.answered_sizes import is_unbroken
from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import ROLES, Attempt, Exchange, Role
from analyzer.relate.seen.features import Feature
from analyzer.relate.seen.orphan_fragments import only_short_ends
from analyzer.relate.seen.skf_sets import skf_sets
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import silence
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.ip_fragments_lost import LARGE, is_answered_in_vain
from analyzer.rules.shared.wording import exchange_name, frames, init_frames, octets, offsets, silence_after, times

#: Sendings that are more than bad luck.
_REPEATED = 2

_WHO: dict[Role, str] = {"initiator": "client", "responder": "server"}


def check(sa: IkeSa) -> Iterator[Observation]:
    """Look at requests and answers that are lost, at ones that had to shrink, and at ESP."""
    if sa.unanswered or sa.retransmits:
        for exchange in sa.exchanges:
            yield from _of_exchange(sa, exchange)
    if sa.orphans:
        yield from _only_ends(sa)
    if sa.flows and sa.capture.ping_sweeps:
        yield from _large_esp(sa)


def _of_exchange(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    if exchange.outcome == "unanswered":
        if exchange.responses:
            yield from _only_small_ones(sa, exchange, exchange.responses, "response")
        elif not silence.is_explained(sa, exchange):
            yield from _too_large(sa, exchange, exchange.requests, "request")
            yield from _only_small_ones(sa, exchange, exchange.requests, "request")
    elif is_answered_in_vain(sa, exchange):
        yield from _too_large(sa, exchange, exchange.responses, "response")
    elif exchange.outcome == "answered" and exchange.attempts > _REPEATED and exchange.responses:
        yield from _had_to_shrink(sa, exchange)


def _only_ends(sa: IkeSa) -> Iterator[Observation]:
    """Of the client's IP fragments only the short last one arrives, each time: those of full size are lost."""
    init = sa.init
    if init is None or init.outcome != "answered" or sa.side == "initiator":
        return
    place, answered = sa.capture.place, sa.capture.place(init.frames[-1])
    ends = [p for p in sa.placed_orphans if p.src == sa.initiator and place(p.frame) > answered]
    if len(ends) < _REPEATED or not only_short_ends(ends) or any(e.requests for e in sa.of(*LARGE)):
        return
    largest = max(p.ip_length for p in ends)
    # IPv4 routers cut further what does not fit; over IPv6 only the sender may (RFC 8200 section 5).
    at_server = sa.side == "responder" and not (sa.capture.lost_packets or sa.capture.damaged)
    sure = at_server and ":" in sa.initiator
    yield Observation(
        title=(
            f"After IKE_SA_INIT only the short last IP fragment of the client's next message arrives ({largest:,} "
            f"bytes, {times(len(ends))}), never one of full size: the path to this point does not carry packets of "
            "that size."
        ),
        detail=(
            f"It begins at byte {max(p.offset for p in ends):,} of its datagram, so more than one fragment of full "
            "size went before it. Without its first fragment a message cannot be told from other UDP: time and sender "
            "speak for IKE_AUTH."
        ),
        frames=frames(init_frames(sa), (p.frame for p in ends)),
        confidence=Confidence.STRONG if sure else Confidence.POSSIBLE,
        remedies=("path-mtu", "allow-icmp"),
    )


def _sender(exchange: Exchange, word: str) -> Role:
    if word == "request":
        return exchange.sender
    return "responder" if exchange.sender == "initiator" else "initiator"


def _too_large(sa: IkeSa, exchange: Exchange, attempts: tuple[Attempt, ...], word: str) -> Iterator[Observation]:
    """All of it leaves, in packets larger than what the path is known to carry."""
    sender, last = _sender(exchange, word), attempts[-1]
    receiver: Role = "responder" if sender == "initiator" else "initiator"
    upper, size = sa.path_mtu[sender].upper, last.largest_ip_packet
    if upper is None or size <= upper or last.is_ip_fragmented or sa.side == receiver:
        return
    limits = _limits(sa, sender, upper)
    df = is_unbroken(last)
    often = f"{times(len(attempts))}" + (f" ({offsets(exchange)})" if word == "request" and len(attempts) > 1 else "")
    vain = "got no answer" if word == "request" else "did not reach the client, which goes on asking"
    yield Observation(
        title=(
            f"The {octets(last.length)} {exchange_name(exchange)} {word} left in IP packets of up to {size:,} bytes"
            f"{' with DF' if df else ''}, was sent {often} and {vain}, while the path to the {_WHO[receiver]} carries "
            f"{upper:,} bytes at most: larger packets vanish on the way."
        ),
        detail=_why(sa, sender, limits, df=df) + f" {silence_after(sa, exchange).capitalize()} sending.",
        frames=frames(init_frames(sa), exchange.frames, *(clue.frames for clue in limits)),
        confidence=_confidence(sa, attempts, limits, df=df),
        severity=_severity(exchange),
        remedies=_remedies(sa, last),
    )


def _limits(sa: IkeSa, sender: Role, upper: int) -> tuple[MtuClue, ...]:
    """The clues that bound the path so low."""
    return tuple(c for c in sa.mtu_clues[sender] if not c.is_weak and c.upper is not None and c.upper == upper)


def _why(sa: IkeSa, sender: Role, limits: tuple[MtuClue, ...], *, df: bool) -> str:
    evidence = "; ".join(clue.text for clue in limits) or sa.path_mtu[sender].evidence
    text = f"{evidence[:1].upper()}{evidence[1:]}."
    if any(clue.kind == "icmp-too-big" for clue in limits):
        text += " That this came is no proof that it reached the sender's IKE, which did not make its packets smaller."
    else:
        text += " No ICMP tells the sender so."
    return text if df else text + " DF is not set, so a router may cut them instead, and the pieces may be lost."


def _confidence(sa: IkeSa, attempts: tuple[Attempt, ...], limits: tuple[MtuClue, ...], *, df: bool) -> Confidence:
    if sa.capture.lost_packets or sa.capture.damaged:
        return Confidence.POSSIBLE
    told = any(clue.kind == "icmp-too-big" for clue in limits)
    return Confidence.STRONG if df and (told or len(attempts) >= _REPEATED) else Confidence.PROBABLE


def _only_small_ones(sa: IkeSa, exchange: Exchange, attempts: tuple[Attempt, ...], word: str) -> Iterator[Observation]:
    """Near the receiver only the short last fragment is seen, each time."""
    sets = skf_sets(attempts)
    sender = _sender(exchange, word)
    if sets is None or not sets.only_last_seen or sets.ip_fragmented or sa.side == sender:
        return
    missing = (
        "The full-size one, fragment 1 of 2, never arrives."
        if sets.total == 2
        else f"The full-size ones, fragments 1 to {sets.total - 1} of {sets.total}, never arrive."
    )
    yield Observation(
        title=(
            f"The {_WHO[sender]}'s {exchange_name(exchange)} {word} is split into {sets.total} SKF fragments, of which "
            f"only the short last one ({sets.largest_packet:,} bytes of IP) arrives here, {times(sets.sendings)}: the "
            "full-size ones are too large for the path and vanish."
        ),
        detail=(
            f"{missing} Loss by chance or a rate limit would not choose by size each time. The {_WHO[sender]}'s limit "
            "for IKE fragments is above what the path carries."
        ),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=_of_small_ones(sa, exchange, word, sets.sendings),
        severity=_severity(exchange),
        remedies=_remedies(sa, attempts[-1]),
    )


def _of_small_ones(sa: IkeSa, exchange: Exchange, word: str, sendings: int) -> Confidence:
    # A client that does not ask again may have the answer after all.
    last = exchange.requests[-1].time if exchange.requests else 0
    asks_no_more = word == "response" and last < exchange.responses[0].time
    if sa.capture.lost_packets or sa.capture.damaged or sendings < _REPEATED or asks_no_more:
        return Confidence.POSSIBLE
    return Confidence.STRONG


def _had_to_shrink(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    """The large form was sent in vain until a smaller one was answered at once: size mattered, nobody is hurt."""
    answered = exchange.responses[0].time
    before = [a for a in exchange.requests if a.time < answered]
    sizes = [a.largest_ip_packet for a in before]
    large = [a for a in before if a.largest_ip_packet == sizes[0]] if sizes else []
    if len(large) < _REPEATED or sizes[-1] >= sizes[0] or not all(map(is_unbroken, before)):
        return
    if silence.is_too_big(sa, exchange):
        return
    yield Observation(
        title=(
            f"The {exchange_name(exchange)} request was answered only when its IP packets shrank from {sizes[0]:,} to "
            f"{sizes[-1]:,} bytes: larger ones seem to vanish on this path."
        ),
        detail=f"{sizes[0]:,} bytes with DF were sent {times(len(large))} before. No ICMP says why.",
        frames=frames(exchange.frames),
        confidence=Confidence.PROBABLE,
        severity=Severity.INFORMATION,
        remedies=_remedies(sa, before[0]),
        is_remark=True,
    )


def _large_esp(sa: IkeSa) -> Iterator[Observation]:
    """ESP is larger than what pings with DF say that the path carries: inside the tunnel transfers may stall."""
    text = sa.messages[0].address_text
    for sender in ROLES:
        address = sa.initiator if sender == "initiator" else sa.responder
        limit = next(
            (c for c in sa.mtu_clues[sender] if c.kind == "echo-sweep" and not c.is_weak and c.upper is not None), None
        )
        largest = max((f.largest for f in sa.flows if f.spi and text(f.src) == address), default=0)
        if limit is not None and limit.upper is not None and largest > limit.upper:
            yield Observation(
                title=(
                    f"The {_WHO[sender]} sends ESP packets of up to {largest:,} bytes, while the path carries "
                    f"{limit.upper:,} at most: large transfers inside the tunnel may stall."
                ),
                detail=f"{limit.text[:1].upper()}{limit.text[1:]}. Whether ESP leaves with DF is not looked at.",
                frames=frames(limit.frames),
                confidence=Confidence.POSSIBLE,
                severity=Severity.DEGRADING,
                remedies=advise("path-mtu", sa),
                is_remark=True,
            )


def _severity(exchange: Exchange) -> Severity:
    return Severity.BLOCKING if exchange.is_setup else Severity.DEGRADING


def _remedies(sa: IkeSa, attempt: Attempt) -> tuple[str, ...]:
    if attempt.skf_total:
        return (*advise("lower-ike-fragment-size", sa), "path-mtu")
    return (*advise("path-mtu", sa), "enable-ike-fragmentation")


RULE = Rule(
    code="MTU001",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.IP_FRAGMENTS | Feature.SKF | Feature.ICMP | Feature.SIZES,
    topics=("lower-ike-fragment-size", "path-mtu", "enable-ike-fragmentation"),
    ceiling=Confidence.STRONG,
)
