"""Why Windows dropped a packet: the reasons that its packet monitor records with event 170.

The numbers are those of the enumeration of drop reasons in the Windows Driver Kit; only what can happen to IKE on a
client or a server is worded here, every other reason is told by its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping

from analyzer.formats.etl.rows import Rows
from analyzer.formats.records import Note

#: So many different reasons are told.
MAX_TOLD = 5

REASONS = {
    1: "invalid data",
    2: "invalid packet",
    3: "out of resources",
    4: "not ready",
    5: "disconnected",
    6: "not accepted by this component",
    7: "busy",
    8: "filtered",
    9: "VLAN filtered",
    12: "failed security policy",
    14: "QoS",
    15: "IPsec",
    22: "invalid configuration",
    23: "larger than the MTU",
    33: "adapter disabled",
    34: "failed the packet filter",
    38: "low power",
    201: "adapter paused",
    202: "adapter reset",
    203: "sending was aborted",
    204: "protocol not bound",
    206: "invalid length",
    207: "out of memory",
    208: "frame too long",
    211: "CRC error",
    212: "bad frame checksum",
    217: "receive queue full",
    901: "bad source address",
    902: "not for this host",
    904: "no such port",
    906: "malformed IP header",
    907: "no route",
    909: "blocked by inspection (firewall or filter driver)",
    911: "administratively prohibited",
    912: "bad checksum",
    914: "hop limit exceeded",
    915: "address unreachable",
    919: "absorbed by inspection (firewall or filter driver)",
    920: "larger than the MTU, and not to be fragmented",
    922: "address resolution timed out",
    923: "address resolution failed",
    924: "IPsec failure",
    945: "administratively configured",
    949: "queue full",
    950: "interface disabled",
    1203: "bad UDP or TCP checksum",
    1204: "no endpoint listens there",
    1207: "blocked by inspection on receipt (firewall)",
    1401: "unknown IPsec SPI",
    1402: "IPsec SA expired",
    1404: "IPsec replay check failed",
    1406: "IPsec integrity check failed",
    1407: "IPsec policy forbids it in clear text",
    1408: "IPsec authenticated firewall",
    1409: "IPsec throttling",
}


def reason(number: int) -> str:
    """A reason in words, with its number.

    Examples
    --------
    >>> reason(23), reason(4711)
    ('larger than the MTU (reason 23)', 'reason 4711')
    """
    words = REASONS.get(number)
    return f"{words} (reason {number})" if words else f"reason {number}"


def drops_note(drops: Rows, names: Mapping[Hashable, tuple[str, str]]) -> Note:
    """What the host says about the packets that it dropped.

    Parameters
    ----------
    drops : Rows
        The packets that it dropped, at least one.
    names : mapping
        Name and description of each component, made safe for printing; its keys are ``("pktmon", number)``.
    """
    counts = Counter(zip(drops["reason"].tolist(), drops["source"].tolist(), strict=True))
    told = []
    for (number, component), count in counts.most_common(MAX_TOLD):
        place = " / ".join(filter(None, names.get(("pktmon", component), ()))) or f"component {component}"
        told.append(f"{count:,} at {place}: {reason(number)}")
    more = f"; {len(counts) - MAX_TOLD} further reasons or places" if len(counts) > MAX_TOLD else ""
    packets = "1 packet" if len(drops) == 1 else f"{len(drops):,} packets"
    return Note("host-dropped-packet", f"the host recorded that it dropped {packets} itself ({'; '.join(told)}{more})")
