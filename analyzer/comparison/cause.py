"""Why an attempt failed, when both ends were captured: the first exchange that did not end well, and what it lacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analyzer.comparison.fate import Journey
from analyzer.ike.registry import name, numbers
from analyzer.protocol import NAT_T_PORT
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange, Role
from analyzer.relate.seen.message import Message
from analyzer.rules.model import Confidence, Severity
from analyzer.rules.shared.wording import octets, times

#: Packets up to this size pass everywhere (RFC 791's least MTU for hosts, 576 bytes): their loss has another reason.
_SMALL = 576
_STALLED = "ike-auth-silent-drop"


@dataclass(frozen=True, slots=True)
class Cause:
    """What the two traces prove together: a verdict's id, how sure, and one sentence. ``sent`` are lost sendings.

    ``severity``: what is lost once the connection stands degrades it; before, it blocks.
    """

    id: str
    confidence: Confidence
    text: str
    sent: tuple[Journey, ...] = ()
    severity: Severity = Severity.BLOCKING


@dataclass(frozen=True, slots=True)
class Leg:
    """All sendings of one message (an exchange's request, or its response) with their fates."""

    exchange: int
    message_id: int
    sender: Role
    is_response: bool
    journeys: tuple[Journey, ...]

    @property
    def first(self) -> int:
        """Time of the first sending, ns, by the sender's clock."""
        return self.journeys[0].sent.time

    @property
    def lost(self) -> tuple[Journey, ...]:
        return tuple(j for j in self.journeys if j.fate in ("lost", "in part"))

    @property
    def is_hidden(self) -> bool:
        """The other trace cannot show whether it arrived."""
        return any(j.fate == "hidden" for j in self.journeys)

    @property
    def came_whole(self) -> bool:
        """The message arrived at least once: in one packet, or every SKF fragment of it."""
        whole = {j.sent.skf_number for j in self.journeys if j.fate == "arrived"}
        total = max((j.sent.skf_total for j in self.journeys), default=0)
        return bool(whole) if total == 0 else whole >= set(range(1, total + 1))


def cause(client: IkeSa, server: IkeSa, legs: Sequence[Leg]) -> Cause | None:
    """What the two traces prove of one IKE SA.

    Parameters
    ----------
    client, server : IkeSa
        The same IKE SA as both sides captured it.
    legs : sequence of Leg
        Every message of it with the fates of its sendings.

    Returns
    -------
    Cause or None
        None where every request of the client that set up the connection got its answer, or nothing can be told.
    """
    by_message = {(leg.sender, leg.exchange, leg.message_id, leg.is_response): leg for leg in legs}
    for exchange in client.exchanges:
        if exchange.sender != "initiator" or exchange.outcome in ("answered", "superseded") or not exchange.requests:
            continue
        if any(a.complete for a in exchange.responses):
            continue
        request = by_message.get(("initiator", exchange.exchange, exchange.message_id, False))
        response = by_message.get(("responder", exchange.exchange, exchange.message_id, True))
        found = _of_exchange(client, server, exchange, request, response, legs) if request is not None else None
        if found is not None:
            return found if exchange.is_setup else replace(found, id="dpd-timeout", severity=Severity.DEGRADING)
    return _esp_lost(client, server)


def _of_exchange(
    client: IkeSa, server: IkeSa, exchange: Exchange, request: Leg, response: Leg | None, legs: Sequence[Leg]
) -> Cause | None:
    found: Cause | None = None
    if not request.came_whole:
        if request.lost and not request.is_hidden:
            found = _lost(server, request, "server", _largest_passed(legs, "initiator"))
    elif response is not None and response.journeys:
        if response.lost and not response.came_whole and not response.is_hidden:
            found = _lost(client, response, "client", _largest_passed(legs, "responder"))
    elif server.capture.last >= exchange.requests[-1].time or exchange.outcome == "unanswered":
        found = _not_answered(server, exchange, request)
    if found is not None and found.id == _STALLED and _is_eap_round(client, exchange):
        return replace(found, id="eap-stall")
    return found


def _largest_passed(legs: Sequence[Leg], sender: Role) -> int:
    """The largest IP packet that went through on UDP 4500 in one direction; 0 when none did."""
    return max(
        (
            j.sent.largest_ip_packet
            for leg in legs
            if leg.sender == sender
            for j in leg.journeys
            if j.fate == "arrived" and NAT_T_PORT in (j.sent.sport, j.sent.dport)
        ),
        default=0,
    )


def _not_answered(server: IkeSa, exchange: Exchange, request: Leg) -> Cause:
    verdict = {
        numbers.IKE_SA_INIT: "no-response-ike-sa-init",
        numbers.IKE_AUTH: _STALLED,
        numbers.IKE_INTERMEDIATE: "intermediate-pq-failure",
    }.get(exchange.exchange, "dpd-timeout")
    what = f"{octets(_length(request))} {name('exchange', exchange.exchange)} request"
    text = f"The {what} reached the server whole and no answer left the server: look at the server, not the path."
    return Cause(verdict, _confidence(server), text)


def _esp_lost(client: IkeSa, server: IkeSa) -> Cause | None:
    """ESP that one side sends and nothing of which reaches the other, although the other capture could show it."""
    for sent, came, sender, receiver, here, there in (
        (client.esp_i_to_r, server.esp_i_to_r, "client", "server", client, server),
        (server.esp_r_to_i, client.esp_r_to_i, "server", "client", server, client),
    ):
        # ESP in UDP goes where IKE goes, which that capture has; a filter on the IKE ports hides ESP without UDP.
        could_be_seen = there.capture.esp > 0 or any(f.sport for f in here.flows)
        if sent and not came and could_be_seen:
            packets = "ESP packet" if sent == 1 else "ESP packets"
            text = (
                f"The connection was established, and {sent:,} {packets} left the {sender}, none of which reached the "
                f"{receiver}: ESP is lost between the two capture points."
            )
            return Cause("esp-one-way", Confidence.PROVED, text, severity=Severity.DEGRADING)
    return None


def _is_eap_round(client: IkeSa, exchange: Exchange) -> bool:
    return any(
        e.outcome == "answered" and e.response is not None and e.response.inner_payload != numbers.AUTH
        for e in client.of(numbers.IKE_AUTH)
        if e.message_id < exchange.message_id
    )


def _confidence(receiver: IkeSa) -> Confidence:
    """Both ends seen is proof, unless the receiving capture itself lost packets or is damaged."""
    facts = receiver.capture
    return Confidence.POSSIBLE if facts.lost_packets or facts.damaged or facts.cut else Confidence.PROVED


def _length(leg: Leg) -> int:
    """IKE length of the message; of an SKF set the sum, each fragment once."""
    return sum({j.sent.skf_number: j.sent.length for j in leg.journeys}.values())


def _lost(receiver: IkeSa, leg: Leg, where: str, passed: int) -> Cause:
    to = f"the {where}"
    sender = "client" if where == "server" else "server"
    what = f"{octets(_length(leg))} {name('exchange', leg.exchange)} {'response' if leg.is_response else 'request'}"
    sendings = _sendings(leg)
    confidence = _confidence(receiver)
    skf = any(j.sent.skf_total for j in leg.journeys)
    if any(j.sent.is_ip_fragmented for j in leg.lost) and not skf:
        verdict, text = _ip_fragments_lost(leg, what, sender, to, sendings, passed)
        if verdict == "udp-4500-blocked" and confidence is Confidence.PROVED:
            # That they are lost is proved; why only these are, is a conclusion.
            confidence = Confidence.STRONG
    elif skf:
        verdict, text = _skf_lost(leg, what, sender, to, sendings)
    else:
        verdict, text = _packet_lost(leg, what, sender, to, sendings, passed)
    return Cause(verdict, confidence, text, leg.lost)


def _sendings(leg: Leg) -> int:
    """How often the message was sent: of an SKF set, how often its most frequent fragment."""
    counts: dict[int, int] = {}
    for journey in leg.journeys:
        counts[journey.sent.skf_number] = counts.get(journey.sent.skf_number, 0) + 1
    return max(counts.values(), default=0)


def _ip_fragments_lost(leg: Leg, what: str, sender: str, to: str, sendings: int, passed: int) -> tuple[str, str]:
    journey = max(leg.lost, key=lambda j: j.fragments)
    gone = sorted({n for j in leg.lost for n in j.lost_fragments})
    everything = len(gone) >= journey.fragments and all(j.fate == "lost" for j in leg.lost)
    arrives = f"none of which reached {to}"
    if not everything:
        arrives = f"of which fragment{'s' * (len(gone) > 1)} {_numbers(gone)} never reached {to}"
    left = f"The {what} left the {sender} {times(sendings)} in {journey.fragments} IP fragments, {arrives}"
    if not everything and _size_decides(journey.sent, gone):
        return "pmtu-blackhole", f"{left}; shorter ones did: the path carries no packets of that size."
    port = journey.sent.sport if leg.is_response else journey.sent.dport
    if gone == [1] and port == NAT_T_PORT and not passed:
        return "udp-4500-blocked", (
            f"{left}; the others, which carry no ports, did, and nothing else on UDP 4500 does: most likely a filter "
            "on that port stops what names it."
        )
    verdict = "ike-auth-response-fragments-lost" if leg.is_response else "ike-auth-ip-fragments-lost-upstream"
    if leg.exchange == numbers.IKE_SA_INIT:
        verdict = "ike-sa-init-too-large"
    return verdict, f"{left}: a device between the two capture points drops IP fragments."


def _size_decides(message: Message, gone: Sequence[int]) -> bool:
    """Over IPv6, where no router cuts a packet, every fragment that is lost was larger than all that arrived."""
    if ":" not in message.src:
        return False
    table, rows = message.packet_table, message.packets
    by_place = dict(zip(table.fragment_offset[rows].tolist(), table.ip_length[rows].tolist(), strict=True))
    sizes = [size for _, size in sorted(by_place.items())]
    lost = [size for n, size in enumerate(sizes, 1) if n in gone]
    came = [size for n, size in enumerate(sizes, 1) if n not in gone]
    return bool(lost and came) and min(lost) > max(came)


def _skf_lost(leg: Leg, what: str, sender: str, to: str, sendings: int) -> tuple[str, str]:
    total = max(j.sent.skf_total for j in leg.journeys)
    came = {j.sent.skf_number for j in leg.journeys if j.fate == "arrived"}
    gone = sorted({j.sent.skf_number for j in leg.lost} - came)
    left = f"The {what} left the {sender} {times(sendings)} in {total} SKF fragments"
    if not came:
        if leg.journeys[0].sent.dport == NAT_T_PORT or leg.journeys[0].sent.sport == NAT_T_PORT:
            return "udp-4500-blocked", f"{left}, none of which reached {to}: UDP 4500 is blocked between them."
        return "ike-fragments-incomplete", f"{left}, none of which reached {to}."
    sizes = {j.sent.skf_number: j.sent.largest_ip_packet for j in leg.journeys}
    largest_come, smallest_gone = max(sizes[n] for n in came), min((sizes[n] for n in gone), default=0)
    if gone and smallest_gone > largest_come:
        return "pmtu-blackhole", (
            f"{left}; those of {smallest_gone:,} bytes never reached {to}, smaller ones did (up to {largest_come:,} "
            "bytes): the path between them carries no packets of that size."
        )
    one = f"fragment{'s' * (len(gone) > 1)} {_numbers(gone)} never" if gone else "never all of them at once"
    return "ike-fragments-incomplete", f"{left}, of which {one} reached {to}: a device between them drops packets."


def _packet_lost(leg: Leg, what: str, sender: str, to: str, sendings: int, passed: int) -> tuple[str, str]:
    message = leg.journeys[0].sent
    size = message.largest_ip_packet
    port = message.sport if leg.is_response else message.dport
    left = f"The {what} left the {sender} {times(sendings)} in one IP packet of {size:,} bytes and never reached {to}"
    if leg.exchange == numbers.IKE_SA_INIT:
        return "no-response-ike-sa-init", f"{left}: UDP {port} is blocked between the two capture points."
    if port == NAT_T_PORT and not passed:
        return "udp-4500-blocked", f"{left}: UDP {port} is blocked between the two capture points."
    if size > max(passed, _SMALL):
        return "pmtu-blackhole", (
            f"{left}, smaller packets did (up to {passed:,} bytes): the path between them carries no packets of that "
            "size."
        )
    return _STALLED, f"{left}, although other packets of this connection do: it is lost between the two capture points."


def _numbers(values: Sequence[int]) -> str:
    texts = [str(v) for v in values[:8]]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
