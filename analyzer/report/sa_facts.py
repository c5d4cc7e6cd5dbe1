"""What is known of one IKE SA, a line or two each: fragmentation, peers, NAT, side, MTU, and what IKE would cut."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred import nat
from analyzer.relate.inferred.fragment_plan import FragmentPlan, plan_text
from analyzer.relate.inferred.mtu.path_mtu import Bounds
from analyzer.relate.inferred.products import ProductGuess, product_text
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Role
from analyzer.remedies.limits import limit_text

_SIDES = {"initiator": "at the client", "responder": "at the server", "middle": "between the two"}
_ROLES: tuple[tuple[Role, str], ...] = (("initiator", "client"), ("responder", "server"))
#: What a guess rests on, in a word; of a vendor ID the name is told too. The JSON report has it all.
_RESTS_ON = {"order": "order of payloads", "size": "size of SKF fragments", "schedule": "times of its repeats"}
_MOST_PRODUCTS, _MOST_CLAUSES = 2, 2
_WAYS: dict[Role, str] = {"initiator": "client > server", "responder": "server > client"}


def facts(sa: IkeSa, *, plans: bool = True) -> Iterator[str]:
    """Clauses for the report, most telling first; each is one paragraph.

    Parameters
    ----------
    sa : IkeSa
        IKEv1 is recognised only: of it there is nothing to tell.
    plans : bool
        Also what IKE fragmentation would have sent; a connection that stands needs no plan.

    Yields
    ------
    str
        Text from the capture in it is escaped.

    Examples
    --------
    >>> import analyzer
    >>> (sa,) = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis.sas
    >>> next(facts(sa))
    'IKE fragmentation: client yes, server no'
    """
    if sa.version != 2:
        return
    inferred = sa.fragmentation_i == sa.fragmentation_r == "yes" and not sa.offers_are_seen
    how = " (inferred: IKE fragments are used)" if inferred else ""
    yield f"IKE fragmentation: client {sa.fragmentation_i}, server {sa.fragmentation_r}{how}"
    yield from _peers(sa)
    yield f"NAT: {nat.nat_text(sa.nat)}"
    if sa.side != "unknown":
        yield f"Trace taken {_SIDES[sa.side]}: {'; '.join(sa.side_evidence.split('; ')[:_MOST_CLAUSES])}"
    for role, way in _WAYS.items():
        bounds = sa.path_mtu[role]
        if bounds.evidence:
            yield f"MTU {way}: {_range(bounds)} ({bounds.evidence})"
    for plan in sa.fragment_plans if plans else ():
        yield f"What if: {plan_text(plan)}{_settings(sa, plan)}"


def _peers(sa: IkeSa) -> Iterator[str]:
    for role, who in _ROLES:
        by_product: dict[str, list[ProductGuess]] = {}
        for guess in sa.products[role]:
            by_product.setdefault(guess.product, []).append(guess)
        told = [
            f"{product_text(product)} ({', '.join(_RESTS_ON.get(g.strength, g.evidence) for g in guesses)})"
            for product, guesses in list(by_product.items())[:_MOST_PRODUCTS]
        ]
        if told:
            yield f"The {who} looks like {', or '.join(told)}"


def _settings(sa: IkeSa, plan: FragmentPlan) -> str:
    """How the sender's product takes the limit, where a hint says which it is."""
    if not plan.helps:
        return ""
    sender: Role = "responder" if plan.is_response else "initiator"
    message = plan.safe_size - (plan.largest_packet - plan.fragment_length)
    found = [limit_text(product, packet=plan.safe_size, message=message) for product in sa.product_keys(sender)]
    return "".join(f" {text}." for text in found if text)


def _range(bounds: Bounds) -> str:
    """
    >>> _range(Bounds(1460, 1467)), _range(Bounds(None, 1300)), _range(Bounds(1400, 1400)), _range(Bounds(1280, None))
    ('1,460..1,467', 'at most 1,300', '1,400', 'at least 1,280')
    """
    lower, upper = bounds.lower, bounds.upper
    if lower is None or upper is None:
        return f"at most {upper:,}" if upper is not None else f"at least {lower:,}" if lower is not None else "unknown"
    return f"{upper:,}" if lower == upper else f"{lower:,}..{upper:,}"
