"""Features of an IKE SA: what is in it at all, so that a rule about something that is not there need not look.

Of a gateway's trace with thousands of failing IKE SAs most of the rules' work would be to find that there are no IP
fragments, no ICMP errors, no EAP. The features of all messages are worked out at once, from the columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag

import numpy as np

from analyzer.columns import Bools, Ints
from analyzer.ike.message_columns import FLAG_RESPONSE
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Wire
from analyzer.relate.seen.clear_payloads import having

#: Notify types below are errors (RFC 7296 section 3.10.1).
_FIRST_STATUS = 16384
#: Status notifies with which a responder negotiates nothing either.
_DEMANDS = (numbers.COOKIE, numbers.REDIRECT)


class Feature(IntFlag):
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


def features_of_messages(wire: Wire) -> Ints:
    """The features that each message of a capture bears by itself."""
    m, datagrams = wire.messages, wire.datagrams
    # The row behind the last is that of what has no datagram.
    fragments = np.r_[datagrams.fragments, 1][m.datagram]
    found = {
        Feature.IP_FRAGMENTS: (fragments > 1) | (m.complete != 1),
        Feature.SKF: m.skf_total > 0,
        Feature.ERROR: _with_errors(wire),
        Feature.INTERMEDIATE: m.exchange == numbers.IKE_INTERMEDIATE,
        Feature.AUTH_ANSWER: (m.exchange == numbers.IKE_AUTH) & ((m.flags & FLAG_RESPONSE) != 0),
        Feature.EAP: m.inner == numbers.EAP,
    }
    features = np.zeros(len(m.frame), dtype=np.int64)
    for feature, has in found.items():
        features |= np.where(has, int(feature), 0)
    return features


def _with_errors(wire: Wire) -> Bools:
    kinds, m = wire.notify_type, wire.messages
    return having((kinds < _FIRST_STATUS) | np.isin(kinds, _DEMANDS), m.notify_first, m.notify_count)


def features_of_sa(messages: Iterable[int], *, orphans: bool, icmp: bool, dropped: bool, sizes: bool) -> int:
    """The features of an IKE SA, those of its messages and those of what is known about it.

    Parameters
    ----------
    messages : iterable of int
        Features of each of its messages.
    orphans, icmp, dropped, sizes : bool
        Are there pieces of messages between its addresses, ICMP errors about it, packets that the capturing host
        dropped, and does anything beside it tell of packet sizes?

    Examples
    --------
    >>> Feature(features_of_sa([Feature.SKF, Feature.EAP], orphans=True, icmp=False, dropped=False, sizes=False))
    <Feature.IP_FRAGMENTS|SKF|EAP: 131>
    """
    features = 0
    for of_message in messages:
        features |= of_message
    if orphans:
        features |= _IP_FRAGMENTS
    if icmp:
        features |= _ICMP
    if dropped:
        features |= _DROPPED
    if sizes:
        features |= _SIZES
    return features


#: As mere numbers, which are put together faster than the members of an enumeration.
_IP_FRAGMENTS, _ICMP, _DROPPED, _SIZES = map(int, (Feature.IP_FRAGMENTS, Feature.ICMP, Feature.DROPPED, Feature.SIZES))
