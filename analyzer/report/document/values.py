"""What a document holds: plain values that pickle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.formats.records import Note
from analyzer.report.advice import Advice
from analyzer.report.ladder.model import Ladder
from analyzer.rules.model import Finding, Verdict

#: How much is told of a finding: nothing, since the verdict explains it; that it is the verdict once more; one line; or
#: all that is known.
Depth = Literal["explained", "as the verdict", "brief", "whole"]


@dataclass(frozen=True, slots=True)
class Header:
    """The capture: its name and file, what is in it, and from when to when it goes (ns; below 0 without any time).

    ``told``: how many of its IKE SAs are told of.
    """

    name: str
    path: str
    format: str
    sha256: str | None
    packets: int
    ike_messages: int
    sas: int
    told: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ShownSa:
    """One IKE SA: who talks, how far it came, what is known of it, and its ladder.

    ``says_verdict``: the verdict is not the one above, and is to be told, with its own ``advice``. ``weak``: chosen
    algorithms that are on their way out, as a clause. ``left_out``: further steps of the ladder. ``others``: which IKE
    SAs have the same verdict.
    """

    number: int
    spi_i: int
    spi_r: int | None
    version: int
    start: int
    initiator: str
    responder: str
    reached: str
    verdict: Verdict
    says_verdict: bool
    advice: tuple[Advice, ...]
    facts: tuple[str, ...]
    weak: str
    ladder: Ladder
    left_out: int
    others: Others


@dataclass(frozen=True, slots=True)
class Others:
    """IKE SAs that are not shown, all with one verdict.

    Attributes
    ----------
    said : str
        Their verdict as it is counted: ``10 connected``.
    count, clients : int
        IKE SAs, and clients other than the one of the IKE SA that is shown for them.
    named : tuple of str
        Some of those clients.
    """

    said: str
    count: int
    clients: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlsoFound:
    """A finding besides the verdict, said once for all IKE SAs that have it.

    Attributes
    ----------
    finding : Finding
        The first of them.
    sas : tuple of int
        Numbers of the IKE SAs that have it; empty where only one IKE SA is shown, or the capture as a whole is meant.
    frames : tuple of int
        Where to look, of all of them.
    depth : Depth
        How much of it is told.
    advice : tuple of Advice
        What to do about it, as far as it was not told before.
    pointer : str
        How to find its packets.
    """

    finding: Finding
    sas: tuple[int, ...]
    frames: tuple[int, ...]
    depth: Depth
    advice: tuple[Advice, ...]
    pointer: str


@dataclass(frozen=True, slots=True)
class Unassessed:
    """Rules that could not be applied for one reason."""

    rules: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report of one capture.

    Attributes
    ----------
    header : Header
        The capture itself.
    verdict : Verdict
        The answer. ``sa``: the IKE SA that it is about, where there are several.
    headline : tuple of str
        What is said first of several IKE SAs.
    said : str
        The sentence of the verdict; of several IKE SAs that of the example.
    decisive : Finding or None
        What the verdict rests on; None where no rule made it.
    why : tuple of str
        Paragraphs: what was seen, what was measured.
    pointer : str
        How to find the packets that show it; empty where none do.
    advice : tuple of Advice
        What to do about it; empty where the connection stands.
    next_time : tuple of str
        What to measure, or which log or capture to get, where that would tell more.
    limits : tuple of str
        What in the capture limits how far the verdict can be trusted, as clauses.
    sas : tuple of ShownSa
        In the order of appearance: the one that decides, and one for each other cause of trouble.
    not_shown : tuple of Others
        Those of which none is shown, verdict by verdict.
    also_found : tuple of AlsoFound
        The gravest first.
    unassessed : tuple of Unassessed
        What could not be assessed of the IKE SAs shown, and why.
    notes : tuple of Note
        What is odd about the file.
    counting : str
        What a frame number means, where it is not what Wireshark shows.
    """

    header: Header
    verdict: Verdict
    headline: tuple[str, ...]
    said: str
    sa: int | None
    decisive: Finding | None
    why: tuple[str, ...]
    pointer: str
    advice: tuple[Advice, ...]
    next_time: tuple[str, ...]
    limits: tuple[str, ...]
    sas: tuple[ShownSa, ...]
    not_shown: tuple[Others, ...]
    also_found: tuple[AlsoFound, ...]
    unassessed: tuple[Unassessed, ...]
    notes: tuple[Note, ...]
    counting: str

    @property
    def is_healthy(self) -> bool:
        """The connection stands: nobody asks why, or what to do."""
        return self.verdict.exit_status == 0

    @property
    def cannot_tell(self) -> bool:
        """Another trace is needed."""
        return self.verdict.exit_status == 3
