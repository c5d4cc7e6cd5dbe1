"""What all failing clients have in common and no healthy one has, where that separates them cleanly."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from analyzer.relate.build import Related
from analyzer.relate.sa import IkeSa
from analyzer.rules.overview.traits import Trait, largest, traits

#: Clients looked at on each side; of more, evenly chosen ones.
MOST_CLIENTS = 150
#: So few tell nothing.
_LEAST_HEALTHY, _LEAST_OF_PLACE = 2, 2
#: Traits named, the most telling first.
_NAMED = 3
#: Prefix lengths of networks that are named, by IP version.
_PREFIXES = {4: (24, 16, 8), 6: (64, 56, 48, 32)}


def contrast(related: Related, failing: Sequence[int], healthy: Sequence[int]) -> tuple[str, ...]:
    """What sets one IKE SA of each failing client apart from one of each healthy client, as clauses in the plural.

    Parameters
    ----------
    related : Related
        The capture.
    failing, healthy : sequence of int
        IKE SAs, by index.
    """
    if not failing or len(healthy) < _LEAST_HEALTHY:
        return ()
    bad, good = _chosen(related, failing), _chosen(related, healthy)
    found = [trait.plural for trait in _shared(bad) if _is_foreign(trait, good)]
    if not any("IP fragments" in clause for clause in found):
        found += _sizes(bad, good)
    if len(bad) >= _LEAST_OF_PLACE:
        found += _network([sa.initiator for sa in bad], [sa.initiator for sa in good])
    return tuple(found[:_NAMED])


def _chosen(related: Related, indices: Sequence[int]) -> list[IkeSa]:
    step = -(-len(indices) // MOST_CLIENTS)
    return [related.sas[index] for index in indices[::step]]


def _shared(sas: Sequence[IkeSa]) -> list[Trait]:
    """Traits that all of them have, in the order of the first one's."""
    first, *others = [list(traits(sa)) for sa in sas]
    common = set(first).intersection(*others)
    many = len(sas) >= _LEAST_OF_PLACE
    return [trait for trait in first if trait in common and (many or trait.name != "gateway")]


def _is_foreign(trait: Trait, sas: Sequence[IkeSa]) -> bool:
    """All of them show this trait too, and each has another value."""
    values = [{other.value for other in traits(sa) if other.name == trait.name} for sa in sas]
    return all(values) and not any(trait.value in of_sa for of_sa in values)


def _sizes(bad: Sequence[IkeSa], good: Sequence[IkeSa]) -> list[str]:
    """All messages of one side are larger than each of the healthy clients'."""
    found = []
    for role, what in (("initiator", "send IKE_AUTH"), ("responder", "are sent IKE_AUTH")):
        large = [sent.length if (sent := largest(sa, role)) else None for sa in bad]  # type: ignore[arg-type]
        small = [sent.length if (sent := largest(sa, role)) else None for sa in good]  # type: ignore[arg-type]
        known_large, known_small = [n for n in large if n is not None], [n for n in small if n is not None]
        if len(known_large) < len(large) or len(known_small) < len(small):
            continue
        if min(known_large) > _LARGER * max(known_small):
            found.append(f"{what} of {min(known_large):,} bytes or more (healthy: {max(known_small):,} at most)")
    return found


#: A difference of a few bytes is that of a name.
_LARGER = 1.2


def _network(bad: Sequence[str], good: Sequence[str]) -> list[str]:
    """The smallest network that holds all of some addresses and none of the others."""
    addresses, others = [ip_address(a) for a in bad], [ip_address(a) for a in good]
    if len({a.version for a in addresses}) != 1:
        return []
    if len(set(addresses)) == 1:
        return [] if addresses[0] in others else [f"come from {addresses[0]}"]
    for prefix in _PREFIXES[addresses[0].version]:
        network = ip_network(f"{addresses[0]}/{prefix}", strict=False)
        if all(a in network for a in addresses):
            return [] if any(a in network for a in others) else [f"come from {network}"]
    return []
