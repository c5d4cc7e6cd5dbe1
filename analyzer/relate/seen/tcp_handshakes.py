"""Segment sizes in the TCP handshakes beside IKE: the MSS is the MTU less 40 bytes, or 60 over IPv6."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analyzer.cached_property import cached_property
from analyzer.packets.tables import HandshakeRow
from analyzer.protocol import IPV4_HEADER, IPV6_HEADER, TCP_HEADER

#: IP and TCP headers without options.


@dataclass(frozen=True)
class SegmentSizes:
    """MTUs that the MSS of one host's handshakes stand for, with the first frame of each.

    ``sent``: of its SYNs, the most frequent. ``answers``: of the SYN-ACKs that came to it, by server, the smallest.
    """

    sent: tuple[int, int] | None
    answers: Mapping[str, tuple[int, int]]

    @cached_property
    def largest_answer(self) -> tuple[int, int]:
        """Of the answers, the one that stands for the largest MTU."""
        return max(self.answers.values())


def segment_sizes(handshakes: Iterable[HandshakeRow]) -> Mapping[str, SegmentSizes]:
    """Sum up TCP handshakes, by the host that began them.

    Parameters
    ----------
    handshakes : iterable of HandshakeRow
        In the order of capture.

    Returns
    -------
    mapping of str to SegmentSizes
    """
    sent: dict[str, Counter[int]] = defaultdict(Counter)
    frames: dict[tuple[str, int], int] = {}
    answers: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in handshakes:
        if row.mss is None or row.is_reset:
            continue
        mtu = row.mss + TCP_HEADER + (IPV6_HEADER if ":" in row.src else IPV4_HEADER)
        if row.is_answer:
            known = answers[row.dst].get(row.src)
            answers[row.dst][row.src] = min(known, (mtu, row.frame)) if known is not None else (mtu, row.frame)
        else:
            sent[row.src][mtu] += 1
            frames.setdefault((row.src, mtu), row.frame)
    found = {}
    for host in {**sent, **answers}:
        often = sent[host].most_common(1) if host in sent else []
        mine = (often[0][0], frames[host, often[0][0]]) if often else None
        found[host] = SegmentSizes(mine, answers.get(host, {}))
    return found
