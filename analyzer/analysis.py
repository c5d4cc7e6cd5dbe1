"""The whole way of one capture: file, packets, messages, IKE SAs, verdict. Read top to bottom, it is the program.

pandas is imported only when a frame is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from analyzer.errors import InputError, UsageError
from analyzer.formats import open_capture
from analyzer.formats.dates import Dates
from analyzer.formats.reading import FileReader
from analyzer.formats.records import Interface, Note
from analyzer.ike.collect import Collector
from analyzer.ike.excerpt import between
from analyzer.ike.tables import Wire
from analyzer.packets.sieve import Ports
from analyzer.printable import printable
from analyzer.relate.build import Related, relate
from analyzer.relate.sa import IkeSa
from analyzer.rules.engine import Judgement, judge
from analyzer.rules.model import Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: The least that IPv4 must carry (RFC 791), and the most that fits its length field.
_MTU_RANGE = range(68, 65536)


def read(
    path: str | os.PathLike[str],
    *,
    ports: Iterable[int] = (),
    mtu: int | None = None,
    stream: BinaryIO | None = None,
    sha256: bool = False,
) -> Capture:
    """Read a capture file and take the IKE out of it.

    Parameters
    ----------
    path : str or path-like
        A capture of any format that is understood, packed or not; ``"-"`` is standard input.
    ports : iterable of int
        Ports on which IKE is looked for, besides 500 and 4500.
    mtu : int, optional
        The path MTU in bytes, if you know it; it replaces what the trace suggests.
    stream : binary file, optional
        Read this instead; ``path`` is then only the name in reports.
    sha256 : bool
        Also hash the file (the JSON report holds the hash).

    Returns
    -------
    Capture

    Raises
    ------
    InputError
        The file cannot be read as a capture; the message is one line.
    UsageError
        A port or MTU out of range.

    Examples
    --------
    >>> import analyzer
    >>> cap = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
    >>> cap.verdict.id
    'ike-auth-ip-fragments-lost-upstream'
    """
    wanted = _checked(ports, mtu)
    with open_capture(path, stream=stream, sha256=sha256) as reader:
        return _analysed(reader, os.fspath(path), wanted, mtu)


def read_each(
    path: str | os.PathLike[str],
    *,
    ports: Iterable[int] = (),
    mtu: int | None = None,
    stream: BinaryIO | None = None,
    sha256: bool = False,
    problem: Callable[[InputError], None] | None = None,
) -> Iterator[Capture]:
    """Read a capture file, or each capture in a ZIP or tar archive, one after another.

    Parameters
    ----------
    path, ports, mtu, stream, sha256
        As for :func:`read`. The name of a capture in an archive stands behind the archive's own.
    problem : callable, optional
        Called with each capture in an archive that cannot be read; without it, the first one is raised.

    Raises
    ------
    InputError
        The file can be opened neither as a capture nor as an archive with captures.
    UsageError
        A port or MTU out of range.

    Examples
    --------
    >>> import analyzer
    >>> [cap.verdict.id for cap in analyzer.read_each("sample_pcaps/connected-ok.pcapng")]
    ['connected-ok']
    """
    from analyzer.formats.packed.archive import captures_in

    wanted = _checked(ports, mtu)
    for found in captures_in(path, stream=stream, sha256=sha256):
        try:
            if found.problem is not None:
                raise found.problem
            if found.reader is not None:
                with found.reader as reader:
                    capture = _analysed(reader, found.path, wanted, mtu, inside=os.fspath(path))
        except InputError as error:
            if problem is None or not found.is_inside:
                raise
            problem(error)
            continue
        yield capture


def _analysed(
    reader: FileReader, path: str, ports: Sequence[int], mtu: int | None, *, inside: str | None = None
) -> Capture:
    """What a reader gives, analysed; ``inside`` is the file that was named, perhaps an archive."""
    collector = Collector(Ports(ports))
    dates = Dates()
    _collect(reader, dates, collector)
    # What is open at the end is closed first: that, too, can meet a limit.
    wire = collector.finish()
    wire.misdated = dates.bounds
    notes = [*reader.notes, *dates.notes, *collector.notes()]
    return Capture(
        path=path,
        inside=inside,
        format=reader.format,
        interfaces=tuple(reader.interfaces),
        notes=tuple(notes),
        wire=wire,
        mtu=mtu,
        sha256=reader.sha256,
    )


def _collect(reader: FileReader, dates: Dates, collector: Collector) -> None:
    """Read all; the last chunk and the reader's buffers are free again before the tables are made of what was found."""
    for chunk in dates.steady(reader.ahead()):
        collector.feed(chunk, reader.interfaces)
    reader.close()


def _checked(ports: Iterable[int], mtu: int | None) -> list[int]:
    if mtu is not None and mtu not in _MTU_RANGE:
        raise UsageError(f"an MTU lies between {_MTU_RANGE.start} and {_MTU_RANGE.stop - 1} bytes, not at {mtu}")
    return [_checked_port(port) for port in ports]


def _checked_port(port: int) -> int:
    if not 0 < port < 65536:
        raise UsageError(f"a port lies between 1 and 65535, not at {port}")
    return port


