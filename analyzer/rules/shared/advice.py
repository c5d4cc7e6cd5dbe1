"""Remedies for a finding, chosen by what the sides announced and by which products they may be.

A finding names two or three remedies, not the whole list of a topic: that of the product which a side may be, where the
trace hints at one, and the general one, because a hint is no identity.
"""

from __future__ import annotations

from typing import Final, Literal

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Role
from analyzer.remedies import catalogue, for_topic

Hand = Literal["client", "server"]

#: Whose hands a role stands for: the initiator is the client, the responder the gateway.
_HANDS: Final[tuple[tuple[Role, Hand], ...]] = (("initiator", "client"), ("responder", "server"))


def advise(topic: str, sa: IkeSa, side: Hand | None = None) -> tuple[str, ...]:
    """Remedies for a topic: those of the products that the sides may be, then the general one.

    Parameters
    ----------
    topic : str
        Key of :func:`analyzer.remedies.topics`.
    sa : IkeSa
        Whose sides are meant.
    side : str, optional
        Only what this side can do.
    """
    return (*_of_guessed_products(topic, sa, side), topic)


def _of_guessed_products(topic: str, sa: IkeSa, side: Hand | None) -> tuple[str, ...]:
    """At most one remedy per side: that of its likeliest product for which there is one."""
    found: list[str] = []
    for role, hand in _HANDS:
        if side in (None, hand):
            products = sa.product_keys(role)
            keys = for_topic(topic, products=products, side=hand)
            found.extend([key for key in keys if catalogue()[key].product in products][:1])
    return tuple(dict.fromkeys(found))


def enable_on_client(sa: IkeSa) -> tuple[str, ...]:
    """How the client comes to offer RFC 7383; Windows is the client that most traces are about."""
    return _of_guessed_products("enable-ike-fragmentation", sa, "client") or ("windows-client-fragmentation",)


def enable_on_server(sa: IkeSa) -> tuple[str, ...]:
    """How the gateway comes to accept RFC 7383; RRAS is the one that is shipped with it off."""
    guessed = _of_guessed_products("enable-ike-fragmentation", sa, "server") or ("rras-fragmentation",)
    return (*guessed, "gateway-fragmentation")


def against_ip_fragments(sa: IkeSa, shrink: str) -> tuple[str, ...]:
    """What helps where IP fragments are lost: first RFC 7383 on the side that is not known to have it.

    Parameters
    ----------
    sa : IkeSa
        Whose announcements count.
    shrink : str
        The remedy that makes the message in question smaller.
    """
    on_client = enable_on_client(sa) if sa.fragmentation_i != "yes" else ()
    on_server = enable_on_server(sa) if sa.fragmentation_r != "yes" else ()
    return (*on_client, *on_server, shrink, "permit-ip-fragments", "not-interface-mtu")
