"""The tunnel is up, and its traffic goes one way only.

What it means
    IKE works and ESP does not come back: a firewall passes UDP 500 and 4500 one way or blocks IP protocol 50, or the
    network behind the gateway has no way back.
Seen as
    An established IKE SA with ESP packets of one side over some seconds and none at all of the other: native, or in UDP
    between the IKE SA's own ports, each SPI more than once.
Not to be confused with
    A tunnel in which one side has nothing to say: a few packets prove nothing. A capture of one direction: here IKE is
    seen both ways. A path that died: then IKE is not answered either (EST003). Traffic that stopped in one direction
    after it had gone both ways.
Certain when
    Never: it rests on an absence. Probable with many packets over some time.
References
    docs/domain/root-causes.md no. 28; RFC 7296 section 2.23; RFC 3948.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.packets.tables import EspFlow
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.host_pair import ends
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.wording import frames, init_frames

#: Packets, and seconds from the first to the last, from which it is possible, and from which it is probable.
_FEW, _BRIEF = 3, 0.5
_MANY, _LONG = 15, 5.0
#: A capture may hold a packet twice; an SPI that comes again after more than this, ns, is one that is used.
_COPIES = 100_000_000


def check(sa: IkeSa) -> Iterator[Observation]:
    """ESP by direction."""
    if not sa.flows or sa.reached not in ("established", "closed") or sa.unanswered:
        return
    if len({m.is_initiator for m in sa.messages}) < 2:
        return
    flows = _own(sa)
    if len({flow.src for flow in flows}) != 1:
        return
    flows = [flow for flow in flows if flow.last - flow.first > _COPIES]
    packets = sum(flow.packets for flow in flows)
    seconds = (max(f.last for f in flows) - min(f.first for f in flows)) / 1e9 if flows else 0.0
    if packets < _FEW or seconds < _BRIEF:
        return
    by_client = flows[0].src not in {m.address_numbers[0] for m in sa.sent_by("responder")}
    speaker, other = ("client", "server") if by_client else ("server", "client")
    native = all(flow.sport == 0 for flow in flows)
    carrier = "IP protocol 50" if native else "UDP"
    facts = sa.capture
    sound = not (facts.lost_packets or facts.damaged or facts.cut)
    enough = packets >= _MANY and seconds >= _LONG and sound
    yield Observation(
        title=(
            f"The connection is established, but ESP goes one way only: {packets:,} packets of the {speaker} in "
            f"{seconds:.0f} s ({carrier}), none of the {other}."
        ),
        detail=(
            f"IKE itself is answered both ways. Either the {other}'s ESP is lost on its way here, or the {other} does "
            "not get or has nothing to send back (routing, policy or firewall behind it). "
            + ("A firewall or NAT that does not know IP protocol 50 drops it; " if native else "")
            + f"A trace at the {other} tells which."
        ),
        frames=frames(init_frames(sa), (f for flow in flows for f in (flow.first_frame, flow.last_frame))),
        confidence=Confidence.PROBABLE if enough else Confidence.POSSIBLE,
        remedies=advise("force-udp-encapsulation", sa),
    )


def _own(sa: IkeSa) -> list[EspFlow]:
    """Its ESP: native, or in UDP between the ports of its own messages; what uses others is of another IKE SA."""
    own = {ends(*m.address_numbers, m.sport, m.dport) for m in sa.messages}
    return [f for f in sa.flows if f.spi and (not f.sport or ends(f.src, f.dst, f.sport, f.dport) in own)]


RULE = Rule(
    code="EST002",
    severity=Severity.DEGRADING,
    check=check,
    ceiling=Confidence.PROBABLE,
    topics=("force-udp-encapsulation",),
)
