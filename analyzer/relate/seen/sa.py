"""What is seen of one IKE SA: its messages, its ESP, ICMP about it, its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analyzer.cached_property import cached_property
from analyzer.ike.registry import numbers
from analyzer.packets.tables import EspFlow, IcmpRow
from analyzer.relate.seen import features, fragmentation_support, orphan_fragments
from analyzer.relate.seen.capture_facts import CaptureFacts
from analyzer.relate.seen.exchange import OTHER_SIDE, ROLES, Role
from analyzer.relate.seen.message import Message
from analyzer.relate.seen.neighbours import Neighbour
from analyzer.relate.seen.orphan_fragments import Orphan, PlacedOrphan
from analyzer.relate.seen.proposal_texts import proposal_texts
from analyzer.relate.seen.yes_no_unknown import YesNoUnknown


class SeenSa:
    """Everything that carries one initiator SPI, of one initiator, and nothing that is concluded from it.

    Attributes
    ----------
    number, index : int
        In the order of appearance: the number from 1, as it is told everywhere, the index from 0.
    spi_i, version : int
        Initiator SPI, major IKE version.
    capture : CaptureFacts
        The capture that it was seen in.
    messages : tuple of Message
        In the order of capture, capture duplicates left out.
    flows : tuple of EspFlow
        ESP and keepalives that belong to it.
    icmp : tuple of IcmpRow
        ICMP errors about its packets, or about others of its two hosts while it was used last.
    icmp_by_message : dict of int to sequence of IcmpRow
        Those that quote one of its messages, by the message's row.
    orphans : tuple of Orphan
        IP fragments whose first fragment was never seen, of its two hosts while it was used last.
    dropped : dict of int to tuple of int
        Messages of which the capturing host recorded that it dropped a packet itself: the frames that say so, by row.
    rekeyed : bool
        It was made by CREATE_CHILD_SA inside another one, so it has no IKE_SA_INIT of its own.
    """

    def __init__(
        self,
        index: int,
        capture: CaptureFacts,
        messages: tuple[Message, ...],
        *,
        flows: tuple[EspFlow, ...] = (),
        icmp: tuple[IcmpRow, ...] = (),
        icmp_by_message: Mapping[int, Sequence[IcmpRow]] | None = None,
        orphans: tuple[Orphan, ...] = (),
        dropped: Mapping[int, tuple[int, ...]] | None = None,
        neighbours_of: Callable[[int], tuple[Neighbour, ...]] | None = None,
        siblings_of: Callable[[int], tuple[Neighbour, ...]] | None = None,
        speak_ikev2: Callable[[int, int], bool] | None = None,
        rekeyed: bool = False,
    ) -> None:
        self.index = index
        self.number = index + 1
        self.capture = capture
        self.messages = messages
        self.flows = flows
        self.icmp = icmp
        self.icmp_by_message = icmp_by_message or {}
        self.orphans = orphans
        self.dropped = dropped or {}
        self._neighbours_of = neighbours_of
        self._siblings_of = siblings_of
        self._speak_ikev2 = speak_ikev2
        self.rekeyed = rekeyed
        first = messages[0]
        self.spi_i = first.spi_i
        self.version = first.version

    def __repr__(self) -> str:
        return f"<IkeSa {self.number} {self.spi_i:016x} {self.initiator} > {self.responder}>"

    @cached_property
    def spi_r(self) -> int | None:
        """The responder SPI; None when the trace shows none. The last one wins: error answers may carry another."""
        return next((m.spi_r for m in reversed(self.messages) if m.spi_r), None)

    @cached_property
    def placed_orphans(self) -> tuple[PlacedOrphan, ...]:
        """The :attr:`orphans` with their places in their datagrams, in the order of capture; bounded."""
        return orphan_fragments.placed(self.orphans, self.messages[0].packet_table) if self.orphans else ()

    @cached_property
    def addresses(self) -> dict[Role, str]:
        """Address of each side, as first seen in the trace."""
        first = self.messages[0]
        outward = first.is_initiator or self.version == 1
        initiator, responder = (first.src, first.dst) if outward else (first.dst, first.src)
        return {"initiator": initiator, "responder": responder}

    @property
    def initiator(self) -> str:
        """The original initiator's address."""
        return self.addresses["initiator"]

    @property
    def responder(self) -> str:
        return self.addresses["responder"]

    @property
    def start(self) -> int:
        """Time of the first message, ns."""
        return self.messages[0].time

    @property
    def end(self) -> int:
        """Time of the last message, ns."""
        return self.messages[-1].time

    @cached_property
    def fragmentation_i(self) -> YesNoUnknown:
        """Did the initiator announce IKEV2_FRAGMENTATION_SUPPORTED?"""
        return fragmentation_support.announced(self.messages, by_initiator=True)

    @cached_property
    def fragmentation_r(self) -> YesNoUnknown:
        """Did the responder announce it? It does only when the initiator did (RFC 7383 section 2.3)."""
        return fragmentation_support.announced(self.messages, by_initiator=False)

    @cached_property
    def offers_seen(self) -> dict[Role, bool]:
        """Whether each side's announcement is in the trace itself, and not only inferred from SKF messages."""
        return {role: fragmentation_support.is_seen(self.messages, by_initiator=role == "initiator") for role in ROLES}

    @property
    def offers_are_seen(self) -> bool:
        """Those of both sides."""
        return all(self.offers_seen.values())

    @cached_property
    def proposals(self) -> tuple[str, ...]:
        """Proposals that the initiator offered, as text."""
        return proposal_texts([m for m in self.messages if m.exchange == numbers.IKE_SA_INIT and not m.is_response])

    @cached_property
    def chosen(self) -> str | None:
        """The proposal that the responder chose, as text."""
        found = proposal_texts([m for m in self.messages if m.exchange == numbers.IKE_SA_INIT and m.is_response])
        return found[0] if found else None

    def _esp(self, sender: Role) -> int:
        if not self.flows:
            return 0
        ends = self.addresses[sender], self.addresses[OTHER_SIDE[sender]]
        text = self.messages[0].address_text
        return sum(f.packets for f in self.flows if f.spi and (text(f.src), text(f.dst)) == ends)

    @cached_property
    def esp_i_to_r(self) -> int:
        """ESP packets from initiator to responder since the SA began."""
        return self._esp("initiator")

    @cached_property
    def esp_r_to_i(self) -> int:
        return self._esp("responder")

    def icmp_errors_about(self, role: Role, since: int = 0) -> tuple[IcmpRow, ...]:
        """ICMP errors from a time on about IKE packets of one side, matched by address and port.

        Source: docs/domain/icmp.md.
        """
        return tuple([i for i in self._icmp_errors[role] if i.time >= since])

    @cached_property
    def _icmp_errors(self) -> dict[Role, list[IcmpRow]]:
        text = self.messages[0].address_text
        found: dict[Role, list[IcmpRow]] = {}
        for role, address in self.addresses.items():
            ports = {None, *(m.dport for m in self.sent_by(role))}
            found[role] = [
                i
                for i in self.icmp
                if i.error.quoted is not None and text(i.quoted_src) == address and i.error.quoted.dport in ports
            ]
        return found

    def sent_by(self, role: Role) -> tuple[Message, ...]:
        """Messages of one side."""
        return self._sent[role == "initiator"]

    @cached_property
    def _sent(self) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        sent: tuple[list[Message], list[Message]] = [], []
        for message in self.messages:
            sent[message.is_initiator].append(message)
        return tuple(sent[0]), tuple(sent[1])

    @cached_property
    def _sent_by_either(self) -> dict[Role, tuple[Message, ...]]:
        """Messages of each side; IKEv1 has no flag for it, so there the address decides."""
        if self.version == 1:
            return {role: tuple([m for m in self.messages if m.src == self.addresses[role]]) for role in ROLES}
        return {role: self.sent_by(role) for role in ROLES}

    @cached_property
    def first_fragment(self) -> dict[Role, int]:
        """The longest first IP fragment of each side, bytes of IP packet; 0 where none was seen."""
        return {role: max((m.first_fragment_length or 0 for m in self.sent_by(role)), default=0) for role in ROLES}

    @cached_property
    def features(self) -> int:
        """What is in it at all (:class:`analyzer.relate.seen.features.Feature`), as a number."""
        return features.features_of_sa(
            [message.features for message in self.messages],
            orphans=bool(self.orphans),
            icmp=bool(self.icmp),
            dropped=bool(self.dropped),
            sizes=self.capture.given_mtu is not None or bool(self.capture.ping_sweeps),
        )

    @cached_property
    def neighbours(self) -> tuple[Neighbour, ...]:
        """Other IKE SAs that share an address with this one, the nearest in time; at most 64 (``MAX_NEIGHBOURS``)."""
        return self._neighbours_of(self.index) if self._neighbours_of is not None else ()

    @cached_property
    def siblings(self) -> tuple[Neighbour, ...]:
        """Those :attr:`neighbours` that are of the same initiator with the same responder."""
        return self._siblings_of(self.index) if self._siblings_of is not None else ()

    @property
    def is_beside_ikev2(self) -> bool:
        """IKEv2 goes between the same two addresses at some time of the trace, in this IKE SA or another."""
        return self._speak_ikev2 is not None and self._speak_ikev2(*self.messages[0].address_numbers)
