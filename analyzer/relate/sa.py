"""One IKE SA as rules and reports see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from analyzer.ike.registry import numbers
from analyzer.packets.tables import EspFlow, IcmpRow
from analyzer.relate import fragmentation, nat, one_way, orphans, progress, side, signs
from analyzer.relate.authentication import Authentication
from analyzer.relate.exchange import ROLES, Exchange, Role
from analyzer.relate.facts import Answer, Bounds, CaptureFacts
from analyzer.relate.lazy import lazy
from analyzer.relate.message import Message
from analyzer.relate.mtu import path_mtu
from analyzer.relate.mtu.clue import Clue
from analyzer.relate.mtu.too_big import TooBig, reports
from analyzer.relate.nat import Hashes, NatView
from analyzer.relate.neighbours import Neighbour
from analyzer.relate.pairing import pair
from analyzer.relate.peers import Guess, guesses
from analyzer.relate.side import Side
from analyzer.relate.suite import Suite, agreed
from analyzer.relate.what_if import Plan, plans_of


class IkeSa:
    """Everything that carries one initiator SPI.

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
    icmp_about : dict of int to sequence of IcmpRow
        Those that quote one of its messages, by the message's row.
    orphans : tuple of (int, str, str)
        IP fragments whose first fragment was never seen, of its two hosts while it was used last: (frame, src, dst).
    dropped : dict of int to tuple of int
        Messages of which the capturing host recorded that it dropped a packet itself: the frames that say so, by row.
    rekeyed : bool
        It was made by CREATE_CHILD_SA inside another one, so it has no IKE_SA_INIT of its own.
    side : str
        Where the capture was taken, as seen on this SA's packets.
    """

    def __init__(
        self,
        index: int,
        capture: CaptureFacts,
        messages: tuple[Message, ...],
        *,
        flows: tuple[EspFlow, ...] = (),
        icmp: tuple[IcmpRow, ...] = (),
        icmp_about: Mapping[int, Sequence[IcmpRow]] | None = None,
        orphans: tuple[tuple[int, str, str], ...] = (),
        dropped: Mapping[int, tuple[int, ...]] | None = None,
        neighbours_of: Callable[[int], tuple[Neighbour, ...]] | None = None,
        siblings_of: Callable[[int], tuple[Neighbour, ...]] | None = None,
        rekeyed: bool = False,
    ) -> None:
        self.index = index
        self.number = index + 1
        self.capture = capture
        self.messages = messages
        self.flows = flows
        self.icmp = icmp
        self.icmp_about = icmp_about or {}
        self.orphans = orphans
        self.dropped = dropped or {}
        self._neighbours_of = neighbours_of
        self._siblings_of = siblings_of
        self.rekeyed = rekeyed
        first = messages[0]
        self.spi_i = first.spi_i
        self.version = first.version

    def __repr__(self) -> str:
        return f"<IkeSa {self.number} {self.spi_i:016x} {self.initiator} > {self.responder}>"

    @lazy
    def spi_r(self) -> int | None:
        """The responder SPI; None when the trace shows none. The last one wins: error answers may carry another."""
        return next((m.spi_r for m in reversed(self.messages) if m.spi_r), None)

    @lazy
    def pieces(self) -> tuple[orphans.Piece, ...]:
        """The :attr:`orphans` with their places in their datagrams, in the order of capture; bounded."""
        return orphans.pieces(self.orphans, self.messages[0].packet_table) if self.orphans else ()

    @lazy
    def _first_by_initiator(self) -> tuple[str, str]:
        first = self.messages[0]
        outward = first.is_initiator or self.version == 1
        return (first.src, first.dst) if outward else (first.dst, first.src)

    @property
    def initiator(self) -> str:
        """The original initiator's address, as first seen in the trace."""
        return self._first_by_initiator[0]

    @property
    def responder(self) -> str:
        return self._first_by_initiator[1]

    @property
    def start(self) -> int:
        """Time of the first message, ns."""
        return self.messages[0].time

    @property
    def end(self) -> int:
        """Time of the last message, ns."""
        return self.messages[-1].time

    @lazy
    def exchanges(self) -> tuple[Exchange, ...]:
        """In the order of their first message. Empty for IKEv1, whose messages do not say who asks and who answers."""
        if self.version < 2:
            return ()
        found = pair(self.messages, self.capture.last, alive=self.esp_r_to_i > 0)
        if not any(e.outcome == "unanswered" for e in found) or not self.one_way:
            return found
        # Where one direction is missing, nobody knows whether an answer came.
        return tuple([replace(e, outcome="open at end of capture") if e.outcome == "unanswered" else e for e in found])

    @lazy
    def _by_kind(self) -> dict[int, tuple[Exchange, ...]]:
        found: dict[int, list[Exchange]] = {}
        for exchange in self.exchanges:
            found.setdefault(exchange.exchange, []).append(exchange)
        return {kind: tuple(exchanges) for kind, exchanges in found.items()}

    def of(self, *kinds: int) -> tuple[Exchange, ...]:
        """Exchanges of the given types, in the order of their first message."""
        if len(kinds) == 1:
            return self._by_kind.get(kinds[0], ())
        return tuple([e for e in self.exchanges if e.exchange in kinds])

    @lazy
    def init(self) -> Exchange | None:
        """The last IKE_SA_INIT exchange (after COOKIE or INVALID_KE_PAYLOAD retries)."""
        found = self.of(numbers.IKE_SA_INIT)
        return found[-1] if found else None

    @lazy
    def auth(self) -> Exchange | None:
        """The IKE_AUTH exchange that decides: the unanswered one, else the one with the longest request."""
        found = self.of(numbers.IKE_AUTH)
        if not found:
            return None
        stuck = [e for e in found if e.outcome in ("unanswered", "open at end of capture")]
        return stuck[0] if stuck else max(found, key=lambda e: e.request.length if e.request else 0)

    @lazy
    def fragmentation_i(self) -> Answer:
        """Did the initiator announce IKEV2_FRAGMENTATION_SUPPORTED?"""
        return fragmentation.announced(self.messages, by_initiator=True)

    @lazy
    def fragmentation_r(self) -> Answer:
        """Did the responder announce it? It does only when the initiator did (RFC 7383 section 2.3)."""
        return fragmentation.announced(self.messages, by_initiator=False)

    @lazy
    def proposals(self) -> tuple[str, ...]:
        """Proposals that the initiator offered, as text."""
        return _proposals([m for m in self.messages if m.exchange == numbers.IKE_SA_INIT and not m.is_response])

    @lazy
    def chosen(self) -> str | None:
        """The proposal that the responder chose, as text."""
        found = _proposals([m for m in self.messages if m.exchange == numbers.IKE_SA_INIT and m.is_response])
        return found[0] if found else None

    @lazy
    def _hashes(self) -> Hashes:
        first = [m for m in self.messages if m.exchange == numbers.IKE_SA_INIT and m.version == 2]
        return nat.read_hashes([m for m in first if not m.is_response], [m for m in first if m.is_response])

    @lazy
    def nat(self) -> NatView:
        """NATs on the way as seen from the capture point, forced encapsulation, the move to port 4500."""
        return nat.view(self._hashes, self.messages if self.version == 2 else (), self.side)

    @property
    def nat_i(self) -> Answer:
        """Is the initiator behind a NAT (seen from the capture point)?"""
        return self.nat.initiator

    @property
    def nat_r(self) -> Answer:
        """Is the responder behind a NAT (seen from the capture point)?"""
        return self.nat.responder

    @lazy
    def reached(self) -> progress.Reached:
        return progress.reached(
            self.exchanges, self.authentication, esp_from_responder=self.esp_r_to_i > 0, rekeyed=self.rekeyed
        )

    @lazy
    def authentication(self) -> Authentication:
        """IKE_AUTH as it looks from outside the encryption (see :mod:`analyzer.relate.authentication`)."""
        return Authentication(self.exchanges, self.messages)

    def _esp(self, sender: Role) -> int:
        if not self.flows:
            return 0
        ends = (self.initiator, self.responder) if sender == "initiator" else (self.responder, self.initiator)
        text = self.messages[0].address_text
        return sum(f.packets for f in self.flows if f.spi and (text(f.src), text(f.dst)) == ends)

    @lazy
    def esp_i_to_r(self) -> int:
        """ESP packets from initiator to responder since the SA began."""
        return self._esp("initiator")

    @lazy
    def esp_r_to_i(self) -> int:
        return self._esp("responder")

    @property
    def retransmits(self) -> int:
        """Repeats of requests by their sender, capture duplicates excluded."""
        return sum(max(e.attempts - 1, 0) for e in self.exchanges)

    @lazy
    def open_at_end(self) -> tuple[Exchange, ...]:
        """Exchanges that the end of the capture left open."""
        return tuple([e for e in self.exchanges if e.outcome == "open at end of capture"])

    @lazy
    def unanswered(self) -> tuple[Exchange, ...]:
        return tuple([e for e in self.exchanges if e.outcome == "unanswered"])

    def reported(self, role: Role, since: int = 0) -> tuple[IcmpRow, ...]:
        """ICMP errors from a time on about IKE packets of one side, matched by address and port (domain.md 5.4)."""
        return tuple([i for i in self._reported[role] if i.time >= since])

    @lazy
    def _reported(self) -> dict[Role, list[IcmpRow]]:
        text = self.messages[0].address_text
        found: dict[Role, list[IcmpRow]] = {}
        for role, address in zip(ROLES, (self.initiator, self.responder), strict=True):
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

    @lazy
    def _sent(self) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        sent: tuple[list[Message], list[Message]] = [], []
        for message in self.messages:
            sent[message.is_initiator].append(message)
        return tuple(sent[0]), tuple(sent[1])

    @lazy
    def first_fragment(self) -> dict[Role, int]:
        """The longest first IP fragment of each side, bytes of IP packet; 0 where none was seen."""
        return {role: max((m.first_fragment_length or 0 for m in self.sent_by(role)), default=0) for role in ROLES}

    @lazy
    def last_asked(self) -> dict[Role, Exchange]:
        """The last exchange that each side began, where it began any."""
        return {exchange.sender: exchange for exchange in self.exchanges}

    @lazy
    def path_mtu(self) -> dict[Role, Bounds]:
        """Bounds by sender: ``initiator`` is the direction from initiator to responder."""
        given = self.capture.given_mtu
        if given is not None:
            return {role: Bounds(given, given, self._given(role, given)) for role in ROLES}
        return {role: path_mtu.bounds(self, role) for role in ROLES}

    @lazy
    def mtu_clues(self) -> dict[Role, tuple[Clue, ...]]:
        """All that the trace tells about the MTU, by sender, weak hints included (:mod:`analyzer.relate.mtu.clue`)."""
        return {role: path_mtu.clues(self, role) for role in ROLES}

    @lazy
    def too_big(self) -> dict[Role, tuple[TooBig, ...]]:
        """ICMP that says that packets of one side were too large, by that side (:mod:`analyzer.relate.mtu.too_big`)."""
        return {role: reports(self, role) for role in ROLES}

    def _given(self, role: Role, mtu: int) -> str:
        largest = max((m.largest_ip_packet for m in self.sent_by(role)), default=0)
        return "given by the user" + (f", although packets of {largest:,} bytes were sent" if largest > mtu else "")

    @lazy
    def peers(self) -> dict[Role, tuple[Guess, ...]]:
        """Which product each side may be, the best founded guess first (see :mod:`analyzer.relate.peers`)."""
        return {"initiator": guesses(self, "initiator"), "responder": guesses(self, "responder")}

    def product_guess(self, role: Role) -> tuple[str, ...]:
        """Product keys of one side (those of the remedies), the likeliest first; empty when nothing hints at one."""
        return tuple(dict.fromkeys(guess.product for guess in self.peers[role]))

    @lazy
    def plans(self) -> tuple[Plan, ...]:
        """What RFC 7383 would have done to each large message (see :mod:`analyzer.relate.what_if`)."""
        return tuple(plans_of(self))

    @lazy
    def signs(self) -> int:
        """What is in it at all (:class:`analyzer.relate.signs.Sign`), as a number."""
        return signs.of_sa(self)

    @lazy
    def suite(self) -> Suite | None:
        """Encryption and integrity of the IKE SA, as far as sizes go; None when the trace does not show them."""
        return agreed(self.messages)

    @lazy
    def neighbours(self) -> tuple[Neighbour, ...]:
        """Other IKE SAs that share an address with this one, the nearest in time; at most 64 (``MAX_NEIGHBOURS``)."""
        return self._neighbours_of(self.index) if self._neighbours_of is not None else ()

    @lazy
    def siblings(self) -> tuple[Neighbour, ...]:
        """Those :attr:`neighbours` that are of the same initiator with the same responder."""
        return self._siblings_of(self.index) if self._siblings_of is not None else ()

    @lazy
    def _side(self) -> tuple[Side, str]:
        addresses: dict[Role, str] = {"initiator": self.initiator, "responder": self.responder}
        sent = {role: self.sent_by(role) for role in ROLES}
        if self.version == 1:  # its messages do not say whose they are
            sent = {role: tuple([m for m in self.messages if m.src == addresses[role]]) for role in ROLES}
        found = side.clues(sent, addresses, self.exchanges, self._hashes, self.capture.partners)
        return side.conclude(found)

    @property
    def side(self) -> Side:
        """Where the capture was taken, as far as all clues agree (see :mod:`analyzer.relate.side`)."""
        return self._side[0]

    @property
    def side_evidence(self) -> str:
        """What :attr:`side` rests on, or why it is not known."""
        return self._side[1]

    @lazy
    def one_way(self) -> str:
        """Why this trace is thought to hold one direction only, as a clause; empty when it holds both."""
        return one_way.reason(self.messages, self.flows, self.capture)


def _proposals(messages: list[Message]) -> tuple[str, ...]:
    from analyzer.ike.payloads import SA
    from analyzer.ike.proposals import proposal_text

    for message in messages:
        for payload in message.ike.payloads:
            if isinstance(payload, SA):
                return tuple(proposal_text(p) for p in payload.proposals)
    return ()
