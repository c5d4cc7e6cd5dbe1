"""What is known of the capture as a whole, and the values in which facts are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.wire.tables import EchoRow, HandshakeRow, IcmpRow, NameRow

#: Three-valued: what the capture cannot show is unknown, never no.
Answer = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of an MTU in bytes, None where unknown, and what they rest on."""

    lower: int | None = None
    upper: int | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """What is known of the capture as a whole, for rules that must know what it can show.

    Attributes
    ----------
    first, last : int
        Times of the first and last packet, ns; ``MISSING`` without any.
    later_fragments : int
        IP fragments with an offset above 0, of any flow: if there is one, no port filter was in the way.
    rejected : int
        Packets that a filter on the IKE ports would not have let through.
    lost_packets : str
        How packets came to be missing (lost by the capturing host, cut to nothing), as a clause; empty when none are.
    cut, damaged : bool
        The file ends in mid-packet; it is damaged inside.
    duplicates : int
        Messages seen more than once by the capture itself.
    heard_on_4500 : frozenset of str
        Addresses that sent anything at all from UDP port 4500.
    given_mtu : int or None
        The path MTU as the user knows it, bytes.
    echoes, handshakes, names : tuples of EchoRow, HandshakeRow, NameRow
        What pings, TCP handshakes and DNS responses beside IKE tell, in the order of capture; bounded.
    """

    first: int
    last: int
    later_fragments: int
    rejected: int
    snapped: int
    lost_packets: str
    cut: bool
    damaged: bool
    capture_filter: str
    duplicates: int
    packets: int
    ike_messages: int
    esp: int
    keepalives: int
    unknown_link: int
    unreadable_udp: int
    icmp: tuple[IcmpRow, ...]
    heard_on_4500: frozenset[str] = frozenset()
    given_mtu: int | None = None
    echoes: tuple[EchoRow, ...] = ()
    handshakes: tuple[HandshakeRow, ...] = ()
    names: tuple[NameRow, ...] = ()

    @property
    def hides_later_fragments(self) -> bool:
        """Nothing proves that IP fragments beyond the first could reach this capture (domain.md 5.2)."""
        return self.later_fragments == 0

    @property
    def looks_filtered(self) -> bool:
        """Nothing in it would have been rejected by a filter on the IKE ports, or the file says so itself."""
        return bool(self.capture_filter) or (self.rejected == 0 and self.hides_later_fragments)
