"""What is known of the capture as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from analyzer.packets.tables import EchoRow, HandshakeRow, IcmpRow, NameRow
from analyzer.relate.seen.misdelivered_answers import Stray
from analyzer.relate.seen.pings import Sweep
from analyzer.relate.seen.tcp_handshakes import SegmentSizes

#: A filter that asks for ports, which only the first fragment carries; and one that lets later fragments pass as well.
_ASKS_FOR_PORTS = re.compile(r"\bport(range)?\b|\budp\s*\[|BPF program")
_PASSES_FRAGMENTS = re.compile(r"\bip\s*\[\s*6|\bip6 proto 44\b|\bip6\s*\[\s*6\s*\]")


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
        The file ends in mid-packet; it is damaged, and packets may be missing from it.
    duplicates : int
        Messages seen more than once by the capture itself.
    heard_on_4500 : set of str
        Addresses that sent anything at all from UDP port 4500.
    last_heard : mapping of (str, int) to int
        When an address last sent anything from its UDP port 500 or 4500, ns.
    given_mtu : int or None
        The path MTU as the user knows it, bytes.
    echoes, handshakes, names : tuples of EchoRow, HandshakeRow, NameRow
        What pings, TCP handshakes and DNS responses beside IKE tell, in the order of capture; bounded.
    tcp_tries : mapping of (str, str) to tuple of HandshakeRow
        Handshakes with TCP port 4500 or 443, where IKE goes when UDP does not (RFC 9329), by client and server; each
        in time.
    partners : mapping of str to frozenset of str
        Hosts with which an address is seen to talk in those; a few for each.
    one_way_tcp : int
        Pairs of hosts between which TCP under way is seen in one direction only; 0 if anything goes both ways.
    strays : tuple of Stray
        IKE_SA_INIT responses that went to a host which did not ask; bounded.
    ping_sweeps : mapping of (str, str) to Sweep
        What became of pings with DF, by who asks and who is asked.
    segment_sizes : mapping of str to SegmentSizes
        What TCP handshakes announce, by the host that began them.
    esp_from_4500, ike_from_4500 : mapping of (int, int) to int
        When the last ESP in UDP, or IKE behind the non-ESP marker, came: by the numbers of source and destination.
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
    heard_on_4500: Set[str] = frozenset()
    given_mtu: int | None = None
    echoes: tuple[EchoRow, ...] = ()
    handshakes: tuple[HandshakeRow, ...] = ()
    names: tuple[NameRow, ...] = ()
    last_heard: Mapping[tuple[str, int], int] = field(default_factory=dict)
    tcp_tries: Mapping[tuple[str, str], tuple[HandshakeRow, ...]] = field(default_factory=dict)
    partners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    one_way_tcp: int = 0
    strays: tuple[Stray, ...] = ()
    ping_sweeps: Mapping[tuple[str, str], Sweep] = field(default_factory=dict)
    segment_sizes: Mapping[str, SegmentSizes] = field(default_factory=dict)
    esp_from_4500: Mapping[tuple[int, int], int] = field(default_factory=dict)
    ike_from_4500: Mapping[tuple[int, int], int] = field(default_factory=dict)
    place: Callable[[int], int] = int

    @property
    def hides_later_fragments(self) -> bool:
        """Nothing proves that IP fragments beyond the first could reach this capture (domain.md 5.2)."""
        return self.later_fragments == 0

    @property
    def filter_hides_fragments(self) -> bool:
        """The file records a filter that asks for ports and makes no exception for fragments (domain.md 5.1)."""
        asks = bool(_ASKS_FOR_PORTS.search(self.capture_filter))
        return asks and not _PASSES_FRAGMENTS.search(self.capture_filter)

    @property
    def looks_filtered(self) -> bool:
        """Nothing in it would have been rejected by a filter on the IKE ports, or the file says so itself."""
        return self.filter_hides_fragments or (self.rejected == 0 and self.hides_later_fragments)

    @property
    def why_fragments_are_hidden(self) -> str:
        """Why IP fragments beyond the first may have been there unseen, as a clause; empty when they would be seen.

        The first that holds of domain.md section 5.2: a later fragment of any flow refutes it; the recorded filter;
        nothing in the capture that a filter on the ports would reject; and where there is, the way it was saved.
        """
        if not self.hides_later_fragments:
            return ""
        if self.filter_hides_fragments:
            return f'the file says that it was taken with the filter "{self.capture_filter}"'
        if self.looks_filtered:
            return "nothing but traffic on the IKE ports is in it"
        return "no IP fragment beyond the first of any flow is in it"
