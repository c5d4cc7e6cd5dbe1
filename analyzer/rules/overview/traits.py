"""What can be seen of an IKE SA from outside, by which some differ from others: each a trait with a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.products import product_text
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Role


class Trait(NamedTuple):
    """One of them: ``name`` tells which values compare; ``plural`` is what clients with this value do."""

    name: str
    value: str
    plural: str


def traits(sa: IkeSa) -> Iterator[Trait]:
    """The traits of an IKE SA of IKEv2, as far as the trace shows them.

    Examples
    --------
    >>> import analyzer
    >>> (sa,) = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis.sas
    >>> [trait.plural for trait in traits(sa)][0]
    'announce IKE fragmentation (notify 16430)'
    """
    if sa.fragmentation_i != "unknown":
        does = "announce" if sa.fragmentation_i == "yes" else "do not announce"
        yield Trait("offered", sa.fragmentation_i, f"{does} IKE fragmentation (notify 16430)")
    # A responder announces it only to an initiator that does (RFC 7383 section 2.3).
    if sa.fragmentation_i == "yes" and sa.fragmentation_r != "unknown":
        how = "with" if sa.fragmentation_r == "yes" else "without"
        yield Trait("accepted", sa.fragmentation_r, f"are answered {how} IKE fragmentation (notify 16430)")
    if sent := largest(sa, "initiator"):
        yield Trait("request", _way(sent), f"send IKE_AUTH {_in(sent)}")
    if sent := largest(sa, "responder"):
        yield Trait("response", _way(sent), f"are answered {_in(sent)}")
    # Sizes and schedules of repeats are seen of large messages and of failures only: those would differ anyway.
    for guess in [g for g in sa.products["initiator"] if g.strength in ("vendor-id", "order")][:1]:
        yield Trait("product", guess.product, f"look like {product_text(guess.product)}")
    yield Trait("gateway", sa.responder, f"ask {sa.responder}")
    if sa.nat_i != "unknown":
        yield Trait("nat", sa.nat_i, "are behind a NAT" if sa.nat_i == "yes" else "are behind no NAT")
    if sa.proposals:
        yield Trait("proposals", " | ".join(sa.proposals), f"offer {sa.proposals[0]}")


def largest(sa: IkeSa, role: Role) -> Attempt | None:
    """The largest message of IKE_AUTH that a side sent."""
    found = [e.request if role == "initiator" else e.response for e in sa.of(numbers.IKE_AUTH)]
    return max((a for a in found if a is not None), key=lambda a: a.length, default=None)


def _way(sent: Attempt) -> str:
    return "skf" if sent.skf_total else "ip" if sent.is_ip_fragmented else "whole"


def _in(sent: Attempt) -> str:
    return {"skf": "in IKE fragments (SKF)", "ip": "in IP fragments", "whole": "in one packet"}[_way(sent)]
