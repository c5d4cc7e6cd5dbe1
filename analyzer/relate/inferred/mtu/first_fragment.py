"""What the sizes of IP fragments say: the sender's own link, or a link on the way (docs/domain/ip-fragments.md).

All fragments but the last carry a multiple of 8 bytes, so a first fragment of n bytes means an MTU of n to n + 7 where
it was cut. A sender makes all of them but the last equally long. A router that cuts a fragment again leaves a short
piece behind each long one: 1,476 + 24 + 20 of header is a packet of 1,500 that met an MTU of 1,476..1,483.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from analyzer.protocol import IPV4_HEADER, IPV6_FRAGMENT_HEADER, IPV6_HEADER
from analyzer.relate.inferred.mtu.clue import Kind, MtuClue
from analyzer.relate.inferred.mtu.too_big import TooBig
from analyzer.relate.seen.message import Message

#: A first fragment of a sender with MTU m is at most m and more than m - 8.
STEP = 8

#: Headers of each piece: IPv4 without options; IPv6 with its fragment header.

#: No sender's packet is longer on the links that this is about; what adds up to more was cut by no router.
_ETHERNET = 1500


def clues(messages: Iterable[Message], told: Sequence[TooBig] = (), *, is_far: bool = False) -> tuple[MtuClue, ...]:
    """Clues of the largest first fragment, and of the smallest that was cut on the way.

    Parameters
    ----------
    messages : iterable of Message
        Of one side.
    told : sequence of TooBig
        What routers said about packets of that side: fragments that obey it are no longer cut to the sender's link.
    is_far : bool
        The capture was not taken at the sender. A device on the way that puts datagrams together and cuts them anew
        cannot be told from the sender then.

    Returns
    -------
    tuple of MtuClue
    """
    largest: Message | None = None
    learned: Message | None = None
    again: Message | None = None
    for message in messages:
        length = message.first_fragment_length
        if length is None:
            continue
        if is_cut_again(message):
            again = message if again is None or length < _first(again) else again
        elif any(report.first < message.time and length <= (report.limit or 0) for report in told):
            learned = message if learned is None or length > _first(learned) else learned
        elif largest is None or length > _first(largest):
            largest = message
    found = []
    if largest is not None:
        whose = "the link on which it was cut, the sender's own or one on the way" if is_far else _OWN
        found.append(_clue("first-fragment", "link", largest, f"from a first IP fragment of {{:,}} bytes: {whose}"))
    if learned is not None:
        text = "from a first IP fragment of {:,} bytes after ICMP: what the sender has learned of the path"
        found.append(_clue("first-fragment", "path", learned, text))
    if again is not None:
        text = "from IP fragments of {:,} bytes with a short one behind: a link on the way cut larger ones again"
        found.append(_clue("refragmented", "path", again, text))
    return tuple(found)


_OWN = "the sender's own link, not the path"


def _clue(kind: Kind, about: Literal["link", "path"], message: Message, text: str) -> MtuClue:
    length = _first(message)
    return MtuClue(kind, about, length, length + STEP - 1, message.frames[:6], text.format(length))


def _first(message: Message) -> int:
    return message.first_fragment_length or 0


def is_cut_again(message: Message) -> bool:
    """The pieces are those of larger fragments that a router cut once more.

    Parameters
    ----------
    message : Message

    Returns
    -------
    bool
        True only where the first piece is followed by a shorter one that is not the last, together a packet that an
        Ethernet link carries.
    """
    if message.ip_fragments < 3:
        return False
    table, rows = message.packet_table, message.packets
    pieces = sorted(set(zip(table.fragment_offset[rows].tolist(), table.ip_length[rows].tolist(), strict=True)))
    (offset, first), (behind, second) = pieces[:2]
    header = IPV6_HEADER + IPV6_FRAGMENT_HEADER if ":" in message.src else IPV4_HEADER
    whole = first + second - header
    return bool(offset == 0 and behind == first - header and second < first and whole <= _ETHERNET)
