"""What a Vendor ID payload says of its sender: a weak hint of product or capability (docs/domain/vendor-ids.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from struct import unpack_from

from analyzer.ike.registry.tables import rows

#: Version number after the hash of "MS NT5 ISAKMPOAKLEY" (libreswan, ike-scan). 11 and Server 2019 on are assumed.
_WINDOWS = {
    2: "Windows 2000",
    3: "Windows XP",
    4: "Windows Server 2003 or XP SP2",
    5: "Windows Vista",
    6: "Windows Server 2008",
    7: "Windows 7",
    8: "Windows Server 2008 R2",
    9: "Windows 8, 8.1, 10, Server 2012 R2, 2016 or later",
    16: "Windows Server 2012",
}
_KEY_MODS = {0: "IKE", 1: "AuthIP", 2: "IKEv2"}


@dataclass(frozen=True, slots=True)
class VendorId:
    """A vendor ID that the registry knows.

    Attributes
    ----------
    name : str
        What it is called.
    product : str
        Product that sends it, empty when several do.
    text : str
        Text that it is, or is a hash of; empty when nobody knows.
    detail : str
        What the bytes after the known ones say, for a person; empty when there are none. Bytes of a capture in it are
        shown as printable ASCII only.
    extras : tuple of (str, int)
        The same as numbers: ``version`` (Microsoft, Check Point ...), ``release`` and ``build`` (FortiGate) ...
    initiator, responder : tuples of str
        Products of :mod:`analyzer.remedies` that send it as initiator and as responder; empty when it names none.
    """

    name: str
    product: str
    text: str
    detail: str = ""
    extras: tuple[tuple[str, int], ...] = ()
    initiator: tuple[str, ...] = ()
    responder: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    known: VendorId
    exact: bool
    length: int | None
    extra: str

    def fits(self, length_known: int, length: int) -> bool:
        return length == length_known if self.exact else self.length in (None, length)


@cache
def _table() -> dict[int, dict[bytes, _Row]]:
    """Rows by the length of their known bytes, longest first, so that the longest match is the first."""
    table: dict[int, dict[bytes, _Row]] = {}
    for row in rows("vendor_ids"):
        known = VendorId(
            row["name"],
            row["product"],
            row["text"].replace("\\n", "\n"),
            initiator=tuple(row["initiator"].split()),
            responder=tuple(row["responder"].split()),
        )
        length = int(row["length"]) if row["length"] else None
        key = bytes.fromhex(row["bytes"])
        table.setdefault(len(key), {})[key] = _Row(known, row["match"] == "exact", length, row["extra"])
    return dict(sorted(table.items(), reverse=True))


def vendor(vendor_id: bytes) -> VendorId | None:
    """Look up the data of a Vendor ID payload; the longest known prefix wins, None when there is none.

    Examples
    --------
    >>> vendor(bytes.fromhex("1e2b516905991c7d7c96fcbfb587e46100000009")).detail
    'version 9 (Windows 8, 8.1, 10, Server 2012 R2, 2016 or later)'
    >>> vendor(bytes.fromhex("8299031757a36082c6a621de00040187")).extras
    (('release', 4), ('build', 391))
    >>> vendor(b"nobody knows me") is None
    True
    """
    for length, table in _table().items():
        row = table.get(vendor_id[:length])
        if row is not None and row.fits(length, len(vendor_id)):
            return _with_extras(row, vendor_id[length:])
    return None


def _with_extras(row: _Row, rest: bytes) -> VendorId:
    known, decode = row.known, _EXTRAS.get(row.extra)
    if decode is None or not rest:
        return known
    detail, extras = decode(rest)
    return replace(known, detail=detail, extras=extras)


_Extras = tuple[str, tuple[tuple[str, int], ...]]
_NONE: _Extras = ("", ())


def _microsoft(rest: bytes) -> _Extras:
    if len(rest) < 4:
        return _NONE
    (version,) = unpack_from(">I", rest)
    product = f" ({_WINDOWS[version]})" if version in _WINDOWS else ""
    return f"version {version}{product}", (("version", version),)


def _key_mods(rest: bytes) -> _Extras:
    if len(rest) < 4:
        return _NONE
    (number,) = unpack_from(">I", rest)
    return _KEY_MODS.get(number, f"number {number}"), (("number", number),)


def _number(rest: bytes) -> _Extras:
    if len(rest) < 4:
        return _NONE
    (number,) = unpack_from(">I", rest)
    return f"number {number}", (("number", number),)


def _major_minor(rest: bytes) -> _Extras:
    if len(rest) < 2:
        return _NONE
    return f"version {rest[0]}.{rest[1]}", (("major", rest[0]), ("minor", rest[1]))


def _fortigate(rest: bytes) -> _Extras:
    if len(rest) < 4:
        return _NONE
    release, build = unpack_from(">HH", rest)
    return f"release {release}, build {build}", (("release", release), ("build", build))


def _checkpoint(rest: bytes) -> _Extras:
    if len(rest) < 20:
        return _NONE
    product, version, timestamp, _, features = unpack_from(">5I", rest)
    values = (("product", product), ("version", version), ("timestamp", timestamp), ("features", features))
    return f"product {product}, version {version}", values


def _netscreen(rest: bytes) -> _Extras:
    if len(rest) < 8:
        return _NONE
    (version,) = unpack_from(">I", rest, 4)
    return f"ScreenOS version 0x{version:08x}", (("version", version),)


def _capabilities(rest: bytes) -> _Extras:
    if len(rest) < 4:
        return _NONE
    (bits,) = unpack_from(">I", rest)
    return f"capabilities 0x{bits:08x}", (("capabilities", bits),)


def _ascii(rest: bytes) -> _Extras:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in rest[:64]), ()


_EXTRAS: dict[str, Callable[[bytes], _Extras]] = {
    "ascii": _ascii,
    "capabilities": _capabilities,
    "checkpoint": _checkpoint,
    "fortigate": _fortigate,
    "key_mods": _key_mods,
    "major_minor": _major_minor,
    "microsoft": _microsoft,
    "netscreen": _netscreen,
    "number": _number,
}
