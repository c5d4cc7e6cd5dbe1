"""Remedies that several rules give, chosen by what the sides announced."""

from __future__ import annotations

from analyzer.relate.sa import IkeSa


def against_ip_fragments(sa: IkeSa, shrink: str) -> tuple[str, ...]:
    """What helps where IP fragments are lost: first RFC 7383 on the side that is not known to have it.

    Parameters
    ----------
    sa : IkeSa
        Whose announcements count.
    shrink : str
        The remedy that makes the message in question smaller.
    """
    enable: tuple[str, ...] = ()
    if sa.fragmentation_i != "yes":
        enable += ("windows-client-fragmentation",)
    if sa.fragmentation_r != "yes":
        enable += ("rras-fragmentation", "gateway-fragmentation")
    return (*enable, shrink, "permit-ip-fragments", "not-interface-mtu")
