"""The face of the package: a capture with its verdict, frames and reports, and what can be asked of one or two.

Everything here hands an :class:`analyzer.analysis.Analysis` down to what does the work; nothing below imports it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from analyzer.analysis import analyse, analyse_each
from analyzer.errors import InputError
from analyzer.formats.pairs import Pair
from analyzer.formats.records import Note
from analyzer.frames.of_analysis import Frames
from analyzer.rules.model import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analyzer.comparison.compare import Comparison
    from analyzer.ike.message import IKE
    from analyzer.validation import Subject, Validation


def read(
    path: str | os.PathLike[str] | Iterable[Pair],
    *,
    ports: Iterable[int] = (),
    mtu: int | None = None,
    stream: BinaryIO | None = None,
    sha256: bool = False,
    link_type: int | None = None,
) -> Capture:
    """Read a capture file and take the IKE out of it.

    Parameters
    ----------
    path : str or path-like, or iterable of pairs
        A capture of any format that is understood, packed or not; ``"-"`` is standard input. Or packets that another
        program has read: pairs of seconds since the epoch and the bytes of a frame, as the readers of dpkt yield them.
    ports : iterable of int
        Ports on which IKE is looked for, besides 500 and 4500.
    mtu : int, optional
        The path MTU in bytes, if you know it; it replaces what the trace suggests.
    stream : binary file, optional
        Read this instead; ``path`` is then only the name in reports.
    sha256 : bool
        Also hash the file (the JSON report holds the hash).
    link_type : int, optional
        Of pairs: what the frames begin with, by its LINKTYPE number. Unless given, what the ``datalink()`` of a reader
        of dpkt says, else Ethernet.

    Returns
    -------
    Capture

    Raises
    ------
    InputError
        The file cannot be read as a capture; the message is one line.
    UsageError
        A port or MTU out of range; or what is given is neither a path nor pairs.

    Examples
    --------
    >>> import analyzer, dpkt
    >>> cap = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
    >>> cap.verdict.id
    'ike-auth-ip-fragments-lost-upstream'
    >>> with open("sample_pcaps/809-fixed.pcapng", "rb") as file:
    ...     analyzer.read(dpkt.pcapng.Reader(file)).verdict.id
    'connected-ok'
    """
    return Capture(analyse(path, ports=ports, mtu=mtu, stream=stream, sha256=sha256, link_type=link_type))


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
    return map(Capture, analyse_each(path, ports=ports, mtu=mtu, stream=stream, sha256=sha256, problem=problem))


def compare(client: Capture, server: Capture) -> Comparison:
    """Lay two captures of the same attempt side by side.

    Parameters
    ----------
    client, server : Capture
        What :func:`read` gave of the trace taken at the client, and of the one taken at the server in the same minutes.

    Examples
    --------
    >>> import analyzer
    >>> one = analyzer.read("sample_pcaps/809-fixed.pcapng")
    >>> analyzer.compare(one, one).verdict.id
    'connected-ok'
    """
    from analyzer.comparison.compare import compare

    return compare(client.analysis, server.analysis)


def validate(capture: Capture, subject: Subject = "both") -> Validation:
    """Check a trace that was taken after the fix.

    Parameters
    ----------
    capture : Capture
        What :func:`read` gave.
    subject : {"client", "server", "both"}
        Only what the client does or only what the server does, each with what both reach; or everything.

    Examples
    --------
    >>> import analyzer
    >>> analyzer.validate(analyzer.read("sample_pcaps/809-fixed.pcapng")).exit_status
    0
    >>> before = analyzer.validate(analyzer.read("sample_pcaps/809-fragments-lost.pcapng"), "server")
    >>> [(check.id, check.result) for check in before.checks]  # doctest: +NORMALIZE_WHITESPACE
    [('server-accepts-fragmentation', 'fail'), ('response-in-one-piece', 'cannot-tell'),
     ('ike-auth-answered', 'fail'), ('established', 'fail')]
    """
    from analyzer.validation import validate

    return validate(capture.analysis, subject)


class Capture(Frames):
    """One capture: its verdict, its frames, its reports. All is worked out when it is asked for.

    Attributes
    ----------
    analysis : Analysis
        What all of it is made of: the IKE SAs as objects (``analysis.sas``), the findings (``analysis.findings``), the
        file's format, interfaces and hash. It can be pickled.
    packets, datagrams, messages, exchanges, sas, path_mtu, findings : pandas.DataFrame
        The frames; :mod:`analyzer.frames.contracts` says what their columns mean.
    """

    def __repr__(self) -> str:
        return f"<Capture {self.analysis.summary}>"

    @property
    def path(self) -> str:
        """As given."""
        return self.analysis.path

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is odd about the file."""
        return self.analysis.notes

    @property
    def verdict(self) -> Verdict:
        """Why the connection failed, that it did not, or that this capture cannot tell."""
        return self.analysis.verdict

    def message(self, frame: int) -> IKE:
        """The IKE message that a frame completes, as an object of dpkt's kind.

        Parameters
        ----------
        frame : int
            Number of the frame, as Wireshark counts. Of a message in IP fragments it is that of the last one to come;
            of several messages in one frame (over TCP) the first is given.

        Returns
        -------
        IKE
            A :class:`dpkt.Packet` (:class:`analyzer.ike.message.IKE`) with the payloads that can be read without keys.
            Of SK and SKF it has the header only; their data is not kept.

        Raises
        ------
        UsageError
            The frame completes no IKE message; the message says what it is.

        Examples
        --------
        >>> import analyzer
        >>> cap = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
        >>> message = cap.message(20)
        >>> message.exchange_name, [notify.name for notify in message.notifies]
        ('IKE_SA_INIT', ['NAT_DETECTION_SOURCE_IP', 'NAT_DETECTION_DESTINATION_IP'])
        """
        return self.analysis.message(frame)

    def report(self) -> dict[str, Any]:
        """The JSON report as a dictionary (schema ``ike-analyzer/report/2``)."""
        from analyzer.report.json_report import as_dict

        return as_dict(self.analysis)

    def text(self, *, verbose: bool = False) -> str:
        """The text report: verdict, why, what to do, ladder of each IKE SA; ``verbose``: all else that was found."""
        from analyzer.report.layout import Layout
        from analyzer.report.text import as_text

        return as_text(self.analysis, layout=Layout(verbose=verbose))

    def output(self, name: str) -> str:
        """The output of a name: ``text``, ``json``, and what else :data:`analyzer.report.outputs.OUTPUTS` has.

        Raises
        ------
        UsageError
            There is none of this name.
        """
        from analyzer.report.outputs import output

        return "".join(output(name).parts(self.analysis))

    def plot(self, out: str | os.PathLike[str] | None = None, *, sa: int | None = None) -> Figure:
        """Packet size versus MTU, as a figure; written to ``out`` (.png or .svg) when given."""
        from analyzer.report.plot.figure import plot

        return plot(self, out, mtu=self.analysis.mtu, sa=sa)

    def only(
        self,
        *,
        numbers: Collection[int] = (),
        client: str | None = None,
        between: tuple[str, str] | None = None,
    ) -> Capture:
        """The same capture, whose verdict and reports tell of some IKE SAs only; they keep their numbers.

        Parameters
        ----------
        numbers : collection of int
            Numbers of IKE SAs, as reports tell them.
        client : str, optional
            Address of the initiator, or a network.
        between : (str, str), optional
            Used between two times in UTC: ``("10:40", "10:45:30")``, or with dates.

        Raises
        ------
        UsageError
            Something is no number, address or time, or no IKE SA fits; the message says which there are.

        Examples
        --------
        >>> import analyzer
        >>> capture = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
        >>> capture.only(client="10.20.0.0/16").verdict.sa
        1
        """
        return Capture(self.analysis.only(numbers=numbers, client=client, between=between))

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
        return Capture(self.analysis.between(first, beyond))
