"""Which other hosts each address is seen to talk with beside IKE."""

from __future__ import annotations

from analyzer.ike.tables import Wire

#: Partners kept of an address: one besides the other end of an IKE SA is enough.
_FEW = 3


def partners(wire: Wire) -> dict[str, frozenset[str]]:
    """Hosts with which each address is seen to talk beside IKE, a few for each.

    Parameters
    ----------
    wire : Wire
        Its pings, TCP handshakes and DNS responses are looked at.
    """
    found: dict[str, set[str]] = {}
    talks = [(r.src, r.dst) for r in wire.echoes]
    talks += [(r.src, r.dst) for r in wire.handshakes]
    talks += [(r.client, r.server) for r in wire.names]
    for a, b in talks:
        for one, other in ((a, b), (b, a)):
            known = found.setdefault(one, set())
            if len(known) < _FEW:
                known.add(other)
    return {address: frozenset(known) for address, known in found.items()}
