"""How far the clocks of two captures are apart, from the messages that both saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.comparison.matching import Passage


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """What to add to the client's clock to have the server's, ns, give or take ``uncertainty`` (half a round trip).

    ``is_bracketed``: messages in both directions bound it; else only one bound is known and ``uncertainty`` is 0.
    """

    offset: int
    uncertainty: int
    is_bracketed: bool


def estimate(to_server: Sequence[Passage], to_client: Sequence[Passage]) -> ClockOffset | None:
    """Estimate the offset as NTP does (RFC 5905 section 8): the quickest passage in each direction bounds it.

    Parameters
    ----------
    to_server, to_client : sequences of Passage
        Matched messages of both directions.

    Returns
    -------
    ClockOffset or None
        None when nothing was seen on both sides.

    Notes
    -----
    A message sent at ``a`` by the client's clock and received at ``b`` by the server's took ``b - a - offset``, which
    is not negative; and one from the server likewise with the sign turned.
    """
    forth = [p.arrived.time - p.sent.time for p in to_server if p.arrived is not None]
    back = [p.arrived.time - p.sent.time for p in to_client if p.arrived is not None]
    if forth and back:
        high, low = min(forth), -min(back)
        return ClockOffset((high + low) // 2, abs(high - low) // 2, True)
    if forth:
        return ClockOffset(min(forth), 0, False)
    if back:
        return ClockOffset(-min(back), 0, False)
    return None
