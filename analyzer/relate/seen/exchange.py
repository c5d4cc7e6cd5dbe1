"""One exchange as rules and reports see it: a request, its repeats, and what answered it (RFC 7296 section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from analyzer.ike.registry import numbers
from analyzer.relate.seen.message import Message

Role = Literal["initiator", "responder"]
ROLES: tuple[Role, Role] = ("initiator", "responder")
#: The side that a side talks with.
OTHER_SIDE: dict[Role, Role] = {"initiator": "responder", "responder": "initiator"}
Outcome = Literal["answered", "unanswered", "superseded", "response only", "open at end of capture"]

#: Exchanges without which there is no IKE SA: a request of theirs that stays unanswered ends the attempt.
SETUP_EXCHANGES = frozenset(
    {numbers.IKE_SA_INIT, numbers.IKE_AUTH, numbers.IKE_SESSION_RESUME, numbers.IKE_INTERMEDIATE}
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a message: a single IKE message, or the set of its SKF fragments."""

    messages: tuple[Message, ...]

    @property
    def time(self) -> int:
        return self.messages[0].time

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(frame for m in self.messages for frame in m.frames)

    @property
    def length(self) -> int:
        """IKE length; of an SKF set the sum over its fragments, each counted once."""
        if len(self.messages) == 1:
            return self.messages[0].length
        return sum({m.skf_number: m.length for m in self.messages}.values())

    @property
    def skf_total(self) -> int:
        """Total of the SKF set, 0 when the message was sent whole."""
        return self.messages[0].skf_total

    @property
    def skf_missing(self) -> tuple[int, ...]:
        """Fragment numbers of the set that were not seen."""
        seen = {m.skf_number for m in self.messages}
        return tuple(k for k in range(1, self.skf_total + 1) if k not in seen) if self.skf_total else ()

    @property
    def ip_fragments(self) -> int:
        """Most IP packets that one IKE message of it was cut into (1: none was cut), missing ones included."""
        return max(m.ip_pieces for m in self.messages)

    @property
    def is_ip_fragmented(self) -> bool:
        return any(m.is_ip_fragmented for m in self.messages)

    @property
    def largest_ip_packet(self) -> int:
        return max(m.largest_ip_packet for m in self.messages)

    @property
    def complete(self) -> bool:
        """Every IP fragment of every IKE message of the set was seen."""
        if len(self.messages) == 1:
            return self.messages[0].complete and self.messages[0].skf_total <= 1
        return all(m.complete for m in self.messages) and not self.skf_missing

    @property
    def inner_payload(self) -> int | None:
        """Type of the first payload inside (of SKF: named by fragment 1 only, RFC 7383 section 2.5)."""
        for m in self.messages:
            if m.skf_number in (0, 1):
                return m.inner_payload
        return None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with its repeats, and what answered it (RFC 7296 section 2.1).

    ``requests`` and ``responses`` hold one :class:`Attempt` per sending, in time. ``retry`` counts changed requests
    (IKE_SA_INIT after COOKIE or INVALID_KE_PAYLOAD); ``retry_reason`` says why this one differs from the one before.
    ``request`` and ``response`` are the fullest sending of each (others may have lost fragments), None when not seen.
    """

    sender: Role
    exchange: int
    message_id: int
    requests: tuple[Attempt, ...]
    responses: tuple[Attempt, ...]
    outcome: Outcome
    retry: int = 0
    retry_reason: str = ""
    request: Attempt | None = field(init=False)
    response: Attempt | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "request", _fullest(self.requests))
        object.__setattr__(self, "response", _fullest(self.responses))

    @property
    def attempts(self) -> int:
        return len(self.requests)

    @property
    def times(self) -> tuple[int, ...]:
        return tuple(a.time for a in self.requests)

    @property
    def span(self) -> float:
        """Seconds from the first to the last sending of the request."""
        return (self.requests[-1].time - self.requests[0].time) / 1e9 if self.requests else 0.0

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(f for a in (*self.requests, *self.responses) for f in a.frames)

    @property
    def rtt(self) -> float | None:
        """Seconds from the last request before the first response to that response."""
        if not self.responses:
            return None
        arrived = self.responses[0].time
        sent = [a.time for a in self.requests if a.time <= arrived]
        return (arrived - sent[-1]) / 1e9 if sent else None

    @property
    def is_setup(self) -> bool:
        return self.exchange in SETUP_EXCHANGES


def _fullest(attempts: tuple[Attempt, ...]) -> Attempt | None:
    if len(attempts) < 2:
        return attempts[0] if attempts else None
    if all(len(a.messages) == 1 and a.messages[0].complete and not a.messages[0].skf_total for a in attempts):
        return attempts[0]
    return max(attempts, key=lambda a: (a.complete, a.length, a.ip_fragments, -a.time))
