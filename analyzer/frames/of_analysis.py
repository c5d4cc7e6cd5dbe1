"""An analysis as pandas frames, each made when it is first asked for (then, and not before, pandas is imported)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.analysis import Analysis

if TYPE_CHECKING:
    import pandas as pd


class Frames:
    """The frames of :mod:`analyzer.frames.contracts`, with the name and the verdict of what they show.

    Examples
    --------
    >>> from analyzer.analysis import analyse
    >>> Frames(analyse("sample_pcaps/809-fragments-lost.pcapng")).sas["reached"].tolist()
    ['auth-sent']
    """

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis

    @property
    def name(self) -> str:
        """What the capture is called, safe for printing."""
        return self.analysis.name

    @property
    def verdict_text(self) -> str:
        """The verdict as one sentence."""
        return self.analysis.verdict.text

    def _frame(self, name: str) -> pd.DataFrame:
        from analyzer.frames.build import frame

        return frame(self.analysis, name)

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
