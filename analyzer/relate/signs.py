"""Signs of an IKE SA: what is in it at all, so that a rule about something that is not there need not look.

Of a gateway's trace with thousands of failing IKE SAs most of the rules' work would be to find that there are no IP
fragments, no ICMP errors, no EAP. The signs of all messages are worked out at once, from the columns.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np

from analyzer.columns import Bools, Ints
from analyzer.ike.message_columns import FLAG_RESPONSE
from analyzer.ike.registry import numbers

if TYPE_CHECKING:
    from analyzer.relate.sa import IkeSa
    from analyzer.relate.table import MessageTable

#: Notify types below are errors (RFC 7296 section 3.10.1).
_FIRST_STATUS = 16384
#: Status notifies with which a responder negotiates nothing either.
_DEMANDS = (numbers.COOKIE, numbers.REDIRECT)


class Sign(IntFlag):
    """Something that is in an IKE SA, or about it in the trace."""

    #: A message in IP fragments, or pieces of one between its addresses.
    IP_FRAGMENTS = 1
    #: An SKF message.
    SKF = 2
    #: An ICMP error about it.
    ICMP = 4
    #: The capturing host recorded that it dropped a packet of it.
    DROPPED = 8
    #: A clear notify that refuses or demands something.
    ERROR = 16
    INTERMEDIATE = 32
    #: A response to IKE_AUTH.
    AUTH_ANSWER = 64
    #: A message that begins with an EAP payload.
    EAP = 128
    #: Pings or the user tell something of packet sizes.
    SIZES = 256


def of_messages(table: MessageTable) -> Ints:
    """The signs that each message of a capture bears by itself."""
    m, datagrams = table.wire.messages, table.wire.datagrams
    # The row behind the last is that of what has no datagram.
    fragments = np.r_[datagrams.fragments, 1][m.datagram]
    found = {
        Sign.IP_FRAGMENTS: (fragments > 1) | (m.complete != 1),
        Sign.SKF: m.skf_total > 0,
        Sign.ERROR: _with_errors(table),
        Sign.INTERMEDIATE: m.exchange == numbers.IKE_INTERMEDIATE,
        Sign.AUTH_ANSWER: (m.exchange == numbers.IKE_AUTH) & ((m.flags & FLAG_RESPONSE) != 0),
        Sign.EAP: m.inner == numbers.EAP,
    }
    signs = np.zeros(len(m.frame), dtype=np.int64)
    for sign, has in found.items():
        signs |= np.where(has, int(sign), 0)
    return signs


def _with_errors(table: MessageTable) -> Bools:
    from analyzer.relate.table import having

    kinds, m = table.wire.notify_type, table.wire.messages
    return having((kinds < _FIRST_STATUS) | np.isin(kinds, _DEMANDS), m.notify_first, m.notify_count)


def of_sa(sa: IkeSa) -> int:
    """The signs of an IKE SA, those of its messages and those of what is known about it.

    Examples
    --------
    >>> import analyzer
    >>> sa = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis.sas[0]
    >>> bool(of_sa(sa) & Sign.IP_FRAGMENTS), bool(of_sa(sa) & Sign.AUTH_ANSWER)
    (True, False)
    """
    signs = 0
    for message in sa.messages:
        signs |= message.signs
    if sa.orphans:
        signs |= _IP_FRAGMENTS
    if sa.icmp:
        signs |= _ICMP
    if sa.dropped:
        signs |= _DROPPED
    if sa.capture.given_mtu is not None or sa.capture.surroundings.sweeps:
        signs |= _SIZES
    return signs


#: As mere numbers, which are put together faster than the members of an enumeration.
_IP_FRAGMENTS, _ICMP, _DROPPED, _SIZES = map(int, (Sign.IP_FRAGMENTS, Sign.ICMP, Sign.DROPPED, Sign.SIZES))
