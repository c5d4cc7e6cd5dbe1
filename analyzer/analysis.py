"""The whole way of one capture: file, packets, messages, IKE SAs, verdict. Read top to bottom, it is the program.

Enters: a path. Leaves: an :class:`Analysis`, plain data that every output takes and that goes from process to process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from analyzer.errors import InputError, UsageError
from analyzer.formats import open_capture
from analyzer.formats.false_dates import Dates
from analyzer.formats.file_reader import FileReader
from analyzer.formats.pairs import Pair, PairReader
from analyzer.formats.records import Interface, Note
from analyzer.ike.collect import Collector
from analyzer.ike.from_columns import ike_of, row_of_frame
from analyzer.ike.table_excerpt import between
from analyzer.ike.tables import Wire
from analyzer.packets.sieve import Ports
from analyzer.printable import printable
from analyzer.relate.build import Related, relate
from analyzer.relate.sa import IkeSa
from analyzer.relate.selection import select
from analyzer.rules.engine import Judgement, judge
from analyzer.rules.model import Finding, Verdict

if TYPE_CHECKING:
    from analyzer.ike.message import IKE

#: The least that IPv4 must carry (RFC 791), and the most that fits its length field.
_MTU_RANGE = range(68, 65536)


def analyse(
    path: str | os.PathLike[str] | Iterable[Pair],
    *,
    ports: Iterable[int] = (),
    mtu: int | None = None,
    stream: BinaryIO | None = None,
    sha256: bool = False,
    link_type: int | None = None,
) -> Analysis:
    """Read a capture file and take the IKE out of it; parameters and errors are those of :func:`analyzer.read`."""
    wanted = _checked(ports, mtu)
    if not isinstance(path, str | os.PathLike):
        return _analysed(PairReader(path, link_type), "packets", "packets", wanted, mtu)
    with open_capture(path, stream=stream, sha256=sha256) as reader:
        return _analysed(reader, os.fspath(path), os.fspath(path), wanted, mtu)


def analyse_each(
    path: str | os.PathLike[str],
    *,
    ports: Iterable[int] = (),
    mtu: int | None = None,
    stream: BinaryIO | None = None,
    sha256: bool = False,
    problem: Callable[[InputError], None] | None = None,
) -> Iterator[Analysis]:
    """The same for each capture in a ZIP or tar archive; parameters and errors are those of :func:`read_each`."""
    from analyzer.formats.packed.archive import captures_in

    wanted = _checked(ports, mtu)
    for found in captures_in(path, stream=stream, sha256=sha256):
        try:
            if found.problem is not None:
                raise found.problem
            if found.reader is not None:
                with found.reader as reader:
                    analysis = _analysed(reader, found.path, os.fspath(path), wanted, mtu)
        except InputError as error:
            if problem is None or not found.is_inside:
                raise
            error.path = found.path
            problem(error)
            continue
        yield analysis


def _checked(ports: Iterable[int], mtu: int | None) -> list[int]:
    if mtu is not None and mtu not in _MTU_RANGE:
        raise UsageError(f"an MTU lies between {_MTU_RANGE.start} and {_MTU_RANGE.stop - 1} bytes, not at {mtu}")
    return [_checked_port(port) for port in ports]


def _checked_port(port: int) -> int:
    if not 0 < port < 65536:
        raise UsageError(f"a port lies between 1 and 65535, not at {port}")
    return port


def _analysed(reader: FileReader | PairReader, path: str, file: str, ports: Sequence[int], mtu: int | None) -> Analysis:
    """What a reader gives, analysed; ``file`` is what was named, perhaps an archive that holds it."""
    collector = Collector(Ports(ports))
    dates = Dates()
    _collect(reader, dates, collector)
    # What is open at the end is closed first: that, too, can meet a limit.
    wire = collector.finish()
    wire.misdated = dates.bounds
    notes = [*reader.notes, *dates.notes, *collector.notes()]
    return Analysis(
        path=path,
        name=_name(path, file),
        is_inside=path != file,
        format=reader.format,
        interfaces=tuple(reader.interfaces),
        notes=tuple(notes),
        wire=wire,
        mtu=mtu,
        sha256=reader.sha256,
    )


def _collect(reader: FileReader | PairReader, dates: Dates, collector: Collector) -> None:
    """Read all; the last chunk and the reader's buffers are free again before the tables are made of what was found."""
    for chunk in dates.steady(reader.ahead()):
        collector.feed(chunk, reader.interfaces)
    reader.close()


