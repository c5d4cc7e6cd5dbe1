"""One IKE SA as rules and reports see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analyzer.cached_property import cached_property
from analyzer.ike.registry import numbers
from analyzer.relate.inferred import nat, one_way, progress, side
from analyzer.relate.inferred.authentication import Authentication
from analyzer.relate.inferred.child_refusals import refused_children
from analyzer.relate.inferred.cipher_suite import CipherSuite, agreed_suite
from analyzer.relate.inferred.closing import Closing, closing
from analyzer.relate.inferred.fragment_plan import FragmentPlan, PacketSize, fragment_plans, large_messages, packet_size
from analyzer.relate.inferred.late_answers import came_too_late
from analyzer.relate.inferred.mtu import path_mtu
from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.inferred.mtu.path_mtu import Bounds, Direction
from analyzer.relate.inferred.mtu.too_big import TooBig, too_big_reports
from analyzer.relate.inferred.nat import NatDetection, NatView
from analyzer.relate.inferred.products import ProductGuess, product_guesses
from analyzer.relate.inferred.rejection import Rejection, rejection
from analyzer.relate.inferred.side import Side
from analyzer.relate.seen.exchange import OTHER_SIDE, ROLES, Exchange, Role
from analyzer.relate.seen.lookups import Lookups
from analyzer.relate.seen.pairing import pair_messages
from analyzer.relate.seen.sa import SeenSa
from analyzer.relate.seen.yes_no_unknown import YesNoUnknown


class IkeSa(SeenSa):
    """One IKE SA: what is seen of it, and what is concluded from that.

    Attributes
    ----------
    side : str
        Where the capture was taken, as seen on this SA's packets.
    """

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        """In the order of their first message. Empty for IKEv1, whose messages do not say who asks and who answers."""
        if self.version < 2:
            return ()
        found = pair_messages(self.messages, self.capture.last, alive=self.esp_r_to_i > 0)
        # An answer after its sender gave up is none.
        if any(e.attempts > 1 for e in found):
            last = {e.sender: e.times[0] for e in found if e.requests}
            late = [e.attempts > 1 and came_too_late(e, last[e.sender], self._begun_anew()) for e in found]
            found = tuple(
                [replace(e, outcome="unanswered") if is_late else e for e, is_late in zip(found, late, strict=True)]
            )
        if not any(e.outcome == "unanswered" for e in found) or not self.one_way:
            return found
        # Where one direction is missing, nobody knows whether an answer came.
        return tuple([replace(e, outcome="open at end of capture") if e.outcome == "unanswered" else e for e in found])

    def _begun_anew(self) -> Iterator[int]:
        """When the same client, by address and port, began other IKE SAs with the same server."""
        first = self.messages[0]
        port = first.sport if first.is_initiator else first.dport
        for sibling in self.siblings:
            if sibling.initiator_port == port:
                yield sibling.start

    @cached_property
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

    @cached_property
    def init(self) -> Exchange | None:
        """The last IKE_SA_INIT exchange (after COOKIE or INVALID_KE_PAYLOAD retries)."""
        found = self.of(numbers.IKE_SA_INIT)
        return found[-1] if found else None

    @cached_property
    def auth(self) -> Exchange | None:
        """The IKE_AUTH exchange that decides: the unanswered one, else the one with the longest request."""
        found = self.of(numbers.IKE_AUTH)
        if not found:
            return None
        stuck = [e for e in found if e.outcome in ("unanswered", "open at end of capture")]
        return stuck[0] if stuck else max(found, key=lambda e: e.request.length if e.request else 0)

    @cached_property
    def _nat_detection(self) -> NatDetection:
        first = [m for m in self.messages if m.exchange == numbers.IKE_SA_INIT and m.version == 2]
        return nat.read_nat_detection([m for m in first if not m.is_response], [m for m in first if m.is_response])

    @cached_property
    def nat(self) -> NatView:
        """NATs on the way as seen from the capture point, forced encapsulation, the move to port 4500."""
        return nat.nat_view(self._nat_detection, self.messages if self.version == 2 else (), self.side)

    @property
    def nat_i(self) -> YesNoUnknown:
        """Is the initiator behind a NAT (seen from the capture point)?"""
        return self.nat.initiator

    @property
    def nat_r(self) -> YesNoUnknown:
        """Is the responder behind a NAT (seen from the capture point)?"""
        return self.nat.responder

    @cached_property
    def reached(self) -> progress.Reached:
        return progress.reached(
            self.exchanges,
            self.authentication,
            esp_from_responder=self.esp_r_to_i > 0,
            rekeyed=self.rekeyed,
            rejected=self.rejection is not None,
        )

    @cached_property
    def rejection(self) -> Rejection | None:
        """The client's notify that it does not accept what IKE_AUTH granted; None without one, or with ESP."""
        if self.authentication.rejection is None or self.esp_i_to_r or self.esp_r_to_i:
            return None
        return rejection(self.authentication, self.nat)

    @cached_property
    def lookups(self) -> Lookups:
        """What the client looked up before its :attr:`rejection`."""
        answered = self.authentication.answered_at
        if self.rejection is None or answered is None:
            return Lookups()
        return self.capture.lookups.between(self.initiator, answered, self.rejection.exchange.requests[0].time)

    @cached_property
    def closing(self) -> Closing | None:
        """How the login that was granted ended, if by a Delete of the IKE SA."""
        return closing(self.authentication, self.of(numbers.CREATE_CHILD_SA), self.siblings, self.start)

    @cached_property
    def refused_children(self) -> tuple[Exchange, ...]:
        """CREATE_CHILD_SA exchanges that were refused for good."""
        asked = self.of(numbers.CREATE_CHILD_SA)
        return refused_children(self.authentication, asked) if asked else ()

    @property
    def shows_tunnel(self) -> bool:
        """A Child SA was there: ESP went both ways, one was made or rekeyed later, or each side deleted its half."""
        if self.esp_i_to_r and self.esp_r_to_i:
            return True
        deleted = self.authentication.child_deletion
        if deleted is not None and deleted.response is not None and deleted.response.inner_payload == numbers.D:
            return True
        return any(self.authentication.makes_child(e) for e in self.of(numbers.CREATE_CHILD_SA))

    @property
    def was_used(self) -> bool:
        """ESP went both ways, or a later exchange was answered that only an established IKE SA has."""
        return (self.esp_i_to_r > 0 and self.esp_r_to_i > 0) or self.authentication.is_alive

    @cached_property
    def authentication(self) -> Authentication:
        """IKE_AUTH as it looks from outside the encryption (see :mod:`analyzer.relate.inferred.authentication`)."""
        return Authentication(self.exchanges, self.messages)

    @property
    def retransmits(self) -> int:
        """Repeats of requests by their sender, capture duplicates excluded."""
        return sum(max(e.attempts - 1, 0) for e in self.exchanges)

    @cached_property
    def open_at_end(self) -> tuple[Exchange, ...]:
        """Exchanges that the end of the capture left open."""
        return tuple([e for e in self.exchanges if e.outcome == "open at end of capture"])

    @cached_property
    def unanswered(self) -> tuple[Exchange, ...]:
        return tuple([e for e in self.exchanges if e.outcome == "unanswered"])

    @cached_property
    def last_asked(self) -> dict[Role, Exchange]:
        """The last exchange that each side began, where it began any."""
        return {exchange.sender: exchange for exchange in self.exchanges}

    @cached_property
    def path_mtu(self) -> dict[Role, Bounds]:
        """Bounds by sender: ``initiator`` is the direction from initiator to responder."""
        given = self.capture.given_mtu
        if given is not None:
            return {role: path_mtu.given_bounds(given, self.sent_by(role)) for role in ROLES}
        return {role: path_mtu.bounds(self._direction(role)) for role in ROLES}

    @cached_property
    def mtu_clues(self) -> dict[Role, tuple[MtuClue, ...]]:
        """All that the trace tells about the MTU, by sender, weak hints included."""
        return {role: path_mtu.clues(self._direction(role)) for role in ROLES}

    @cached_property
    def too_big(self) -> dict[Role, tuple[TooBig, ...]]:
        """ICMP that says that packets of one side were too large, by that side."""
        text = self.messages[0].address_text
        return {role: too_big_reports(self.icmp, self.addresses[role], self.sent_by(role), text) for role in ROLES}

    def _direction(self, role: Role) -> Direction:
        sender, receiver = self.addresses[role], self.addresses[OTHER_SIDE[role]]
        return Direction(
            role=role,
            sender=sender,
            receiver=receiver,
            sent=self.sent_by(role),
            exchanges=self.exchanges,
            side=self.side,
            too_big=self.too_big[role],
            sweep=self.capture.ping_sweeps.get((sender, receiver)),
            segments=self.capture.segment_sizes,
        )

    @cached_property
    def products(self) -> dict[Role, tuple[ProductGuess, ...]]:
        """Which product each side may be, the best founded guess first."""
        return {role: product_guesses(self._sent_by_either[role], self.exchanges, role) for role in ROLES}

    def product_keys(self, role: Role) -> tuple[str, ...]:
        """Product keys of one side (those of the remedies), the likeliest first; empty when nothing hints at one."""
        return tuple(dict.fromkeys(guess.product for guess in self.products[role]))

    @cached_property
    def fragment_plans(self) -> tuple[FragmentPlan, ...]:
        """What RFC 7383 would have done to each large message (see :mod:`analyzer.relate.inferred.fragment_plan`)."""
        large = tuple(large_messages(self.exchanges, {role: self.path_mtu[role].upper for role in ROLES}))
        if not large:
            return ()
        sizes = {role: self._packet_size(role) for role in ROLES}
        receivers = {role: next(iter(self.product_keys(OTHER_SIDE[role])), "") for role in ROLES}
        return tuple(fragment_plans(large, self.cipher_suite, sizes, receivers))

    def _packet_size(self, role: Role) -> PacketSize:
        upper, link = self.path_mtu[role].upper, self.first_fragment[role]
        return packet_size(self.capture.given_mtu, upper, link, self.mtu_clues[role], at_sender=self.side == role)

    @cached_property
    def cipher_suite(self) -> CipherSuite | None:
        """Encryption and integrity of the IKE SA, as far as sizes go; None when the trace does not show them."""
        return agreed_suite(self.messages)

    @cached_property
    def _side(self) -> tuple[Side, str]:
        found = side.clues(
            self._sent_by_either, self.addresses, self.exchanges, self._nat_detection, self.capture.partners
        )
        return side.conclude(found)

    @property
    def side(self) -> Side:
        """Where the capture was taken, as far as all clues agree (see :mod:`analyzer.relate.inferred.side`)."""
        return self._side[0]

    @property
    def side_evidence(self) -> str:
        """What :attr:`side` rests on, or why it is not known."""
        return self._side[1]

    @cached_property
    def one_way(self) -> str:
        """Why this trace is thought to hold one direction only, as a clause; empty when it holds both."""
        return one_way.why_one_way(self.messages, self.flows, self.capture)
