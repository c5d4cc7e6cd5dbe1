"""Which product each side may be: hints with their evidence, never an identity (domain.md section 7, 4.3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guess:
    """A product that one side may be.

    Attributes
    ----------
    product : str
        Key of :mod:`analyzer.remedies`: ``windows-client``, ``strongswan``, ``fortigate`` and so on.
    strength : str
        ``vendor-id`` (it names itself), ``order`` (of payloads and notifies), ``size`` (of SKF fragments) or
        ``schedule`` (of retransmissions); the first is the strongest.
    evidence : str
        What it rests on, as a clause.
    """

    product: str
    strength: str
    evidence: str
