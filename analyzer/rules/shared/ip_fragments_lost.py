"""Which large messages were lost because IP cut them, and how sure that is: what FRG001, FRG002 and FRG008 share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from analyzer.ike.registry import numbers
from analyzer.packets.tables import IcmpRow
from analyzer.relate.inferred.mtu.path_mtu import TOO_BIG
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.message import Message
from analyzer.rules.model import Confidence
from analyzer.rules.shared import certainty, silence

#: Exchanges of the set-up that carry certificates or large keys.
LARGE = (numbers.IKE_AUTH, numbers.IKE_INTERMEDIATE)

#: ICMP 11/1, ICMPv6 3/1: who says so has the first fragment of a message and waited in vain for the others (RFC 792).
_TIMED_OUT = "reassembly-timeout"


@dataclass(frozen=True, slots=True)
class Loss:
    """A message in IP fragments that its receiver does not have.

    Attributes
    ----------
    exchange : Exchange
    message : Attempt or None
        Its fullest sending; None when only later IP fragments of it were seen.
    confidence : Confidence
    seen_whole : bool
        All of it was seen at the capture point.
    icmp : tuple of IcmpRow
        What ICMP says about it.
    waited : tuple of IcmpRow
        Those in which a host says that it waited in vain for some of its fragments.
    rest : tuple of int
        Frames of later IP fragments of it whose first one was never seen.
    """

    exchange: Exchange
    message: Attempt | None
    confidence: Confidence
    seen_whole: bool
    icmp: tuple[IcmpRow, ...] = ()
    waited: tuple[IcmpRow, ...] = ()
    rest: tuple[int, ...] = ()


def lost_requests(sa: IkeSa) -> Iterator[Loss]:
    """Large requests of the initiator in IP fragments that nothing answered, where no other reason shows."""
    for exchange in sa.unanswered:
        request = _in_fragments(exchange)
        if exchange.exchange not in LARGE or request is None:
            continue
        if exchange.sender != "initiator" or exchange.responses or _answer_arrives_in_part(sa, exchange):
            continue
        if silence.is_explained(sa, exchange) or is_split(exchange.requests):
            continue
        about, waited = silence.reports(sa, exchange), waited_for(sa, exchange.requests)
        seen_whole = any(a.complete for a in exchange.requests)
        # That fragments of it came whole before is refuted by who waited for these.
        if (seen_whole and sa.side == "responder") or (_fragments_pass(sa) and not waited):
            continue
        sure = Confidence.PROVED if waited else _of_request(sa, exchange, about, seen_whole=seen_whole)
        yield Loss(exchange, request, sure, seen_whole, about, waited)


def _in_fragments(exchange: Exchange) -> Attempt | None:
    """The fullest sending, or the last one: a message may go whole until ICMP says that it is too big."""
    sendings = (exchange.request, *exchange.requests[-1:])
    return next((a for a in sendings if a is not None and a.is_ip_fragmented), None)


def lost_responses(sa: IkeSa) -> Iterator[Loss]:
    """Large responses in IP fragments: part of one arrives, or one leaves whole and its request comes again."""
    if not sa.unanswered and not sa.retransmits:
        return
    for exchange in sa.of(*LARGE):
        if exchange.sender != "initiator":
            continue
        if exchange.outcome == "unanswered":
            yield from _partial_answer(sa, exchange)
        elif is_answered_in_vain(sa, exchange):
            yield from _lost_after_leaving(sa, exchange)


def awaits_large_request(sa: IkeSa) -> Exchange | None:
    """The last exchange, where it was answered and the client must go on: IKE_SA_INIT, or a round of EAP."""
    if sa.init is None or sa.init.outcome != "answered":
        return None
    sent = sa.of(*LARGE)
    last = sent[-1] if sent else sa.init
    goes_on = not sent or (last.response is not None and last.response.inner_payload == numbers.EAP)
    return last if goes_on and last.outcome == "answered" and not any(e.outcome == "unanswered" for e in sent) else None


def later_fragments_after(sa: IkeSa, last: Exchange) -> list[int]:
    """Frames of the client's IP fragments without their first one that come after an exchange."""
    place, begin = sa.capture.place, sa.capture.place(last.frames[-1])
    return [frame for frame, src, _ in sa.orphans if src == sa.initiator and place(frame) > begin]


def is_split(sendings: Sequence[Attempt]) -> bool:
    """The last sending went as SKF fragments that IP left whole: IP fragments came first (RFC 7383 section 2.4)."""
    return bool(sendings) and sendings[-1].skf_total > 0 and not sendings[-1].is_ip_fragmented


def is_answered_in_vain(sa: IkeSa, exchange: Exchange) -> bool:
    """A complete answer is seen on its way, and the initiator goes on asking as if it had none.

    Not at the initiator's side, where the answer has arrived; not where a later message shows that it has it.
    """
    response = exchange.response
    return (
        exchange.outcome == "answered"
        and response is not None
        and response.complete
        and sa.side != "initiator"
        and sa.reached == "auth-answered"
        and exchange is sa.exchanges[-1]
        and not sa.esp_i_to_r
        and is_repeated_after_answer(exchange)
    )