def _name(path: str, file: str) -> str:
    """What a capture is called: its file without the folders, and behind that its place in an archive."""
    base = "standard input" if file == "-" else os.path.basename(file) or file
    return printable(base + path.removeprefix(file))


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Analysis:
    """One capture, taken apart: what was read, and what is made of it when it is asked for.

    It can be pickled; what was worked out already is worked out once more on the other side.

    Attributes
    ----------
    path, name : str
        As given, and made safe for printing; of a capture in an archive, the name begins with the archive's.
    is_inside : bool
        It lies in an archive.
    format : str
        ``pcap``, ``pcap-ns``, ``pcapng``, ``etl``, ``netmon1``, ``netmon2``, ``snoop``; behind a plus sign, what it was
        packed with (``pcap+gzip``) or converted by (``pcapng+editcap``).
    interfaces : tuple of Interface
        Those that the file names.
    notes : tuple of Note
        What is odd about the file.
    wire : Wire
        The tables that all else is made of.
    mtu : int or None
        The path MTU as the user knows it, bytes.
    sha256 : str or None
        Of the file, when it was asked for.
    chosen : tuple of int or None
        Only these IKE SAs are told of, by index (:meth:`only`); None: all.

    Examples
    --------
    >>> import pickle
    >>> analysis = analyse("sample_pcaps/809-fragments-lost.pcapng")
    >>> pickle.loads(pickle.dumps(analysis)).verdict == analysis.verdict
    True
    """

    path: str
    name: str
    is_inside: bool
    format: str
    interfaces: tuple[Interface, ...]
    notes: tuple[Note, ...]
    wire: Wire
    mtu: int | None
    sha256: str | None
    chosen: tuple[int, ...] | None = None

    def __repr__(self) -> str:
        return f"<Analysis {self.summary}>"

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def summary(self) -> str:
        """``trace.pcap: 50 packets, 1 IKE SA``."""
        count = len(self.sas)
        return f"{self.name}: {self.wire.census.packets} packets, {count} IKE {'SA' if count == 1 else 'SAs'}"

    @cached_property
    def related(self) -> Related:
        """IKE SAs and what is known of the capture."""
        return relate(self.wire, self.notes, self.interfaces, mtu=self.mtu)

    @property
    def sas(self) -> Sequence[IkeSa]:
        """The IKE SAs, in the order of appearance; the first one has the number 1."""
        return self.related.sas

    @property
    def told(self) -> Sequence[int]:
        """The IKE SAs that outputs tell of, by index."""
        return range(len(self.sas)) if self.chosen is None else self.chosen

    def only(
        self,
        *,
        numbers: Collection[int] = (),
        client: str | None = None,
        between: tuple[str, str] | None = None,
    ) -> Analysis:
        """The same capture, of which some IKE SAs are told; parameters: :func:`analyzer.relate.selection.select`."""
        narrowed = replace(self, chosen=select(self.related, numbers=numbers, client=client, between=between))
        # What was worked out of the wire stays true.
        narrowed.__dict__["related"] = self.related
        return narrowed

    def sa(self, number: int) -> IkeSa:
        """The IKE SA of a number, as texts and findings tell it."""
        if not 1 <= number <= len(self.sas):
            raise UsageError(f"no IKE SA {number} in this capture, which has {len(self.sas)}")
        return self.sas[number - 1]

    @cached_property
    def judgement(self) -> Judgement:
        """Findings, verdicts, and what could not be assessed."""
        return judge(self.related, self.chosen)

    @property
    def verdict(self) -> Verdict:
        """Why the connection failed, that it did not, or that this capture cannot tell."""
        return self.judgement.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings, the gravest first."""
        return self.judgement.findings

    def message(self, frame: int) -> IKE:
        """The IKE message that a frame completes; parameters and errors are those of :meth:`Capture.message`."""
        return ike_of(self.wire, row_of_frame(self.wire, frame))

    def between(self, first: int, beyond: int) -> Analysis:
        """What it would be if the capture began with frame ``first`` and ended before ``beyond``."""
        return replace(self, wire=between(self.wire, first, beyond), chosen=None)
