"""What IKE fragmentation (RFC 7383) would have done to a large message, from its size and the suite in the clear.

The plaintext of a message is its length less IV, padding and ICV, so the number of fragments is exact up to the
padding. A fragment of IKE is an IP packet of its own: IP header (20, IPv6 40), UDP (8), non-ESP marker on port 4500
(4), then the IKE message (RFC 7383 section 2.5.1 and appendix B; docs/domain/ike-fragmentation.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from analyzer.ike.registry import name, numbers
from analyzer.protocol import IPV4_HEADER, IPV6_HEADER, NON_ESP_MARKER, UDP_HEADER
from analyzer.relate.inferred.cipher_suite import COMMON_SUITES, SK_HEADER, SKF_HEADER, CipherSuite
from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.seen.exchange import Attempt, Exchange, Role
from analyzer.relate.seen.message import Message

#: IP packet that is assumed where nothing is known: IPv6's least MTU, and strongSwan's own limit
#: (docs/domain/products.md).
USUAL = 1280

#: Messages of one IKE SA that are planned: an attacker may send any number.
_MOST_PLANS = 16

#: Fragments, and bytes of the whole message, that receivers hold (docs/domain/ike-fragmentation.md).
_OLD_LIBRESWAN, _LIBRESWAN, _NOBODY, _MAX_PACKET = 16, 32, 64, 10_000
_UNLESS_RAISED = "unless max_packet is raised in strongswan.conf"

_NEVER_SPLIT = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


@dataclass(frozen=True, slots=True)
class FragmentPlan:
    """How RFC 7383 would have sent one message.

    Attributes
    ----------
    exchange, is_response, message_id, sender : int, bool, int, str
        Which message, and who sends it (``initiator`` or ``responder``).
    length : int
        Its IKE length as sent whole, bytes; of an SKF set the sum.
    mtu, mtu_source : int, str
        The IP packet size that was assumed, and where it comes from, as a clause.
    suite : str
        Encryption and integrity that were agreed, as text; empty when the trace does not show them.
    fragments, fewest : int
        SKF fragments at that size, at the most and at the least; equal unless padding or suite leave it open. 0 where
        the message cannot be split.
    fragment_length, largest_packet : int
        IKE length and IP packet of a full fragment, bytes.
    safe_size, safe_fragments : int
        Largest IP packet to be recommended as a limit, bytes, and the fragments that it takes.
    helps : bool
        False where RFC 7383 would be no cure; ``why_not`` says why.
    why_not, caution : str
        As sentences without a full stop; ``caution`` is what a receiver may refuse although it helps as a rule.
    """

    exchange: int
    is_response: bool
    length: int
    mtu: int
    mtu_source: str
    suite: str
    fragments: int
    largest_packet: int
    helps: bool
    why_not: str
    message_id: int = 0
    sender: Role = "initiator"
    fewest: int = 0
    fragment_length: int = 0
    safe_size: int = 0
    safe_fragments: int = 0
    caution: str = ""


@dataclass(frozen=True, slots=True)
class FragmentCount:
    """Fragments that a message takes: at the least, at the most, and the IKE length of a full one."""

    fewest: int
    most: int
    full: int


def fragment_count(
    contents: Sequence[tuple[int, int]], limit: int, suites: Sequence[CipherSuite]
) -> FragmentCount | None:
    """How many SKF messages of at most ``limit`` bytes of IKE carry a content.

    Parameters
    ----------
    contents : sequence of (int, int)
        For each suite the fewest and most bytes of inner payloads.
    limit : int
        Bytes of IKE in one packet.
    suites : sequence of CipherSuite
        What may have been agreed.

    Returns
    -------
    FragmentCount or None
        None when not even a fragment of one byte fits.

    Examples
    --------
    1,936 bytes under AES-GCM-16 are 1,879 to 1,879 of content; packets of 1,280 bytes hold 1,248 of IKE, 1,187 of
    content (docs/domain/ike-fragmentation.md):

    >>> fragment_count([COMMON_SUITES[0].content(1936)], 1248, COMMON_SUITES[:1])
    FragmentCount(fewest=2, most=2, full=1248)
    """
    rooms = [suite.room(limit) for suite in suites]
    if not rooms or min(rooms) < 1:
        return None
    pairs = list(zip(contents, rooms, strict=True))
    return FragmentCount(
        fewest=min(max(-(-least // room), 1) for (least, _), room in pairs),
        most=max(max(-(-most // room), 1) for (_, most), room in pairs),
        full=max(s.length(room, header=SKF_HEADER) for s, room in zip(suites, rooms, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class LargeMessage:
    """A message that went in IP fragments, or is larger than the path MTU, and which exchange it is of."""

    exchange: Exchange
    attempt: Attempt
    sender: Role


@dataclass(frozen=True, slots=True)
class PacketSize:
    """IP packet size to plan for, bytes; where it comes from, as a clause; does it hold for the whole path?"""

    size: int
    source: str
    is_path: bool


def large_messages(exchanges: Iterable[Exchange], mtu: Mapping[Role, int | None]) -> Iterator[LargeMessage]:
    """The messages for which a plan is worth making.

    Parameters
    ----------
    exchanges : iterable of Exchange
        Of one IKE SA.
    mtu : mapping of Role to int or None
        Upper bound of the path MTU by sender, bytes.
    """
    for exchange in exchanges:
        for attempt in (exchange.request, exchange.response):
            if attempt is None or attempt.messages[0].over_tcp:
                continue
            sender: Role = "initiator" if attempt.messages[0].is_initiator else "responder"
            upper = mtu[sender]
            if attempt.is_ip_fragmented or (upper is not None and attempt.largest_ip_packet > upper):
                yield LargeMessage(exchange, attempt, sender)


def fragment_plans(
    large: Iterable[LargeMessage],
    suite: CipherSuite | None,
    sizes: Mapping[Role, PacketSize],
    receivers: Mapping[Role, str],
) -> Iterator[FragmentPlan]:
    """A plan for each large message of an IKE SA, the first ones.

    Parameters
    ----------
    large : iterable of LargeMessage
        Of one IKE SA.
    suite : CipherSuite or None
        What it agreed on, where the trace shows it.
    sizes : mapping of Role to PacketSize
        What to plan for, by sender.
    receivers : mapping of Role to str
        The likeliest product of the receiver, by sender; empty when nothing hints at one.
    """
    told = 0
    for message in large:
        if told == _MOST_PLANS:
            return
        plan = _plan(message, suite, sizes[message.sender], receivers[message.sender])
        if plan is not None:
            told += 1
            yield plan


def _plan(message: LargeMessage, agreed: CipherSuite | None, packet: PacketSize, receiver: str) -> FragmentPlan | None:
    exchange, attempt = message.exchange, message.attempt
    first, mtu = attempt.messages[0], packet.size
    safe = mtu if packet.is_path else min(mtu, USUAL)
    suites = (agreed,) if agreed is not None else COMMON_SUITES
    found, at_safe, most_content = None, None, 0
    if exchange.exchange not in _NEVER_SPLIT:
        if attempt.skf_missing:
            return None  # how much of it was never seen cannot be known
        contents = [_content(attempt, suite) for suite in suites]
        most_content = max(most for _, most in contents)
        front = header_bytes(first)
        found, at_safe = fragment_count(contents, mtu - front, suites), fragment_count(contents, safe - front, suites)
    why_not = _why_not(exchange.exchange, receiver, at_safe, most_content, safe)
    return FragmentPlan(
        exchange=exchange.exchange,
        is_response=first.is_response,
        message_id=exchange.message_id,
        sender=message.sender,
        length=attempt.length,
        mtu=mtu,
        mtu_source=packet.source,
        suite=agreed.name if agreed is not None else "",
        fragments=found.most if found else 0,
        fewest=found.fewest if found else 0,
        fragment_length=found.full if found else 0,
        largest_packet=found.full + header_bytes(first) if found else 0,
        safe_size=safe,
        safe_fragments=at_safe.most if at_safe else 0,
        helps=not why_not,
        why_not=why_not,
        caution="" if why_not or at_safe is None else _caution(at_safe.most, most_content),
    )


def header_bytes(message: Message) -> int:
    """Bytes before the IKE message in an IP packet of its own: IP and UDP headers, non-ESP marker."""
    return (IPV6_HEADER if ":" in message.src else IPV4_HEADER) + UDP_HEADER + (NON_ESP_MARKER if message.nat_t else 0)


def _content(attempt: Attempt, suite: CipherSuite) -> tuple[int, int]:
    header = SKF_HEADER if attempt.skf_total else SK_HEADER
    lengths = {m.skf_number: m.length for m in attempt.messages}.values()
    least, most = zip(*(suite.content(length, header=header) for length in lengths), strict=True)
    return sum(least), sum(most)


def packet_size(
    given: int | None, upper: int | None, first_fragment: int, clues: Iterable[MtuClue], *, at_sender: bool
) -> PacketSize:
    """IP packet size to plan for in one direction.

    Parameters
    ----------
    given : int or None
        The path MTU as the user knows it, bytes.
    upper : int or None
        Upper bound of the path MTU that the trace shows.
    first_fragment : int
        Longest first IP fragment of the sender; 0 where none was seen.
    clues : iterable of MtuClue
        All that the trace tells about the MTU in this direction.
    at_sender : bool
        The capture was taken at the sender.
    """
    if given is not None:
        return PacketSize(given, "the path MTU as given", is_path=True)
    if upper is not None and (not first_fragment or upper < first_fragment):
        # What is known to pass is safe; the upper end of a bracket may be too large.
        of_path = [c for c in clues if c.about == "path" and not c.is_weak]
        passes = max((c.lower for c in of_path if c.lower), default=0)
        if 0 < passes < upper:
            return PacketSize(passes, "the largest that this trace shows to pass", is_path=True)
        return PacketSize(upper, "what this trace tells of the path MTU", is_path=True)
    if first_fragment:
        # Away from the sender a router may have cut them anew (docs/domain/ip-fragments.md).
        source = "the sender's own link" if at_sender else "as its IP fragments are here"
        return PacketSize(first_fragment, source, is_path=False)
    return PacketSize(USUAL, "assumed, as the trace does not show the MTU", is_path=False)


def _why_not(exchange: int, receiver: str, found: FragmentCount | None, content: int, size: int) -> str:
    if exchange in _NEVER_SPLIT:
        return f"{name('exchange', exchange)} has no encrypted payload, and only those can be split by IKE"
    if found is None:
        return f"IP packets of {size:,} bytes leave no room for a fragment"
    if found.most > _NOBODY:
        return f"it would take {found.most} fragments, more than many receivers hold"
    if found.most > _LIBRESWAN and receiver == "libreswan":
        return f"it would take {found.most} fragments, and the receiver looks like Libreswan, which holds {_LIBRESWAN}"
    if content > _MAX_PACKET and receiver == "strongswan":
        return (
            f"the receiver looks like strongSwan, which holds messages of up to {_MAX_PACKET:,} bytes {_UNLESS_RAISED}"
        )
    return ""


def _caution(fragments: int, content: int) -> str:
    if fragments > _LIBRESWAN:
        return f"Libreswan holds no more than {_LIBRESWAN} fragments"
    if fragments > _OLD_LIBRESWAN:
        return f"Libreswan before 3.31 holds no more than {_OLD_LIBRESWAN} fragments"
    if content > _MAX_PACKET:
        return f"strongSwan holds messages of up to {_MAX_PACKET:,} bytes {_UNLESS_RAISED}"
    return ""


def plan_text(plan: FragmentPlan) -> str:
    """One or two sentences on what RFC 7383 would have done.

    Examples
    --------
    >>> plan = FragmentPlan(
    ...     exchange=35, is_response=False, length=3468, mtu=1460, mtu_source="the sender's own link",
    ...     suite="AES_GCM_16-256", fragments=3, largest_packet=1460, helps=True, why_not="", fewest=3,
    ...     fragment_length=1428, safe_size=1280, safe_fragments=3,
    ... )
    >>> print(plan_text(plan))  # doctest: +NORMALIZE_WHITESPACE
    Split by IKE (RFC 7383), the 3,468-byte IKE_AUTH request would go in 3 fragments, IP packets of at most 1,460 bytes
    (the sender's own link), none of which IP would cut. With a limit of 1,280 bytes, which nearly every path takes,
    it is still 3.
    """
    what = f"{plan.length:,}-byte {name('exchange', plan.exchange)} {'response' if plan.is_response else 'request'}"
    if not plan.helps:
        return f"Splitting the {what} by IKE (RFC 7383) would not help: {plan.why_not}."
    count = f"{plan.fragments}" if plan.fewest == plan.fragments else f"{plan.fewest} to {plan.fragments}"
    text = (
        f"Split by IKE (RFC 7383), the {what} would go in {count} fragment{'' if count == '1' else 's'}, IP packets of "
        f"at most {plan.largest_packet:,} bytes ({plan.mtu_source}), none of which IP would cut."
    )
    if plan.safe_size < plan.mtu:
        also = "still" if plan.safe_fragments == plan.fragments == plan.fewest else "at most"
        text += (
            f" With a limit of {plan.safe_size:,} bytes, which nearly every path takes, it is {also} "
            f"{plan.safe_fragments}."
        )
    if plan.caution:
        text += f" {plan.caution}."
    return text