def repeats_after_answer(exchange: Exchange) -> int:
    """Requests after the first answer."""
    answered = exchange.responses[0].time
    return sum(a.time > answered for a in exchange.requests)


def waited_for(sa: IkeSa, attempts: Iterable[Attempt]) -> tuple[IcmpRow, ...]:
    """ICMP errors in which a host says that it waited in vain for fragments of these very sendings.

    The quote must name the message: the initiator SPI or the IP identification. Ports are those of ESP in UDP as well.
    """
    about = sa.icmp_by_message
    if not about:
        return ()
    found = [row for a in attempts for m in a.messages for row in about.get(m.row, ()) if _names(row, m)]
    return tuple(sorted(found, key=lambda row: row.frame))


def _names(row: IcmpRow, message: Message) -> bool:
    quoted = row.error.quoted
    if row.error.meaning != _TIMED_OUT or quoted is None or not message.is_ip_fragmented:
        return False
    return quoted.spi_i is not None or quoted.ip_id in message.packet_table.ip_id[message.packets].tolist()


def is_waited_for(sa: IkeSa) -> bool:
    """Some host says of a message of this IKE SA that it waited in vain for fragments of it."""
    return bool(sa.icmp_by_message) and bool(
        waited_for(sa, (a for e in sa.exchanges for a in (*e.requests, *e.responses)))
    )


def who_waited(sa: IkeSa, waited: Sequence[IcmpRow]) -> str:
    """``the server``, ``the client`` or a host between them, which puts fragments together to look into them."""
    source = sa.messages[0].address_text(waited[0].src)
    named = {sa.responder: "the server", sa.initiator: "the client"}
    return named.get(source, f"{source}, which puts fragments together on the way,")


def _answer_arrives_in_part(sa: IkeSa, exchange: Exchange) -> bool:
    place, begin = sa.capture.place, sa.capture.place(exchange.requests[0].frames[0])
    return any(src == sa.responder and place(frame) > begin for frame, src, _ in sa.orphans)


def _fragments_pass(sa: IkeSa) -> bool:
    """A request in IP fragments was answered in this very SA: an act that outranks the later silence."""
    return any(
        e.outcome == "answered" and e.sender == "initiator" and e.request is not None and e.request.is_ip_fragmented
        for e in sa.exchanges
    )


def _of_request(sa: IkeSa, exchange: Exchange, about: Sequence[IcmpRow], *, seen_whole: bool) -> Confidence:
    meanings = {i.error.meaning for i in about}
    silent = certainty.of_silence(sa, exchange)
    # A router speaks of what it could not pass; that what was sent after that was lost as well, only the silence says.
    if meanings & set(TOO_BIG) and silent is Confidence.PROBABLE:
        return Confidence.STRONG
    return silent if seen_whole else of_part(sa, at_sender=sa.side == "initiator")


def of_part(sa: IkeSa, *, at_sender: bool) -> Confidence:
    """Pieces reach this point and others do not: how sure is it that they were lost before it?"""
    if at_sender or sa.capture.lost_packets:
        return Confidence.POSSIBLE
    # Fragments beyond the first are known to reach the capture, or are only likely to (docs/domain/filtered-captures.md
    # rule 4).
    return Confidence.PROBABLE if sa.capture.hides_later_fragments else Confidence.STRONG


def _partial_answer(sa: IkeSa, exchange: Exchange) -> Iterator[Loss]:
    place = sa.capture.place
    begin = place(exchange.frames[0])
    rest = tuple(f for f, src, _ in sa.orphans if src == sa.responder and place(f) >= begin)
    response = exchange.response
    if response is None and not rest:
        return
    if response is not None and (not response.is_ip_fragmented or is_split(exchange.responses)):
        return
    arrived = min(map(place, (*(f for a in exchange.responses for f in a.frames), *rest)))
    about, waited = sa.icmp_errors_about("responder", exchange.times[0]), waited_for(sa, exchange.responses)
    if waited:
        confidence = Confidence.PROVED
    elif place(exchange.requests[-1].frames[0]) > arrived:
        confidence = of_part(sa, at_sender=sa.side == "responder")
    else:
        # A client that has its answer does not ask again; one that does not ask again may have it.
        confidence = Confidence.POSSIBLE
    yield Loss(exchange, response, confidence, False, about, waited, rest)


def _lost_after_leaving(sa: IkeSa, exchange: Exchange) -> Iterator[Loss]:
    response = exchange.response
    if response is None or not response.is_ip_fragmented or is_split(exchange.responses):
        return
    about, waited = sa.icmp_errors_about("responder", exchange.times[0]), waited_for(sa, exchange.responses)
    confidence = Confidence.PROBABLE if sa.side == "responder" else Confidence.POSSIBLE
    yield Loss(exchange, response, Confidence.PROVED if waited else confidence, True, about, waited)
