"""Where to look: a display filter by frame numbers, or by time and address where frames are counted otherwise.

Wireshark opens no .etl; what is made of one counts its packets in its own way (a record for each component that pktmon
saw a packet at, drops, events of other providers), so that our numbers mean nothing there. Times and addresses stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analyzer.analysis import Analysis
from analyzer.formats.records import NO_TIME
from analyzer.report.ladder.model import Ladder
from analyzer.report.ladder.values import write_numbers
from analyzer.rules.model import Finding
from analyzer.timestamp import iso

#: Frames that are listed one by one.
_EACH = 20
#: Added before and behind, since converters write microseconds, ns.
_MARGIN = 1_000_000


def is_counted_otherwise(analysis: Analysis) -> bool:
    """A frame number of ours is not what Wireshark shows."""
    return analysis.format.split("+")[0] == "etl"


def pointer(analysis: Analysis, finding: Finding) -> str:
    """How to find the packets of a finding; empty where it has none.

    Examples
    --------
    >>> from analyzer.analysis import analyse
    >>> analysis = analyse("sample_pcaps/udp-4500-blocked.pcapng")
    >>> pointer(analysis, analysis.findings[0])
    'Wireshark: frame.number in {19, 20, 21, 25, 26, 30, 34}'
    """
    return pointer_to(analysis, finding.frames, finding.sa)


def pointer_to(analysis: Analysis, frames: Sequence[int], number: int | None) -> str:
    """The same of some frames; ``number`` is that of the IKE SA that they are of."""
    found = display_filter(analysis, frames, number)
    if not found or not is_counted_otherwise(analysis):
        return f"Wireshark: {found}" if found else ""
    first, last = _span(analysis, frames)
    said = f"At {_clock(first)}" if first == last else f"From {_clock(first)} to {_clock(last)}"
    return f"{said}. Wireshark, in a .pcapng made of the trace: {found}"


def display_filter(analysis: Analysis, frames: Sequence[int], number: int | None) -> str:
    """A Wireshark display filter for some frames: by their numbers, or by time and addresses; empty without any."""
    if not frames:
        return ""
    if not is_counted_otherwise(analysis):
        return f"frame.number in {{{_listed(frames)}}}"
    first, last = _span(analysis, frames)
    if last == NO_TIME:
        return ""
    ends = ""
    if number is not None:
        sa = analysis.sa(number)
        field = "ipv6.addr" if ":" in sa.initiator else "ip.addr"
        ends = f" && {field} == {sa.initiator} && {field} == {sa.responder}"
    span = f"frame.time_epoch >= {_seconds(first - _MARGIN)} && frame.time_epoch <= {_seconds(last + _MARGIN)}"
    return span + ends


def _span(analysis: Analysis, frames: Sequence[int]) -> tuple[int, int]:
    """Times of the first and the last of some frames, ns; without any time ``NO_TIME`` twice."""
    packets = analysis.wire.packets
    times = packets.time[np.isin(packets.frame, frames)]
    times = times[times != NO_TIME]
    return (int(times.min()), int(times.max())) if len(times) else (NO_TIME, NO_TIME)


def _listed(frames: Sequence[int]) -> str:
    """Each frame; of many their runs, which Wireshark knows as well (wireshark-filter(4), Membership Operator).

    >>> _listed((1, 2, 3, 7)), _listed(range(1, 61))
    ('1, 2, 3, 7', '1..60')
    """
    if len(frames) <= _EACH:
        return ", ".join(map(str, frames))
    return ", ".join(run.replace("-", "..") for run in write_numbers(frames).split(","))


def _clock(time: int) -> str:
    """
    >>> _clock(1_421_270_042_835_161_000)
    '21:14:02.835 UTC'
    """
    return f"{(iso(time) or '')[11:23]} UTC"


def _seconds(time: int) -> str:
    """
    >>> _seconds(1_421_270_042_835_161_000)
    '1421270042.835161'
    """
    seconds, rest = divmod(time, 10**9)
    return f"{seconds}.{rest // 1000:06d}"


def counting(analysis: Analysis) -> str:
    """What a frame number in the report means, where it is not what Wireshark shows; else empty."""
    if not is_counted_otherwise(analysis):
        return ""
    return (
        "Wireshark opens no .etl: make a .pcapng of it (etl2pcapng.exe IN OUT, or pktmon etl2pcap IN --out OUT), and "
        "go by time and address, since it may number its frames otherwise than this report."
    )


def counted(analysis: Analysis, ladder: Ladder) -> Ladder:
    """The ladder, without frame numbers where they would lead nowhere."""
    if not is_counted_otherwise(analysis):
        return ladder
    return replace(ladder, steps=tuple([replace(step, frames=()) for step in ladder.steps]))
