"""How a product is told a limit for IKE fragments, in a clause (``limits.toml``)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from analyzer.remedies import products


@dataclass(frozen=True, slots=True)
class Limit:
    """The setting of one product.

    Attributes
    ----------
    words : str
        As the product wants it, with ``{}`` for the number.
    where : str
        Where it stands, as a clause; empty where the words say it.
    packet : bool
        The number means the whole IP packet; else no source says what it means.
    least : int
        What the product takes at the least, bytes.
    """

    words: str
    where: str = ""
    packet: bool = False
    least: int = 0


@cache
def limits() -> dict[str, Limit]:
    """Settings by product; products without a known setting are left out.

    Examples
    --------
    >>> limits()["fortigate"].words
    'set fragmentation-mtu {}'
    """
    written = tomllib.loads((files("analyzer.remedies") / "limits.toml").read_text(encoding="utf-8"))
    return {product: Limit(**entry) for product, entry in written.items()}


def limit_text(product: str, *, packet: int, message: int) -> str:
    """What to configure, as a clause; empty where no setting is known.

    Parameters
    ----------
    product : str
        Key of :func:`analyzer.remedies.products`.
    packet, message : int
        Largest IP packet, and the IKE message in it, bytes.

    Examples
    --------
    >>> limit_text("strongswan", packet=1280, message=1248)
    'strongSwan, in the section charon of strongswan.conf: fragment_size = 1280'
    >>> limit_text("cisco-ios", packet=1280, message=1248)
    'Cisco IOS and IOS-XE: crypto ikev2 fragmentation mtu 1248'
    >>> limit_text("windows-client", packet=1280, message=1248)
    ''
    """
    limit = limits().get(product)
    if limit is None:
        return ""
    number = max(packet if limit.packet else message, limit.least)
    where = f", {limit.where}" if limit.where else ""
    return f"{products()[product]}{where}: {limit.words.format(number)}"
