"""What is known of many IKE SAs together, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analyzer.rules.model import Confidence, Severity


@dataclass(frozen=True, slots=True)
class Counted:
    """How many IKE SAs have a verdict.

    Attributes
    ----------
    id, severity, confidence : str, Severity, Confidence
        The verdict; the confidence is that of the example.
    exit_status : int
        That of the example.
    sas, clients : int
        IKE SAs that have it, and clients whose IKE SAs these are.
    past : int
        Those of the IKE SAs that a later success of the same client makes past.
    example : int
        Index of the surest of them (of plain successes the first); of equal ones, of the first.
    others : tuple of int
        One of each other client, at most :data:`analyzer.rules.overview.counting.MOST_OTHERS`, by index.
    """

    id: str
    severity: Severity
    confidence: Confidence
    exit_status: int
    sas: int
    clients: int
    past: int
    example: int
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """All IKE SAs of a capture together.

    Attributes
    ----------
    tally : tuple of Counted
        Each verdict (by id and severity), the gravest first; the numbers of IKE SAs add up to ``sas``.
    sas, clients, connections : int
        All that were counted; IKE SAs that follow one another (rekeyed, redirected) are one connection.
    attempt_of : dict of int to int
        For an IKE SA that repeats the trouble of an earlier one the first of that trouble, by index.
    decides : int or None
        Index of the IKE SA whose verdict is that of the capture; None without any.
    failing, healthy, undecided : tuple of int
        Indices of one IKE SA of each client: whose trouble stands and shares the cause of the verdict; that succeeded;
        whose attempt this trace cannot tell of.
    turned : int
        Clients whose luck changed likewise.
    turn : (int, int) or None
        Where the luck of a client changed: its last IKE SA before that and its first one after it, by index. Of a
        capture that fails it is the client of ``decides``, which connected before; else the first that failed before.
    """

    tally: tuple[Counted, ...]
    sas: int
    clients: int
    connections: int
    attempt_of: Mapping[int, int]
    decides: int | None
    failing: tuple[int, ...]
    healthy: tuple[int, ...]
    undecided: tuple[int, ...]
    turn: tuple[int, int] | None
    turned: int