def _name(path: str, file: str) -> str:
    """What a capture is called: its file without the folders, and behind that its place in an archive."""
    base = "standard input" if file == "-" else os.path.basename(file) or file
    return printable(base + path.removeprefix(file))


class Capture:
    """One capture, analysed as far as is asked for: tables, IKE SAs, verdict, frames, reports.

    Attributes
    ----------
    path, name : str
        As given, and made safe for printing; of a capture in an archive, the name begins with the archive's.
    format : str
        ``pcap``, ``pcap-ns``, ``pcapng``, ``etl``, ``netmon1``, ``netmon2``, ``snoop``; behind a plus sign, what it was
        packed with (``pcap+gzip``) or converted by (``pcapng+editcap``).
    is_inside : bool
        It lies in an archive.
    notes : tuple of Note
        What is odd about the file.
    wire : Wire
        The tables that all else is made of.
    sha256 : str or None
        Of the file, when it was asked for.
    """

    def __init__(
        self,
        *,
        path: str,
        inside: str | None = None,
        format: str,
        interfaces: tuple[Interface, ...],
        notes: tuple[Note, ...],
        wire: Wire,
        mtu: int | None = None,
        sha256: str | None = None,
    ) -> None:
        self.path = path
        self.is_inside = inside not in (None, path)
        self.name = _name(path, path if inside is None else inside)
        self.format = format
        self.interfaces = interfaces
        self.notes = notes
        self.wire = wire
        self.mtu = mtu
        self.sha256 = sha256

    def __repr__(self) -> str:
        count = len(self.sas_seen)
        return f"<Capture {self.name}: {self.wire.census.packets} packets, {count} IKE {'SA' if count == 1 else 'SAs'}>"

    @cached_property
    def related(self) -> Related:
        """IKE SAs and what is known of the capture."""
        return relate(self.wire, self.notes, self.interfaces, mtu=self.mtu)

    @property
    def sas_seen(self) -> Sequence[IkeSa]:
        """The IKE SAs as objects (``sas`` is the frame)."""
        return self.related.sas

    @cached_property
    def judgement(self) -> Judgement:
        """Findings, verdicts, and what could not be assessed."""
        return judge(self.related)

    @property
    def verdict(self) -> Verdict:
        """Why the connection failed, that it did not, or that this capture cannot tell."""
        return self.judgement.verdict

    @property
    def verdict_text(self) -> str:
        return self.verdict.text

    @property
    def found(self) -> tuple[Finding, ...]:
        """The findings as objects (``findings`` is the frame), the gravest first."""
        return self.judgement.findings

    def report(self) -> dict[str, Any]:
        """The JSON report as a dictionary (schema ``ike-analyzer/report/1``)."""
        from analyzer.report.json_report import as_dict

        return as_dict(self)

    def text(self) -> str:
        """The text report: verdict, ladder of each IKE SA, findings with remedies."""
        from analyzer.report.text import as_text

        return as_text(self)

    def plot(self, out: str | os.PathLike[str] | None = None, *, sa: int | None = None) -> Figure:
        """Packet size versus MTU, as a figure; written to ``out`` (.png or .svg) when given."""
        from analyzer.report.plot.figure import plot

        return plot(self, out, mtu=self.mtu, sa=sa)

    def between(self, first: int, beyond: int) -> Capture:
        """What a capture would be that begins with frame ``first`` and ends before ``beyond``.

        Frames keep their numbers.

        Examples
        --------
        >>> import analyzer
        >>> capture = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
        >>> capture.between(19, 21).messages["frame"].tolist()
        [19, 20]
        """
        part = Capture(
            path=self.path,
            format=self.format,
            interfaces=self.interfaces,
            notes=self.notes,
            wire=between(self.wire, first, beyond),
            mtu=self.mtu,
        )
        part.name = self.name
        return part

    def _frame(self, name: str) -> pd.DataFrame:
        from analyzer.frames.build import frame

        return frame(self, name)

    @cached_property
    def packets(self) -> pd.DataFrame:
        """IP packets that carry IKE (contract: ``analyzer.frames.contracts.PACKETS``)."""
        return self._frame("packets")

    @cached_property
    def datagrams(self) -> pd.DataFrame:
        """Datagrams, with their fragments (``DATAGRAMS``)."""
        return self._frame("datagrams")

    @cached_property
    def messages(self) -> pd.DataFrame:
        """IKE messages (``MESSAGES``)."""
        return self._frame("messages")

    @cached_property
    def exchanges(self) -> pd.DataFrame:
        """Requests with their repeats and responses (``EXCHANGES``)."""
        return self._frame("exchanges")

    @cached_property
    def sas(self) -> pd.DataFrame:
        """IKE SAs (``SAS``)."""
        return self._frame("sas")

    @cached_property
    def path_mtu(self) -> pd.DataFrame:
        """MTU bounds by direction (``PATH_MTU``)."""
        return self._frame("path_mtu")

    @cached_property
    def findings(self) -> pd.DataFrame:
        """Findings (``FINDINGS``)."""
        return self._frame("findings")
