"""Where tshark 4.0.17 and the analyzer differ on purpose, each with its reason. What is no longer true fails a test."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Difference:
    """A known difference on some frames of some captures.

    Attributes
    ----------
    capture : str
        Path below the folder of captures, or name of a made one; ``*`` and ``?`` as in a shell.
    frames : tuple of int
        Frame numbers.
    what : str
        ``only-tshark`` and ``only-ours``: a message that the other does not list; else the field that differs.
    reason : str
        Why that is right.
    """

    capture: str
    frames: tuple[int, ...]
    what: str
    reason: str

    def covers(self, capture: str, frame: int, what: str) -> bool:
        return what == self.what and frame in self.frames and fnmatchcase(capture, self.capture)


CUT_FRAGMENTS = (
    "tshark reassembles no fragments that the capture cut short, and shows the first one by itself; the IP headers say "
    "that all of them were there (docs/domain/ip-fragments.md), so the message is listed at the frame that completes it"
)

DIFFERENCES = (
    Difference(
        "the-tcpdump-group+tcpdump/isakmp-delete-segfault.pcap",
        (1,),
        "only-tshark",
        "the version octet is 0xbe, major version 11, and tshark calls the packet malformed; "
        "docs/domain/ike-on-the-wire.md calls only "
        "major versions 1 and 2 IKE",
    ),
    Difference(
        "made/tcp",
        (3, 4),
        "only-ours",
        "tshark leaves TCP encapsulation of IKE (RFC 9329) on port 4500 as plain TCP: docs/domain/README.md",
    ),
    *(
        Difference(capture, frames, what, CUT_FRAGMENTS)
        for capture, firsts, lasts in (
            ("made/snaplen-fragments", (3, 6, 10), (5, 8, 11)),
            ("samples/pktmon-128-bytes", (21, 27, 33, 39), (23, 29, 35, 41)),
        )
        for what, frames in (("only-tshark", firsts), ("only-ours", lasts))
    ),
)
