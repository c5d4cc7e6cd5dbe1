"""Which IKE SAs plainly succeeded, decided for all of them at once.

A gateway's trace holds tens of thousands of healthy IKE SAs. Those whose every request was sent once, seen whole and
answered whole (COOKIE and INVALID_KE_PAYLOAD rounds included), and whose last IKE_AUTH answer has the shape of success,
need no look at each: every rule that could make another verdict of them rests on something that is absent here.
Whatever is odd in the least is left to the rules. What this cannot see is looked at by :mod:`analyzer.relate.build`:
short answers under their cipher suite, and what lies outside of an IKE SA's own messages (its ESP, ICMP).
A property test holds this equal to what the rules say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analyzer.columns import Bools, Ints
from analyzer.ike.message_columns import FLAG_INITIATOR, FLAG_RESPONSE, WHOLE
from analyzer.ike.registry import numbers
from analyzer.packets.tables import Short, Wire
from analyzer.relate.inferred.authentication import GRANTING, LONG_ANSWER, SHORT_ANSWER
from analyzer.relate.seen.clear_payloads import having_notify, having_payload


def settled(wire: Wire, rows: Ints, begins: Ints) -> tuple[Bools, Bools]:
    """For each IKE SA: did it plainly succeed? And may its last IKE_AUTH answer be too short for a Child SA?

    The second is for the caller to look at: it depends on the cipher suite.

    Parameters
    ----------
    wire : Wire
        Tables of the capture.
    rows, begins : int64 arrays
        Rows of the messages SA by SA, and where each SA begins among them.
    """
    count = len(begins) - 1
    if not count:
        return np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.bool_)
    m = wire.messages
    sa = np.repeat(np.arange(count), np.diff(begins))
    response = (m.flags[rows] & FLAG_RESPONSE) != 0
    initiator = (m.flags[rows] & FLAG_INITIATOR) != 0
    kind, message_id, inner = m.exchange[rows], m.message_id[rows], m.inner[rows]
    total = np.maximum(m.skf_total[rows], 0)
    number = np.maximum(m.skf_number[rows], 0)
    length = m.length[rows].astype(np.int64)

    sound = (m.complete[rows] == 1) & (m.status[rows] == WHOLE) & (m.version[rows] >> 4 == 2)
    # A Delete or Notify may reject what was agreed (:mod:`analyzer.relate.inferred.authentication`).
    ends = ((inner == numbers.D) | ((inner == numbers.N) & (kind == numbers.INFORMATIONAL))) & (number <= 1)
    good = _every(sound & ~ends, begins)
    is_init = kind == numbers.IKE_SA_INIT
    good &= _begins_well(wire, rows, sa, is_init, response, initiator, count)

    # One sending of each message: all its SKF numbers once, and as many as there are in total.
    others = np.flatnonzero(~is_init)
    keys = (number, response, message_id, kind, initiator != response, sa)
    order = others[np.lexsort([key[others] for key in keys])]
    if not len(order):
        return np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    columns: list[Any] = [c[order] for c in (sa, initiator != response, kind, message_id, response)]
    first = np.flatnonzero(np.r_[True, np.logical_or.reduce([c[1:] != c[:-1] for c in columns])])
    size = np.diff(np.r_[first, len(order)])
    totals, numbers_seen = total[order], number[order]
    once = (size == np.maximum(totals[first], 1)) & (np.maximum.reduceat(totals, first) == totals[first])
    once &= np.minimum.reduceat(totals, first) == totals[first]
    steps = np.r_[True, numbers_seen[1:] > numbers_seen[:-1]]
    steps[first] = True
    once &= np.logical_and.reduceat(steps, first)
    group_sa = columns[0][first]
    sent_otherwise: Bools = np.logical_not(once)
    good &= _none(group_sa[sent_otherwise], count)

    # Requests sort before their responses: each must be followed by its own.
    is_request: Bools = ~columns[4][first]
    same = np.r_[np.logical_and.reduce([c[first][1:] == c[first][:-1] for c in columns[:4]]), False]
    answered: Any = np.where(is_request, same, np.r_[False, same[:-1]])
    good &= _none(group_sa[~answered], count)
    succeeds, short = _last_auth_succeeds(columns, first, inner[order], length[order], count)
    return good & succeeds, short


def _begins_well(
    wire: Wire, rows: Ints, sa: Ints, is_init: Bools, response: Bools, initiator: Bools, count: int
) -> Bools:
    """IKE_SA_INIT: request, response, and so on by turns, a changed request each time, the last response whole.

    All responses but the last may only demand a changed request (COOKIE, INVALID_KE_PAYLOAD).
    """
    m = wire.messages
    at = np.flatnonzero(is_init)
    if not len(at):
        return np.zeros(count, dtype=np.bool_)
    owner, answer = sa[at], response[at]
    first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    place = np.arange(len(at)) - np.repeat(first, np.diff(np.r_[first, len(at)]))
    last = np.r_[first[1:], len(at)] - 1
    is_last = np.zeros(len(at), dtype=np.bool_)
    is_last[last] = True
    by_turns = (answer == (place % 2 == 1)) & (answer != initiator[at])
    chooses = having_payload(wire, numbers.SA)[rows[at]]
    demands = having_notify(wire, numbers.COOKIE)[rows[at]] | having_notify(wire, numbers.INVALID_KE_PAYLOAD)[rows[at]]
    fits = by_turns & np.where(is_last, answer & chooses, ~answer | (demands & ~chooses))
    good = np.zeros(count, dtype=np.bool_)
    good[owner[first]] = np.logical_and.reduceat(fits, first)
    order = np.lexsort((m.digest[rows[at]], owner))
    digest, whose = m.digest[rows[at]][order], owner[order]
    repeated = (digest[1:] == digest[:-1]) & (whose[1:] == whose[:-1])
    return good & _none(whose[1:][repeated], count)


def _last_auth_succeeds(columns: list[Any], first: Ints, inner: Short, length: Ints, count: int) -> tuple[Bools, Bools]:
    """Is the answer to the last IKE_AUTH of the initiator of the shape of success, and may it be short of that?"""
    sa, by_initiator, kind, _, response = (c[first] for c in columns)
    sizes = np.add.reduceat(length, first)
    wanted = np.flatnonzero((kind == numbers.IKE_AUTH) & (by_initiator == 1) & response.astype(np.bool_))
    succeeds, short = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    # Groups come in the order of message IDs, so the last one of an SA is what stays.
    succeeds[sa[wanted]] = np.isin(inner[first[wanted]], GRANTING) & (sizes[wanted] > SHORT_ANSWER)
    short[sa[wanted]] = sizes[wanted] <= LONG_ANSWER
    return succeeds, short


def _every(holds: Bools, begins: Ints) -> Bools:
    result: Bools = np.logical_and.reduceat(holds, begins[:-1])
    return result


def _none(sas: Ints, count: int) -> Bools:
    result: Bools = np.bincount(sas, minlength=count) == 0
    return result
