"""What became of each sending on its way: arrived whole, arrived in part, lost, or not to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analyzer.comparison.matching import Passage
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.capture_facts import CaptureFacts
from analyzer.relate.seen.exchange import Role
from analyzer.relate.seen.message import Message
from analyzer.relate.seen.orphan_fragments import PlacedOrphan

Fate = Literal["arrived", "in part", "lost", "not covered", "hidden"]


@dataclass(frozen=True, slots=True)
class Journey:
    """A sending of one IKE message, and its fate.

    ``fragments`` counts the IP fragments sent; ``lost_fragments`` numbers those (from 1, by offset) that did not
    arrive. ``hidden``: the receiving capture cannot show IP fragments beyond the first.
    """

    sent: Message
    arrived: Message | None
    fate: Fate
    fragments: int
    lost_fragments: tuple[int, ...] = ()

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames in the sender's capture."""
        return self.sent.frames


def journeys(passages: list[Passage], sender: IkeSa, receiver: IkeSa, role: Role, offset: int) -> list[Journey]:
    """The fate of each sending of one direction.

    Parameters
    ----------
    passages : list of Passage
        Of one direction, as matched.
    sender, receiver : IkeSa
        The IKE SA as the sending and as the receiving side captured it.
    role : "initiator" or "responder"
        Who sends in this direction.
    offset : int
        What to add to the sender's clock to have the receiver's, ns.
    """
    speaker = receiver.initiator if role == "initiator" else receiver.responder
    stray = [piece for piece in receiver.placed_orphans if piece.src == speaker]
    return [_journey(p, receiver.capture, offset, stray) for p in passages]


def _journey(passage: Passage, receiving: CaptureFacts, offset: int, stray: Sequence[PlacedOrphan]) -> Journey:
    sent, arrived = passage.sent, passage.arrived
    spans = _spans(sent)
    count = max(len(spans), sent.ip_pieces)
    if arrived is None:
        when = sent.time + offset
        if not receiving.first <= when <= receiving.last:
            return Journey(sent, None, "not covered", count)
        if sent.is_ip_fragmented and ":" in sent.src and receiving.looks_filtered:
            # A port filter hides all of an IPv6 datagram in fragments (docs/domain/ip-fragments.md).
            return Journey(sent, None, "hidden", count)
        if sent.is_ip_fragmented and stray:
            # Later fragments came, from this speaker, and their first one did not.
            same = [p for p in stray if p.identification == sent.ip_id] or stray
            header = _header(sent)
            came = sorted({(p.offset, p.offset + p.ip_length - header) for p in same})
            return _partly(sent, None, count, _not_covered(spans, came))
        return Journey(sent, None, "lost", count, tuple(range(1, count + 1)))
    if arrived.complete:
        return Journey(sent, arrived, "arrived", count)
    if receiving.hides_later_fragments and receiving.looks_filtered:
        return Journey(sent, arrived, "hidden", count)
    return _partly(sent, arrived, count, _not_covered(spans, _spans(arrived)))


def _partly(sent: Message, arrived: Message | None, count: int, lost: tuple[int, ...]) -> Journey:
    """Without a fragment that is lost, all came that the sender's capture holds: the rest may lack at both ends."""
    return Journey(sent, arrived, "in part" if lost else "not covered", count, lost)


Span = tuple[int, int]


def _spans(message: Message) -> list[Span]:
    """Byte ranges of the datagram that its IP packets carried, by offset, each once."""
    packets = message.packet_table
    rows = message.packets
    header = _header(message)
    begins = packets.fragment_offset[rows].tolist()
    sizes = (packets.ip_length[rows] - header).tolist()
    return sorted({(begin, begin + size) for begin, size in zip(begins, sizes, strict=True)})


def _header(message: Message) -> int:
    """Bytes in front of what an IP packet of this message carries; options are rare and make no difference here."""
    if ":" in message.src:
        return 48 if message.is_ip_fragmented else 40
    return 20


def _not_covered(spans: Sequence[Span], covered: list[Span]) -> tuple[int, ...]:
    """Numbers, from 1, of the fragments that did not arrive whole."""
    return tuple(n for n, span in enumerate(spans, 1) if not _is_covered(span, covered))


def _is_covered(span: Span, covered: list[Span]) -> bool:
    """A router may have cut a fragment again, or a firewall put fragments together: what counts is the bytes."""
    at = span[0]
    for begin, end in covered:
        if begin <= at < end:
            at = end
    return at >= span[1]
