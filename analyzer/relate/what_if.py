"""What IKE fragmentation (RFC 7383) would have done to a large message, from its size and the suite in the clear."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """How RFC 7383 would have sent one message.

    Attributes
    ----------
    exchange, is_response : int, bool
        Which message.
    length : int
        Its IKE length as sent whole, bytes.
    mtu, mtu_source : int, str
        The IP packet size that was assumed, and where it comes from, as a clause.
    suite : str
        Encryption and integrity that were agreed, as text; empty when the trace does not show them.
    fragments : int
        SKF fragments at that size.
    largest_packet : int
        IP packet of a full fragment, bytes.
    helps : bool
        False where RFC 7383 would be no cure; ``why_not`` says why.
    why_not : str
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
