"""One line for each capture: its file, the verdict, the sentence."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.analysis import Analysis
from analyzer.printable import printable
from analyzer.report.text import named


def parts(analysis: Analysis) -> Iterator[str]:
    """The line, for :mod:`analyzer.report.outputs`.

    Examples
    --------
    >>> from analyzer.analysis import analyse
    >>> next(parts(analyse("sample_pcaps/udp-4500-blocked.pcapng")))[:75]
    'sample_pcaps/udp-4500-blocked.pcapng: failed: udp-4500-blocked (probable): '
    """
    verdict = analysis.verdict
    yield f"{printable(analysis.path)}: {named(verdict)}: {' '.join(verdict.text.split())}\n"
