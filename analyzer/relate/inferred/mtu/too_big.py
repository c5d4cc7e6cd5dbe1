"""ICMP "fragmentation needed" and "packet too big": what a router said about one side's packets, and what came of it.

Windows takes no notice of it for IKEv1 by design ([MS-IKEE]), for IKEv2 perhaps, and its IKE packets leave with DF
clear: a sender that goes on as before is a fact to be told, not a fault to be named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from analyzer.packets.tables import IcmpRow
from analyzer.protocol import ESP, TCP, UDP
from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.seen.message import Message

TOO_BIG = ("fragmentation-needed", "packet-too-big")

#: What a router that gives no MTU probably has: the next of these below the packet (RFC 1191 section 7.1).
PLATEAUS = (32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)

#: Smaller is no MTU of an IPv4 link (RFC 791 section 3.2).
SMALLEST = 68

#: Different reports of one side that are read; more than a few routers never have something to say.
_READ = 16

#: Different reports that are told one by one; the rest is only counted.
_TOLD = 3

#: Frames named for one report.
_FRAMES = 6

#: The sender sent nothing after it that would show it, smaller packets in place of the large ones, or large ones again.
After = Literal["nothing", "shrank", "kept"]


@dataclass(frozen=True, slots=True)
class TooBig:
    """What one router said again and again about packets of one side.

    Attributes
    ----------
    router : str
        Source of the ICMP messages.
    mtu : int or None
        Next-hop MTU in bytes; None where the router gave none (RFC 1191 section 4).
    about : str
        ``IKE``, ``ESP``, ``ping``, ``TCP`` or ``other``: what the first quoted packet was.
    quoted : int
        Length of the largest quoted IP packet, bytes.
    frames : tuple of int
        The ICMP messages, the first few.
    count : int
        How many there were.
    first, last : int
        Times of the first and last of them, ns.
    after : str
        What the sender's IKE did later: ``nothing`` that shows it, ``shrank``, or ``kept`` its size.
    largest_after : int
        Largest IP packet of IKE that it sent afterwards, bytes; 0 without any.
    """

    router: str
    mtu: int | None
    about: str
    quoted: int
    frames: tuple[int, ...]
    count: int
    first: int
    last: int
    after: After
    largest_after: int

    @property
    def limit(self) -> int | None:
        """The largest packet that can pass, as far as is known: one byte less than the quoted one without an MTU."""
        if self.mtu is not None:
            return self.mtu
        return self.quoted - 1 if self.quoted > SMALLEST else None

    @property
    def plateau(self) -> int | None:
        """The likely MTU where the router gave none (RFC 1191 section 7.1)."""
        return next((plateau for plateau in PLATEAUS if plateau < self.quoted), None) if self.mtu is None else None


def too_big_reports(
    icmp: Sequence[IcmpRow], sender: str, sent: Iterable[Message], address_text: Callable[[int], str]
) -> tuple[TooBig, ...]:
    """What routers said about too large packets of one side, in time; equal reports of one router are one; bounded.

    Parameters
    ----------
    icmp : sequence of IcmpRow
        ICMP errors about one IKE SA, in the order of capture.
    sender : str
        Address of the side whose packets were too large.
    sent : iterable of Message
        Of that side.
    address_text : callable
        Gives the text of an address number.

    Returns
    -------
    tuple of TooBig
    """
    alike: dict[tuple[str, int | None, str], list[IcmpRow]] = {}
    for row in icmp:
        error = row.error
        if error.meaning in TOO_BIG and error.quoted is not None and address_text(row.quoted_src) == sender:
            mtu = error.mtu if error.mtu is not None and error.mtu >= SMALLEST else None
            key = address_text(row.src), mtu, _about(row)
            if key in alike or len(alike) < _READ:
                alike.setdefault(key, []).append(row)
    if not alike:
        return ()
    sizes = [(m.time, m.exchange_key, m.largest_ip_packet) for m in sent]
    return tuple(_report(*key, rows, sizes) for key, rows in alike.items())


def _about(row: IcmpRow) -> str:
    """What the quoted packet was; on the IKE ports only what shows an SPI of IKE is IKE for sure."""
    quoted = row.error.quoted
    assert quoted is not None
    if quoted.protocol == UDP:
        return "IKE" if quoted.spi_i is not None or 500 in (quoted.sport, quoted.dport) else "ESP or IKE"
    names = {ESP: "ESP", TCP: "TCP", 1: "ping", 58: "ping"}
    return names.get(quoted.protocol, "other")


def _report(
    router: str, mtu: int | None, about: str, rows: list[IcmpRow], sent: Iterable[tuple[int, tuple[int, int, int], int]]
) -> TooBig:
    first = min(row.time for row in rows)
    quoted = max(row.error.quoted.ip_length for row in rows if row.error.quoted is not None)
    limit = mtu if mtu is not None else quoted - 1
    before = {key for time, key, size in sent if time <= first and size > limit}
    later = [(key, size) for time, key, size in sent if time > first]
    after: After = "nothing"
    if any(size > limit for _, size in later):
        after = "kept"
    elif any(key in before for key, _ in later):
        after = "shrank"
    frames = tuple(row.frame for row in rows[:_FRAMES])
    last = max(row.time for row in rows)
    return TooBig(
        router, mtu, about, quoted, frames, len(rows), first, last, after, max((s for _, s in later), default=0)
    )


def clues(told: Iterable[TooBig]) -> tuple[MtuClue, ...]:
    """The bounds that reports put to the path; beyond a few that say nothing new they are counted in one clue.

    Parameters
    ----------
    told : iterable of TooBig

    Returns
    -------
    tuple of MtuClue
    """
    found = [_clue(report) for report in told]
    if len(found) <= _TOLD:
        return tuple(found)
    # The smallest limits say the most; a flood of others cannot hide them.
    found.sort(key=lambda clue: (clue.upper is None, clue.upper))
    rest = found[_TOLD:]
    frames = tuple(frame for clue in rest for frame in clue.frames)[:_FRAMES]
    more = MtuClue("icmp-too-big", "path", None, None, frames, f"{len(rest)} more such ICMP messages")
    return (*found[:_TOLD], more)


def _clue(report: TooBig) -> MtuClue:
    text = f"ICMP in frame {report.frames[0]} "
    if report.mtu is not None:
        text += f"gives a next-hop MTU of {report.mtu:,}"
    else:
        text += f"says that {report.quoted:,} bytes were too many, without an MTU"
        text += f" (perhaps {report.plateau:,})" if report.plateau is not None else ""
    if report.count > 1:
        text += f", {report.count} times"
    if report.after == "kept":
        text += f"; the sender went on with packets of {report.largest_after:,} bytes"
    elif report.after == "shrank":
        text += f"; the sender then sent at most {report.largest_after:,} bytes"
    return MtuClue("icmp-too-big", "path", None, report.limit, report.frames, text)
