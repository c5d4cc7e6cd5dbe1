"""Answers that went to a host which did not ask: what a NAT that mixes up its clients leaves behind.

Some NATs ("IPsec passthrough") keep source port 500 for every client behind them and then cannot tell the answers of
one from those of another (docs/domain/nat.md, docs/domain/root-causes.md no. 32).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Ints, Narrow
from analyzer.ike.message_columns import FLAG_RESPONSE
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Wire

#: A flood of them is no better evidence than the first ones.
MAX_MISDELIVERED = 200

#: An odd number: different SPIs stay different when multiplied by it.
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class MisdeliveredAnswer:
    """An IKE_SA_INIT response whose receiver never sent a request with its initiator SPI in this trace.

    ``asked_by``: the addresses that did, none when nobody did. ``asks_itself``: the receiver sends requests with other
    SPIs to the same host, so it is a client of its own. ``time`` in ns.
    """

    frame: int
    time: int
    src: str
    dst: str
    spi_i: int
    asked_by: tuple[str, ...]
    asks_itself: bool


def misdelivered_answers(wire: Wire) -> tuple[MisdeliveredAnswer, ...]:
    """All such responses, in the order of capture; bounded.

    Messages that the capture holds more than once count as often: the request of a host behind a NAT may be there under
    both addresses, and then the answer to either is none.
    """
    m = wire.messages
    response = (m.flags & FLAG_RESPONSE) != 0
    answers = np.flatnonzero(response & (m.exchange == numbers.IKE_SA_INIT) & (m.version >> 4 == 2))
    if not len(answers):
        return ()
    requests = np.flatnonzero(~response)
    asked = np.isin(_key(m.spi_i[answers], m.dst[answers]), _key(m.spi_i[requests], m.src[requests]))
    return tuple([_misdelivered(wire, int(row), requests) for row in answers[~asked][:MAX_MISDELIVERED]])


def _key(spi: NDArray[np.uint64], address: Narrow) -> NDArray[np.uint64]:
    """One word for an SPI and an address; that two meet in it is next to impossible, and at worst hides one."""
    return spi * _MIX + address.astype(np.uint64)


def _misdelivered(wire: Wire, row: int, requests: Ints) -> MisdeliveredAnswer:
    m, text = wire.messages, wire.addresses.text
    same_spi = requests[m.spi_i[requests] == m.spi_i[row]]
    back = (m.src[requests] == m.dst[row]) & (m.dst[requests] == m.src[row])
    return MisdeliveredAnswer(
        frame=int(m.frame[row]),
        time=int(m.time[row]),
        src=text(int(m.src[row])),
        dst=text(int(m.dst[row])),
        spi_i=int(m.spi_i[row]),
        asked_by=tuple(sorted(map(text, np.unique(m.src[same_spi]).tolist()))),
        asks_itself=bool(back.any()),
    )
