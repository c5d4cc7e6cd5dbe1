"""What is known of one IKE SA, a line or two each: fragmentation, peers, NAT, side, MTU, and what IKE would cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.ike.registry import numbers
from analyzer.ike.registry.tables import ke_data_length
from analyzer.relate.inferred import nat
from analyzer.relate.inferred.cipher_suite import Algorithm, chosen_algorithms
from analyzer.relate.inferred.fragment_plan import FragmentPlan, plan_text
from analyzer.relate.inferred.mtu.path_mtu import Bounds
from analyzer.relate.inferred.products import ProductGuess, product_text
from analyzer.relate.inferred.weak_algorithms import has_ml_kem, has_no_room_for_key, weak
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange, Role
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


def weak_algorithms(sa: IkeSa) -> str:
    """Chosen algorithms that are weak or on their way out, a rekey without PFS, an offer of ML-KEM; often empty.

    Examples
    --------
    >>> import analyzer
    >>> (sa,) = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis.sas
    >>> weak_algorithms(sa)
    'MODP1024 (group 2) SHOULD NOT be used (RFC 8247)'
    """
    if sa.version != 2:
        return ""
    chosen = chosen_algorithms(sa.messages)
    told = [f"{', '.join(names)} {_be(status, names)}" for status, names in sorted(weak(chosen).items())]
    said = [f"{'; '.join(told)} (RFC 8247)"] if told else []
    if _lacks_pfs(sa, chosen):
        said.append("a Child SA was made without a new key exchange (no PFS), as far as sizes tell")
    if has_ml_kem(_offered(sa)):
        said.append("the client offers ML-KEM, a post-quantum key exchange")
    return "; ".join(said)


def _be(status: str, names: Sequence[str]) -> str:
    if "be used" in status:
        return status
    return f"is {status}" if len(names) == 1 else f"are {status.replace('its', 'their')}"


def _lacks_pfs(sa: IkeSa, chosen: Sequence[Algorithm]) -> bool:
    """A request for a Child SA was granted that has no room for a key of the IKE SA's group."""
    suite = sa.cipher_suite
    groups = [a.id for a in chosen if a.type == numbers.TRANSFORM_KE]
    key = ke_data_length(groups[0]) if len(groups) == 1 else None
    if suite is None or key is None:
        return False
    return any(
        exchange.request is not None
        and not exchange.request.skf_total
        and has_no_room_for_key(suite.content(exchange.request.length)[1], key)
        for exchange in sa.of(numbers.CREATE_CHILD_SA)
        if exchange.outcome == "answered" and _is_granted(exchange)
    )


def _is_granted(exchange: Exchange) -> bool:
    """A refusal is a Notify alone."""
    response = exchange.response
    return response is not None and response.inner_payload not in (None, numbers.N)


def _offered(sa: IkeSa) -> Iterator[Algorithm]:
    from analyzer.ike.payloads import SA

    first = next((m for m in sa.messages if m.exchange == numbers.IKE_SA_INIT and not m.is_response), None)
    for payload in first.ike.payloads if first is not None else ():
        if isinstance(payload, SA):
            for proposal in payload.proposals:
                yield from (Algorithm(t.type, t.id) for t in proposal.transforms)
