"""When a gateway fell silent for several clients at once: what no single IKE SA shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyzer.columns import by_run
from analyzer.relate.build import Related
from analyzer.rules.overview.values import Overview
from analyzer.timestamp import utc

_SECOND = 1_000_000_000
#: Who asks is answered in this time, or somebody else is; a silence that a single client meets is that client's matter.
_PATIENCE, _LEAST_CLIENTS = 10 * _SECOND, 2


@dataclass(frozen=True, slots=True)
class Outage:
    """A silence of a gateway.

    Attributes
    ----------
    gateway : str
        Its address.
    heard : int
        When its last IKE message before came, ns.
    again : int or None
        When the next one came, ns; None where the capture ends before.
    before, clients : int
        Addresses to which it sent IKE before; of these and others, those that asked in vain.
    """

    gateway: str
    heard: int
    again: int | None
    before: int
    clients: int


def outage(related: Related, overview: Overview) -> Outage | None:
    """The silence of the deciding IKE SA's gateway that most clients met; None where there was none.

    Parameters
    ----------
    related : Related
        The capture.
    overview : Overview
        Its IKE SAs, counted.
    """
    if overview.decides is None or overview.clients < _LEAST_CLIENTS:
        return None
    sa = related.sas[overview.decides]
    first, m = sa.messages[0], related.table.wire.messages
    gateway = first.address_numbers[1 if first.is_initiator else 0]
    from_it, to_it = np.flatnonzero(m.src == gateway), np.flatnonzero(m.dst == gateway)
    if not len(from_it) or not len(to_it):
        return None
    heard = np.sort(m.time[from_it])
    asked = m.time[to_it]
    silence = np.searchsorted(heard, asked, side="right")  # the silence behind so many messages
    ends = np.r_[heard[1:], related.capture.last]
    behind = silence - 1
    in_vain = (behind >= 0) & (ends[behind] - asked >= _PATIENCE)
    if not in_vain.any():
        return None
    # Each client once for each silence.
    pairs = np.unique(np.stack((behind[in_vain], m.src[to_it][in_vain].astype(np.int64))), axis=1)
    begins = np.flatnonzero(np.r_[True, pairs[0][1:] != pairs[0][:-1]])
    clients = by_run(np.add, np.ones(pairs.shape[1], dtype=np.int64), begins)
    worst = int(np.argmax(clients))
    place = int(pairs[0][begins[worst]])
    since = int(heard[place])
    before = len(np.unique(m.dst[from_it][m.time[from_it] <= since]))
    if clients[worst] < _LEAST_CLIENTS or before < _LEAST_CLIENTS:
        return None
    again = int(heard[place + 1]) if place + 1 < len(heard) else None
    return Outage(sa.responder if first.is_initiator else sa.initiator, since, again, before, int(clients[worst]))


def outage_text(found: Outage) -> str:
    """The same as a sentence.

    Examples
    --------
    >>> outage_text(Outage("203.0.113.7", 0, None, 20, 12))
    '203.0.113.7 sent IKE to 20 clients until 1970-01-01 00:00:00 UTC and to none after that: 12 clients asked in vain.'
    """
    until = f"{found.gateway} sent IKE to {found.before:,} clients until {utc(found.heard)}"
    if found.again is None:
        return f"{until} and to none after that: {found.clients:,} clients asked in vain."
    return f"{until} and again from {utc(found.again)} on: in between {found.clients:,} clients asked in vain."
