"""Which IKE SAs plainly succeeded, decided for all of them at once.

A gateway's trace holds tens of thousands of healthy IKE SAs. Those whose every request was sent once, seen whole and
answered whole (COOKIE and INVALID_KE_PAYLOAD rounds included), and whose last IKE_AUTH answer has the shape of success,
need no look at each: every rule that could make another verdict of them rests on something that is absent here.
Whatever is odd in the least is left to the rules: short answers under their cipher suite are looked at one by one, and
what lies outside of an IKE SA's own messages (its ESP, ICMP, repeats) speaks as well. A property test holds this equal
to what the rules say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from analyzer.columns import Bools, Ints, Short, by_run, counts, repeated
from analyzer.ike.message_columns import FLAG_INITIATOR, FLAG_RESPONSE, WHOLE
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Messages, Wire
from analyzer.packets.tables import EspFlow
from analyzer.relate.inferred.authentication import GRANTING, LONG_ANSWER, SHORT_ANSWER, Authentication
from analyzer.relate.inferred.progress import REPEATS_WITHIN
from analyzer.relate.seen.clear_payloads import having_notify, having_payload
from analyzer.relate.seen.host_pair import Client, Ends, HostPair, client, ends
from analyzer.relate.seen.message import Message
from analyzer.relate.seen.message_table import MessageTable
from analyzer.relate.seen.neighbours import MANY_ATTEMPTS

#: IKE lengths up to this go in one IP packet of less than 1,280 bytes, whatever the headers are.
_SURELY_SMALL = 1200


def plain_successes(
    table: MessageTable,
    rows: Ints,
    begins: Ints,
    *,
    flows: Mapping[int, Sequence[EspFlow]],
    dropped: Iterable[int],
    disturbed: Set[HostPair],
    end: int,
) -> Iterator[tuple[int, Client, int]]:
    """Number, client and start (ns) of each IKE SA that succeeded beyond question.

    Parameters
    ----------
    table : MessageTable
        Messages of the capture.
    rows, begins : int64 arrays
        Rows of the messages SA by SA, and where each SA begins among them.
    flows : mapping of int to sequence of EspFlow
        ESP of each SA, by its number.
    dropped : iterable of int
        Rows of messages that the capturing host dropped.
    disturbed : set of HostPair
        Hosts between which there are ICMP errors, or fragments without their first one.
    end : int
        Time of the capture's last packet, ns.
    """
    firsts = rows[begins[:-1]]
    good, short = _in_good_order(table.wire, rows, begins)
    m = table.wire.messages
    lost = list(dropped)
    if lost:
        good &= ~by_run(np.logical_or, np.isin(rows, lost), begins[:-1])
    good[_with_esp_one_way(flows)] = False
    # An attempt that its client repeats may have been left without a word; its own ESP tells that it was not.
    repeated = _has_company(m, firsts)
    # The trace may end before a client that lacks a large answer would ask again; likewise.
    of_rows = (m.time[rows] > end - REPEATS_WITHIN * 1e9) & ((m.length[rows] > _SURELY_SMALL) | (m.skf_total[rows] > 0))
    repeated |= by_run(np.logical_or, of_rows, begins[:-1])
    repeated[list(flows)] = False
    good &= ~repeated
    chosen = np.flatnonzero(good)
    src, dst = m.src[firsts[chosen]], m.dst[firsts[chosen]]
    pairs = zip(np.minimum(src, dst).tolist(), np.maximum(src, dst).tolist(), strict=True)
    # Each begins with a request of its initiator.
    began = m.sport[firsts[chosen]].tolist(), m.tcp[firsts[chosen]].tolist()
    columns = chosen.tolist(), pairs, *began, m.time[firsts[chosen]].tolist(), short[chosen].tolist()
    least_grants: dict[tuple[bytes, int | None], int] = {}
    for number, pair, port, over_tcp, start, may_be_short in zip(*columns, strict=True):
        of_sa = rows[begins[number] : begins[number + 1]].tolist()
        if pair not in disturbed and not (may_be_short and not _has_room(table, of_sa, least_grants)):
            yield number, client(pair, port, over_tcp=bool(over_tcp)), start


def _has_room(table: MessageTable, rows: Iterable[int], least_grants: dict[tuple[bytes, int | None], int]) -> bool:
    """The last IKE_AUTH answer of an SA has room for a Child SA under its cipher suite; what is worked out is kept."""
    answers = {table.exchange[row]: row for row in rows if table.is_response[row]}  # the last of each exchange type
    init = [Message(table, answers[kind]) for kind in (numbers.IKE_SA_INIT,) if kind in answers]
    last = Message(table, answers[numbers.IKE_AUTH])
    chosen = b"".join(body for m in init for body in m.payload_bodies(numbers.SA))
    key = chosen, last.inner_payload
    if key not in least_grants:
        least_grants[key] = Authentication((), init).least_grant(last.inner_payload)
    return not last.skf_total and last.length >= least_grants[key]


def _has_company(messages: Messages, firsts: Ints) -> Bools:
    """For each IKE SA that its initiator began: is there another between the same hosts, and few at its responder?"""
    near, far = np.sort(np.stack((messages.src[firsts], messages.dst[firsts])), axis=0)
    _, pair, pairs = np.unique(near.astype(np.int64) << 32 | far, return_inverse=True, return_counts=True)
    responder = messages.dst[firsts]
    company: Bools = (pairs[pair] > 1) & (counts(responder)[responder] <= MANY_ATTEMPTS + 1)
    return company


def _with_esp_one_way(flows: Mapping[int, Sequence[EspFlow]]) -> list[int]:
    """Numbers of the IKE SAs whose ESP comes from one address only, between some two ports at least."""
    alone = []
    for number, found in flows.items():
        sources: dict[Ends, set[int]] = defaultdict(set)
        for flow in found:
            if flow.spi:
                sources[ends(flow.src, flow.dst, flow.sport, flow.dport)].add(flow.src)
        if any(len(those) == 1 for those in sources.values()):
            alone.append(number)
    return alone


def _in_good_order(wire: Wire, rows: Ints, begins: Ints) -> tuple[Bools, Bools]:
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
    sa = repeated(np.arange(count), np.diff(begins))
    response = (m.flags[rows] & FLAG_RESPONSE) != 0
    initiator = (m.flags[rows] & FLAG_INITIATOR) != 0
    kind, message_id, inner = m.exchange[rows], m.message_id[rows], m.inner[rows]
    total = np.maximum(m.skf_total[rows], 0)
    number = np.maximum(m.skf_number[rows], 0)
    length = m.length[rows].astype(np.int64)

    sound = (m.complete[rows] == 1) & (m.status[rows] == WHOLE) & (m.version[rows] >> 4 == 2)
    # A Delete or Notify may reject what was agreed (:mod:`analyzer.relate.inferred.authentication`).
    ends = ((inner == numbers.D) | ((inner == numbers.N) & (kind == numbers.INFORMATIONAL))) & (number <= 1)
    # CREATE_CHILD_SA may be refused (:mod:`analyzer.relate.inferred.child_refusals`).
    ends |= (inner == numbers.N) & (kind == numbers.CREATE_CHILD_SA) & response
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
    once = (size == np.maximum(totals[first], 1)) & (by_run(np.maximum, totals, first) == totals[first])
    once &= by_run(np.minimum, totals, first) == totals[first]
    steps = np.r_[True, numbers_seen[1:] > numbers_seen[:-1]]
    steps[first] = True
    once &= by_run(np.logical_and, steps, first)
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
    place = np.arange(len(at)) - repeated(first, np.diff(np.r_[first, len(at)]))
    last = np.r_[first[1:], len(at)] - 1
    is_last = np.zeros(len(at), dtype=np.bool_)
    is_last[last] = True
    by_turns = (answer == (place % 2 == 1)) & (answer != initiator[at])
    chooses = having_payload(wire, numbers.SA)[rows[at]]
    demands = having_notify(wire, numbers.COOKIE)[rows[at]] | having_notify(wire, numbers.INVALID_KE_PAYLOAD)[rows[at]]
    fits = by_turns & np.where(is_last, answer & chooses, ~answer | (demands & ~chooses))
    good = np.zeros(count, dtype=np.bool_)
    good[owner[first]] = by_run(np.logical_and, fits, first)
    order = np.lexsort((m.digest[rows[at]], owner))
    digest, whose = m.digest[rows[at]][order], owner[order]
    once_more = (digest[1:] == digest[:-1]) & (whose[1:] == whose[:-1])
    return good & _none(whose[1:][once_more], count)


def _last_auth_succeeds(columns: list[Any], first: Ints, inner: Short, length: Ints, count: int) -> tuple[Bools, Bools]:
    """Is the answer to the last IKE_AUTH of the initiator of the shape of success, and may it be short of that?"""
    sa, by_initiator, kind, _, response = (c[first] for c in columns)
    sizes = by_run(np.add, length, first)
    wanted = np.flatnonzero((kind == numbers.IKE_AUTH) & (by_initiator == 1) & response.astype(np.bool_))
    succeeds, short = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    # Groups come in the order of message IDs, so the last one of an SA is what stays.
    succeeds[sa[wanted]] = np.isin(inner[first[wanted]], GRANTING) & (sizes[wanted] > SHORT_ANSWER)
    short[sa[wanted]] = sizes[wanted] <= LONG_ANSWER
    return succeeds, short


def _every(holds: Bools, begins: Ints) -> Bools:
    result: Bools = by_run(np.logical_and, holds, begins[:-1])
    return result


def _none(sas: Ints, count: int) -> Bools:
    result: Bools = counts(sas, count) == 0
    return result
