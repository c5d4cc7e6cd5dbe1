"""What speaks against a success that the answer to IKE_AUTH has the shape of: clients that drop it and dial again.

Some clients drop what they cannot use without a word (docs/domain/encrypted-messages.md no. 7).
"""

from __future__ import annotations

from analyzer.relate.inferred.progress import REPEATS_WITHIN
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt
from analyzer.relate.seen.neighbours import MANY_ATTEMPTS, Neighbour

#: Seconds within which a client that begins anew repeats the attempt; likewise from the attempt before to this one.
_ANEW, _AT_ONCE = 60.0, 10.0
#: Seconds after which the first of all known clients asks again (docs/domain/retransmission.md): who begins anew sooner
#: had its answer, and so had who begins anew so late that any would have asked again.
_SOONEST = 0.5
#: Larger packets may be lost for their size on some path (IPv6's minimum MTU).
_SMALL = 1280


def begun_anew(sa: IkeSa) -> str:
    """That the client drops what was granted and dials again, as a clause; empty where it does not."""
    if not _looks_granted(sa):
        return ""
    _, later = _attempts_around(sa)
    gap = (later[0].start - sa.end) / 1e9 if later else _ANEW + 1
    if gap > _ANEW or (_may_be_lost(sa) and _SOONEST < gap < REPEATS_WITHIN):
        return ""
    return f"the client said nothing more on it and began anew {gap:.3f} s later"


def repeats_another(sa: IkeSa) -> str:
    """That it repeats an attempt that had been granted as well, as a clause; empty where it does not."""
    if not _looks_granted(sa):
        return ""
    earlier, _ = _attempts_around(sa)
    left = [n.end for n in earlier if n.auth_answered]
    if left and (gap := (sa.start - max(left)) / 1e9) <= _AT_ONCE:
        return f"it repeats one that was answered as well and left {gap:.3f} s before, and nothing follows it"
    return ""


def _attempts_around(sa: IkeSa) -> tuple[list[Neighbour], list[Neighbour]]:
    """Attempts of the same client at the same server, before and after; none where they tell nothing of each other."""
    same_server = [n for n in sa.neighbours if n.responder == sa.responder]
    first = sa.messages[0]
    port = first.sport if first.is_initiator else first.dport
    same_client = [n for n in same_server if (n.initiator, n.initiator_port) == (sa.initiator, port)]
    earlier, later = [n for n in same_client if n.end < sa.start], [n for n in same_client if n.start > sa.end]
    # Several connections that one client makes side by side are no repeats.
    if len(same_server) > MANY_ATTEMPTS or len(earlier) + len(later) < len(same_client):
        return [], []
    return earlier, later


def may_not_have_arrived(sa: IkeSa) -> str:
    """Why the client may lack the answer that is seen to leave the server, as a clause; empty where it has it.

    At the server a large answer is only seen to leave; a client that lacks it asks again, a little later.
    """
    if not _looks_granted(sa) or not (large := _may_be_lost(sa)):
        return ""
    waited = (sa.capture.last - large[-1].time) / 1e9
    if waited >= REPEATS_WITHIN:
        return ""
    return (
        f"the trace, taken at the server, ends {waited:.1f} s after the answer left, before a client that lacks it "
        "would ask again"
    )


def _may_be_lost(sa: IkeSa) -> list[Attempt]:
    """Large answers that are only seen to leave the server."""
    if sa.side != "responder":
        return []
    return [
        a
        for e in sa.authentication.rounds[-1:]
        for a in e.responses
        if a.is_ip_fragmented or a.skf_total or a.largest_ip_packet > _SMALL
    ]


def _looks_granted(sa: IkeSa) -> bool:
    """The shape of success, and nothing after it."""
    used = sa.authentication.later or sa.esp_i_to_r or sa.esp_r_to_i
    return sa.reached == "established" and bool(sa.authentication.rounds) and not used
