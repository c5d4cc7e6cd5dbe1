"""Other IKE SAs of the same two hosts, in brief: what one attempt cannot show, its neighbours may."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another IKE SA that shares an address with the one that is looked at.

    ``answered``: anything came from its responder; ``auth_sent``, ``auth_answered``: of IKE_AUTH likewise. Times in ns.
    """

    number: int
    spi_i: int
    start: int
    end: int
    initiator: str
    initiator_port: int
    responder: str
    first_frame: int
    answered: bool
    auth_sent: bool
    auth_answered: bool
