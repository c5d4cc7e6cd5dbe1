"""Which product each side may be: hints with their evidence, never an identity.

Sources: docs/domain/vendor-ids.md, docs/domain/retransmission.md.

What is known of products is data: ``vendor_ids.csv``, ``payload_orders.csv``, ``skf_sizes.csv`` and
``retransmit_schedules.csv`` in :mod:`analyzer.ike.registry`. A row that others share, or that nobody has checked
(``alone`` is "no"), only supports what another kind of hint says already. The vendor ID FRAGMENTATION (4048b7d5...)
names nobody: it is no RFC 7383 support, and more than one vendor sends it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from analyzer.ike.registry import VendorId, name, numbers, rows, vendor
from analyzer.printable import printable
from analyzer.protocol import IPV4_HEADER, IPV6_HEADER, NON_ESP_MARKER, UDP_HEADER
from analyzer.relate.inferred import retransmission_schedule
from analyzer.relate.seen.exchange import Exchange, Role
from analyzer.relate.seen.message import Message

#: What a hint rests on, the strongest first.
STRENGTHS = ("vendor-id", "order", "size", "schedule")
#: Messages of one side that are looked at, and payloads of each: an attacker may send any number.
_MOST_MESSAGES, _MOST_PAYLOADS = 40, 60
#: Limits count whole IP datagrams; a full fragment may be a cipher block shorter (docs/domain/ike-fragmentation.md).
_BLOCK = 16

_NAMES = {
    "windows-client": "a Windows client",
    "windows-rras": "a Windows server, such as RRAS or an Azure gateway",
    "strongswan": "strongSwan or a product built on it",
    "libreswan": "Libreswan",
    "openiked": "OpenIKED",
    "cisco-ios": "Cisco IOS",
    "cisco-asa": "Cisco ASA or AnyConnect",
    "fortigate": "a FortiGate",
    "juniper-srx": "a Juniper SRX",
    "check-point": "a Check Point gateway",
    "huawei": "a Huawei gateway",
    "sonicwall": "a SonicWall",
    "zyxel": "a Zyxel gateway",
    "apple": "an Apple client",
    "android": "Android's IKE library",
}


@dataclass(frozen=True, slots=True)
class ProductGuess:
    """A product that one side may be.

    Attributes
    ----------
    product : str
        Key of :mod:`analyzer.remedies`: ``windows-client``, ``strongswan``, ``fortigate`` and so on.
    strength : str
        ``vendor-id`` (it names itself), ``order`` (of payloads and notifies), ``size`` (of SKF fragments) or
        ``schedule`` (of retransmissions); the first is the strongest.
    evidence : str
        What it rests on, as a clause.
    """

    product: str
    strength: str
    evidence: str


@dataclass(frozen=True, slots=True)
class _Hint:
    guess: ProductGuess
    alone: bool


def product_guesses(messages: Sequence[Message], exchanges: Iterable[Exchange], role: Role) -> tuple[ProductGuess, ...]:
    """Products that one side may be, the best founded first.

    Of several products the one with the strongest kind of hint comes first; hints that contradict each other are all
    told.

    Parameters
    ----------
    messages : sequence of Message
        Of that side, in the order of capture.
    exchanges : iterable of Exchange
        Of the IKE SA: how that side repeats what it asks.
    role : Role
        Which side.
    """
    hints = [
        *_by_vendor_ids(messages, role),
        *_by_order(messages, role),
        *_by_size(messages, role),
        *_by_schedule(exchanges, role),
    ]
    told = [h.guess for h in hints if h.alone or _is_supported(h, hints)]
    return tuple(sorted(told, key=lambda g: STRENGTHS.index(g.strength)))


def _is_supported(hint: _Hint, hints: Sequence[_Hint]) -> bool:
    """Another kind of hint, good enough by itself, says the same."""
    return any(
        h.alone and h.guess.product == hint.guess.product and h.guess.strength != hint.guess.strength for h in hints
    )


def product_text(product: str) -> str:
    """What a product is called in a sentence; a key without a name stands for itself.

    >>> product_text("windows-client"), product_text("ike-box")
    ('a Windows client', 'ike-box')
    """
    return _NAMES.get(product, product)


def looks_like(found: Iterable[ProductGuess]) -> str:
    """One clause on what a side looks like, from the product_guesses at it; empty when nothing hints at a product.

    Examples
    --------
    >>> order = ProductGuess("libreswan", "order", "order of payloads")
    >>> looks_like([order, ProductGuess("libreswan", "size", "SKF fragments")])
    'looks like Libreswan (order of payloads, SKF fragments)'
    >>> looks_like([])
    ''
    """
    by_product: dict[str, list[str]] = {}
    for guess in found:
        by_product.setdefault(guess.product, []).append(guess.evidence)
    told = [f"{product_text(key)} ({', '.join(evidence)})" for key, evidence in list(by_product.items())[:2]]
    return f"looks like {', or '.join(told)}" if told else ""


# By vendor IDs


def _by_vendor_ids(messages: Sequence[Message], role: Role) -> Iterable[_Hint]:
    found: dict[bytes, VendorId] = {}
    for message in messages[:_MOST_MESSAGES]:
        kind = numbers.V if message.version == 2 else numbers.V1_VID
        for body in message.payload_bodies(kind)[:_MOST_PAYLOADS]:
            known = vendor(body)
            if known is not None and body not in found:
                found[body] = known
    named: dict[str, list[str]] = defaultdict(list)
    products = {body: known.initiator if role == "initiator" else known.responder for body, known in found.items()}
    single = {keys[0] for keys in products.values() if len(keys) == 1}
    for body, keys in products.items():
        # What several products send speaks for those of them that also name themselves.
        for key in [k for k in keys if k in single] or keys:
            named[key].append(_vendor_text(found[body]))
    for key, texts in sorted(named.items(), key=lambda item: -len(item[1])):
        more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
        yield _Hint(ProductGuess(key, "vendor-id", f"vendor ID {texts[0]}{more}"), alone=True)


def _vendor_text(known: VendorId) -> str:
    """Name and version as the bytes say it; of Windows the number only, which no build can be told from."""
    version = dict(known.extras).get("version")
    detail = f"version {version}" if version is not None else known.detail
    return printable(f"{known.name} {detail}".strip())


# By the order of payloads and notifies in IKE_SA_INIT


@cache
def _orders() -> tuple[tuple[str, str, re.Pattern[str], bool], ...]:
    """Product, ``request`` or ``response``, pattern, and whether it is a hint by itself."""
    return tuple(
        (row["product"], row["message"], _pattern(row["order"]), row["alone"] == "yes")
        for row in rows("payload_orders")
    )


def _pattern(order: str) -> re.Pattern[str]:
    """What ``[ ]`` holds may be missing.

    Examples
    --------
    >>> bool(_pattern("SA KE [V]").fullmatch("SA KE ")), bool(_pattern("SA KE [V]").fullmatch("SA KE N "))
    (True, False)
    """
    parts = re.findall(r"\[[^\]]+\]|\S+", order)
    return re.compile("".join(f"(?:{re.escape(p.strip('[]'))} )" + ("?" if p[0] == "[" else "") for p in parts))


def _order_of(message: Message) -> str:
    """Names of its payloads and notifies, each followed by a space; a COOKIE that was asked for is left out."""
    notifies = iter(message.notifies)
    words = []
    for payload in message.payloads:
        word = name("notify", next(notifies, 0)) if payload == numbers.N else name("payload", payload)
        if word != "COOKIE":
            words.append(word.replace(" ", "-"))
    return "".join(f"{word} " for word in words)


def _by_order(messages: Sequence[Message], role: Role) -> Iterable[_Hint]:
    seen: dict[str, None] = {}
    for m in messages[:_MOST_MESSAGES]:
        negotiates = m.version == 2 and m.exchange == numbers.IKE_SA_INIT and m.takes_part and m.clear_complete
        if negotiates and len(m.payloads) <= _MOST_PAYLOADS:
            seen.setdefault(_order_of(m))
    wanted = "request" if role == "initiator" else "response"
    said = {}
    for product, message, pattern, alone in _orders():
        if message == wanted and product not in said and any(pattern.fullmatch(order) for order in seen):
            said[product] = alone
    for product, alone in said.items():
        yield _Hint(ProductGuess(product, "order", f"order of payloads in its IKE_SA_INIT {wanted}"), alone=alone)


# By the size of SKF fragments


def _by_size(messages: Sequence[Message], role: Role) -> Iterable[_Hint]:
    """The limit that a sender cuts at shows in its full fragments: all but the last of a set (RFC 7383 2.5.1)."""
    full = [m for m in messages if 0 < m.skf_number < m.skf_total and not m.over_tcp]
    if not full:
        return
    largest = max(full, key=lambda m: m.length)
    ip_version = 6 if ":" in largest.src else 4
    octets = (
        (IPV6_HEADER if ip_version == 6 else IPV4_HEADER)
        + UDP_HEADER
        + (NON_ESP_MARKER if largest.nat_t else 0)
        + largest.length
    )
    for row in rows("skf_sizes"):
        limit = int(row["limit"])
        fits = row["role"] in ("", role) and int(row["ip_version"]) == ip_version
        if fits and limit - _BLOCK < octets <= limit:
            evidence = f"SKF fragments of {octets:,} bytes of IP, as a limit of {limit:,} makes them"
            yield _Hint(ProductGuess(row["product"], "size", evidence), alone=row["alone"] == "yes")


# By the schedule of retransmissions


def _by_schedule(exchanges: Iterable[Exchange], role: Role) -> Iterable[_Hint]:
    asked = [e for e in exchanges if e.sender == role and e.attempts > retransmission_schedule.FEWEST_GAPS]
    if not asked:
        return
    longest = max(asked, key=lambda e: e.attempts)
    seen = retransmission_schedule.retransmission_gaps(longest)
    said: set[str] = set()
    for found in retransmission_schedule.matching_schedules(seen):
        product = found.schedule.product
        if product not in said:
            said.add(product)
            waited = ", ".join(f"{gap:.1f}" for gap in seen)
            evidence = f"sent again after {waited} s, within {found.distance:.2f} s of {found.schedule.name}"
            yield _Hint(ProductGuess(product, "schedule", evidence), alone=found.schedule.alone)
