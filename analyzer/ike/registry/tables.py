"""Registries of numbers: exchange, payload and notify types, transforms, groups, methods (docs/domain/numbers.md)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from analyzer.errors import UsageError

#: Registries that :func:`name` and :func:`number` know. Where IKEv1 and IKEv2 differ, rows carry a version.
REGISTRIES = (
    "auth_method",
    "cert_encoding",
    "encr",
    "exchange",
    "hash",
    "id_type",
    "integ",
    "ke",
    "notify",
    "payload",
    "prf",
    "protocol",
    "sn",
    "transform",
)

#: Tables of what products do, beside the registries of numbers.
PRODUCT_TABLES = ("payload_orders", "retransmit_schedules", "skf_sizes", "vendor_ids")


@cache
def rows(registry: str) -> tuple[dict[str, str], ...]:
    """Rows of a registry's CSV file, in its order; each is a dict from column to text.

    Raises
    ------
    UsageError
        There is no such registry.

    Examples
    --------
    >>> rows("notify")[-1]["source"]
    '3GPP TS 24.302'
    """
    if registry not in (*REGISTRIES, *PRODUCT_TABLES):
        raise UsageError(f"unknown registry {registry!r}; known are {', '.join(REGISTRIES)}")
    # Late: importlib.resources costs more than all of this package, and many runs need no name.
    from importlib.resources import files

    text = files(__package__).joinpath(f"{registry}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def names(registry: str, version: int = 2) -> Mapping[int, str]:
    """Every number of a registry with its name.

    Examples
    --------
    >>> names("exchange")[34], names("exchange", version=1)[2]
    ('IKE_SA_INIT', 'Identity Protection')
    """
    of_version = (row for row in rows(registry) if row.get("version", str(version)) == str(version))
    return MappingProxyType({int(row["number"]): row["name"] for row in of_version})


def name(registry: str, number: int, version: int = 2) -> str:
    """Spelling of the RFC for a number; an unknown one survives as ``<registry> <number>``.

    Parameters
    ----------
    registry : str
        One of ``REGISTRIES``.
    number : int
        Number on the wire.
    version : int
        Major version of IKE, 1 or 2; matters to exchange, payload and notify types.

    Examples
    --------
    >>> name("notify", 16430), name("notify", 40999), name("notify", 14, version=1)
    ('IKEV2_FRAGMENTATION_SUPPORTED', 'notify 40999', 'NO-PROPOSAL-CHOSEN')
    """
    return names(registry, version).get(number) or f"{registry.replace('_', ' ')} {number}"


@cache
def _numbers(registry: str, version: int) -> Mapping[str, int]:
    return {text: value for value, text in names(registry, version).items()}


def number(registry: str, name: str, version: int = 2) -> int:
    """Number of a name; the inverse of :func:`name`, also for the text that it gives to unknown numbers.

    Raises
    ------
    UsageError
        The registry has no such name.

    Examples
    --------
    >>> number("notify", "COOKIE"), number("notify", "notify 40999")
    (16390, 40999)
    """
    known = _numbers(registry, version)
    if name in known:
        return known[name]
    label, _, digits = name.rpartition(" ")
    if label == registry.replace("_", " ") and digits.isascii() and digits.isdigit():
        return int(digits)
    raise UsageError(f"unknown {registry.replace('_', ' ')} {name!r}")


def ke_data_length(group: int, response: bool = False) -> int | None:
    """Bytes of key exchange data that a group needs in a KE payload; None when not known.

    ML-KEM sends an encapsulation key in the request and a ciphertext, of another length, in the response.

    Examples
    --------
    >>> ke_data_length(14), ke_data_length(36), ke_data_length(36, response=True), ke_data_length(4711)
    (256, 1184, 1088, None)
    """
    return _ke_data_lengths(response).get(group)


@cache
def _ke_data_lengths(response: bool) -> Mapping[int, int]:
    column = "response_length" if response else "request_length"
    return {int(row["number"]): int(row[column]) for row in rows("ke") if row[column]}
