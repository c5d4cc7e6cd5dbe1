"""Which IKE SA an ESP flow is of, though ESP names none."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict

import numpy as np

from analyzer.columns import Bools, Ints, repeated
from analyzer.ike.message_columns import FLAG_RESPONSE
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Wire
from analyzer.packets.tables import EspFlow
from analyzer.relate.seen.host_pair import Ends, HostPair, ends, host_pair


def esp_flows_by_sa(wire: Wire, rows: Ints, begins: Ints) -> dict[int, list[EspFlow]]:
    """Give each ESP flow to the IKE SA that made it: the last one that had answered IKE_AUTH when it began.

    That is looked for between the same addresses and ports (two clients behind one NAT differ in the port only), then
    between the same addresses. Where no answer is in the trace, the last one that had sent IKE_AUTH, or begun, has it.
    """
    found: dict[int, list[EspFlow]] = defaultdict(list)
    if not wire.flows or not len(rows):
        return found
    m = wire.messages
    number = repeated(np.arange(len(begins) - 1), np.diff(begins))
    auth = m.exchange[rows] == numbers.IKE_AUTH
    answers = auth & ((m.flags[rows] & FLAG_RESPONSE) != 0)
    first = np.zeros(len(rows), dtype=np.bool_)
    first[begins[:-1]] = True
    # The surest way to find the owner comes first; each is a list of (time, SA) by ends or by addresses.
    ways: list[tuple[Bools, bool, dict[Ends | HostPair, list[tuple[int, int]]]]] = [
        (answers, True, defaultdict(list)),
        (auth, True, defaultdict(list)),
        (answers, False, defaultdict(list)),
        (first, False, defaultdict(list)),
    ]
    for chosen, by_ends, moments in ways:
        for i in np.flatnonzero(chosen).tolist():
            row = int(rows[i])
            src, dst = int(m.src[row]), int(m.dst[row])
            key = ends(src, dst, int(m.sport[row]), int(m.dport[row])) if by_ends else host_pair(src, dst)
            moments[key].append((int(m.time[row]), int(number[i])))
        for times in moments.values():
            times.sort()
    for flow in wire.flows:
        for _, by_ends, moments in ways:
            key = ends(flow.src, flow.dst, flow.sport, flow.dport) if by_ends else host_pair(flow.src, flow.dst)
            times = moments.get(key, [])
            at = bisect_right(times, (flow.first, len(begins)))
            if at:
                found[times[at - 1][1]].append(flow)
                break
    return found
