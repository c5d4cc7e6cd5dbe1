"""Where a capture was taken, as seen on one IKE SA: at the initiator, at the responder, or between them.

Rules read silence differently at the two ends, so a wrong side makes a wrong verdict. Each clue has a weight, and a
side is named only where the clues for it clearly outweigh the others:

- 6: the capturing host received the packets of both ends (or sent both): it is neither, a router or a mirror port.
- 4: it sent those of one end itself, and received those of the other.
- 3: the packets of one end still have the TTL that hosts send with, those of the other do not (neither: between).
- 3: a hash that a side made of its own address fits, and its peer knows it by another: the NAT comes behind this point.
- 2: one end is seen to talk with third hosts, the other is not.
- 1: answers take long and the next request comes soon, or the other way round: a slow host can look the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT
from analyzer.relate.inferred.nat import NatDetection
from analyzer.relate.seen.exchange import OTHER_SIDE, ROLES, Exchange, Role
from analyzer.relate.seen.message import Message

Side = Literal["initiator", "responder", "middle", "unknown"]

#: TTLs (hop limits) that hosts send with.
_INITIAL_TTLS = frozenset({64, 128, 255})
#: What the clues for a side must weigh, and by how much they must outweigh all others.
_ENOUGH = 2
#: A wait that only the way can explain, and one that leaves no room for a way, ns.
_FAR, _NEAR = 10_000_000, 1_000_000
#: The one wait must be this many times the other.
_TIMES = 5

_PERSON: dict[Role, str] = {"initiator": "client", "responder": "server"}


@dataclass(frozen=True, slots=True)
class SideClue:
    """One reason to think that the capture was taken at a side."""

    side: Side
    weight: int
    text: str


def clues(
    sent: Mapping[Role, Sequence[Message]],
    addresses: Mapping[Role, str],
    exchanges: Sequence[Exchange],
    hashes: NatDetection,
    partners: Mapping[str, frozenset[str]],
) -> tuple[SideClue, ...]:
    """All clues of one IKE SA.

    Parameters
    ----------
    sent : mapping of Role to sequence of Message
        The messages of each end.
    addresses : mapping of Role to str
        Address of each end.
    exchanges : sequence of Exchange
        For the waits between request, answer and next request.
    hashes : NatDetection
        Of the NAT_DETECTION notifies.
    partners : mapping of str to frozenset of str
        Hosts with which an address is seen to talk beside IKE (:mod:`analyzer.relate.seen.partners`).
    """
    found = (
        _direction(sent),
        _ttl(sent),
        *_nat(hashes),
        _third_hosts(addresses, partners),
        _timing(exchanges),
    )
    return tuple([clue for clue in found if clue is not None])


def conclude(found: Iterable[SideClue]) -> tuple[Side, str]:
    """The side that the clues agree on, and why; ``unknown`` where they are too weak or speak against each other.

    Examples
    --------
    >>> fresh = SideClue("initiator", 3, "the client's packets are fresh")
    >>> conclude([fresh, SideClue("responder", 1, "answers come at once")])
    ('initiator', "the client's packets are fresh")
    >>> conclude([fresh, SideClue("responder", 4, "the host sent them")])
    ('unknown', "clues disagree: the client's packets are fresh; the host sent them")
    >>> conclude([SideClue("responder", 1, "answers come at once")])
    ('unknown', 'too little to go by: answers come at once')
    """
    found = tuple(found)
    weights: dict[Side, int] = {}
    for clue in found:
        weights[clue.side] = weights.get(clue.side, 0) + clue.weight
    if not weights:
        return "unknown", "nothing in the packets tells"
    best = max(weights, key=lambda side: weights[side])
    others = sum(weights.values()) - weights[best]
    if weights[best] - others >= _ENOUGH:
        return best, "; ".join(clue.text for clue in found if clue.side == best)
    doubt = "clues disagree" if others else "too little to go by"
    return "unknown", f"{doubt}: " + "; ".join(clue.text for clue in found)


def _direction(sent: Mapping[Role, Sequence[Message]]) -> SideClue | None:
    """Which packets the capturing host sent itself (recorded by pcapng, by ``tcpdump -i any``, by Windows)."""
    ways = {role: _recorded(sent[role]) for role in ROLES}
    out, received = {DIRECTION_OUT}, {DIRECTION_IN}
    if ways["initiator"] == ways["responder"] and ways["initiator"] in (out, received):
        return SideClue("middle", 6, "the capturing host is neither end: it forwarded or overheard the packets of both")
    for role in ROLES:
        other = OTHER_SIDE[role]
        alone = not sent[other] and _is_fresh(sent[role])
        if ways[role] == out and (ways[other] == received or alone):
            return SideClue(role, 4, f"the capturing host sent the {_PERSON[role]}'s packets itself")
    return None


def _recorded(messages: Sequence[Message]) -> set[int]:
    return {direction for m in messages if (direction := m.first_direction) is not None}


def _ttl(sent: Mapping[Role, Sequence[Message]]) -> SideClue | None:
    fresh = {role: _is_fresh(sent[role]) for role in ROLES}
    if fresh["initiator"] is False and fresh["responder"] is False:
        return SideClue("middle", 3, "the packets of both ends have passed routers")
    for role in ROLES:
        if fresh[role] and fresh[OTHER_SIDE[role]] is False:
            return SideClue(
                role,
                3,
                f"the {_PERSON[role]}'s packets have not passed a router, the {_PERSON[OTHER_SIDE[role]]}'s have",
            )
    return None


def _is_fresh(messages: Sequence[Message]) -> bool | None:
    """Are all packets of one end unrouted? None without any packet of it."""
    # Only its first packet: behind it there may be copies from the other side of a router.
    ttls = {ttl for m in messages if (ttl := m.first_ttl) is not None}
    return ttls <= _INITIAL_TTLS if ttls else None


def _nat(hashes: NatDetection) -> Iterable[SideClue | None]:
    ends: tuple[tuple[Role, bool | None, bool | None], ...] = (
        ("initiator", hashes.initiator.fits, hashes.initiator_as_peer_sees),
        ("responder", hashes.responder.fits, hashes.responder_as_peer_sees),
    )
    for role, own, as_peer_sees in ends:
        if own and as_peer_sees is False:
            yield SideClue(role, 3, f"the {_PERSON[role]}'s address is changed by a NAT only behind this point")


def _third_hosts(addresses: Mapping[Role, str], partners: Mapping[str, frozenset[str]]) -> SideClue | None:
    others = {role: partners.get(addresses[role], frozenset()) - {addresses[OTHER_SIDE[role]]} for role in ROLES}
    for role in ROLES:
        if others[role] and not others[OTHER_SIDE[role]]:
            return SideClue(role, 2, f"the {_PERSON[role]} is seen to talk with other hosts as well")
    return None


def _timing(exchanges: Sequence[Exchange]) -> SideClue | None:
    """At the initiator an answer takes the way and back, and the next request no way at all; mirrored there."""
    asked = [e for e in exchanges if e.is_setup and e.sender == "initiator" and e.requests]
    answers = [rtt for e in asked if (rtt := e.rtt) is not None]
    pauses = [
        after.requests[0].time - before.responses[0].time
        for before, after in pairwise(asked)
        if before.responses and after.requests[0].time >= before.responses[0].time
    ]
    if not answers or not pauses:
        return None
    answer, pause = round(min(answers) * 1e9), min(pauses)
    said = f"answers take {answer / 1e6:.1f} ms, and the next request {pause / 1e6:.1f} ms"
    if answer >= _FAR and answer >= _TIMES * pause:
        return SideClue("initiator", 1, said)
    if pause >= _FAR and answer <= _NEAR:
        return SideClue("responder", 1, said)
    return None
