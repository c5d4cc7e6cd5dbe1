"""What is to be said about an ETW log besides its packets: what was lost, left out, damaged, dropped by the host."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

from analyzer.formats.etl.header import TraceHeader
from analyzer.formats.etl.host_drops import drops_note
from analyzer.formats.etl.one_copy import Kept
from analyzer.formats.etl.rows import DROP
from analyzer.formats.records import Note

#: What would have captured packets (docs/domain/windows-traces.md).
HOW_TO = (
    "capture with: netsh trace start capture=yes report=no maxsize=1024 filemode=single tracefile=C:\\trace.etl"
    ", or: pktmon start --capture --comp nics --pkt-size 0 --file-size 2048 --file-name C:\\trace.etl"
)


@dataclass(slots=True)
class Account:
    """What the reading of a log came across.

    Attributes
    ----------
    buffers, events : int
        How many there are, events of whatever kind.
    flagged : int
        Buffers that say that events or buffers before them were lost.
    packed, expanded : int
        Bytes of compressed buffers, and the bytes that they say to hold.
    unexpanded : int
        Compressed buffers that could not be expanded to the end.
    unsound : int
        Packet events with lengths that do not fit.
    broken : int
        Frames of which a piece is missing.
    is_whole : bool
        Neither is the file cut, nor is anything in it damaged.
    """

    buffers: int = 0
    events: int = 0
    flagged: int = 0
    packed: int = 0
    expanded: int = 0
    unexpanded: int = 0
    unsound: int = 0
    broken: int = 0
    is_whole: bool = True


def notes_on(
    header: TraceHeader, account: Account, kept: Kept, names: Mapping[Hashable, tuple[str, str]]
) -> Iterator[Note]:
    """The notes on a log.

    Parameters
    ----------
    header : TraceHeader
        What the log says about itself.
    account : Account
        What reading it came across.
    kept : Kept
        Its packets.
    names : mapping
        Names of interfaces, see :func:`analyzer.formats.etl.host_drops.drops_note`.
    """
    yield from _lost(header, account)
    if account.unexpanded:
        what = f"{_count(account.unexpanded, 'compressed buffer')} cut, damaged or compressed in a way not understood"
        yield Note("capture-damaged", f"{what}: read as far as it could be expanded")
    if account.unsound:
        yield Note("capture-damaged", f"{_count(account.unsound, 'packet event')} with lengths that do not fit")
    if kept.left_out:
        what = (
            f"{_count(kept.left_out, 'further record')} of packets that pktmon saw at several components: each packet "
            "counts once, in the copy nearest the wire, and frames are numbered without the others"
        )
        yield Note("duplicate-capture-artifact", what)
    if kept.unreadable:
        what = f"{_count(kept.unreadable, 'packet')} of which pktmon recorded only pieces without addresses: left out"
        yield Note("link-type-unknown", what)
    dropped = kept.rows[kept.rows["marks"] & DROP > 0]
    if len(dropped):
        yield drops_note(dropped, names)
    if not len(kept.rows):
        seen = f"{_count(account.events, 'event')}, but no packet"
        what = f"the trace holds {seen}: it was taken without packet capture"
        if not account.is_whole:
            what = f"what can be read of the trace holds {seen}"
        yield Note("no-packets-in-trace", f"{what}; {HOW_TO}")


def _lost(header: TraceHeader, account: Account) -> Iterator[Note]:
    counts = ((header.events_lost, "event"), (header.buffers_lost, "buffer"))
    lost = [_count(count, what) for count, what in counts if count]
    if lost:
        what = f"Windows lost {' and '.join(lost)} while it wrote this trace; packets may be among them"
        yield Note("capture-lost-packets", what)
    elif account.flagged:
        what = f"{_count(account.flagged, 'buffer')} of the trace with the mark that events before it were lost"
        yield Note("capture-lost-packets", what)
    if account.broken:
        yield Note("capture-lost-packets", f"{_count(account.broken, 'frame')} with pieces missing: left out")
    overwritten = header.buffers - account.buffers
    if header.is_circular and overwritten > 0:
        what = f"the trace is circular, and {overwritten:,} of its {_count(header.buffers, 'buffer')} were overwritten"
        yield Note("capture-overwritten", f"{what}: it starts late")


def _count(count: int, what: str) -> str:
    """
    >>> _count(1, "event"), _count(2000, "event")
    ('1 event', '2,000 events')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"
