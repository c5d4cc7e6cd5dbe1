"""What is in a UDP datagram on an IKE port: IKE, ESP, a NAT keepalive, or something else.

Decided by the non-ESP marker and the sanity of the IKE header, not by the port alone (RFC 7296 section 2.23, RFC 3948
section 2; docs/domain/ike-on-the-wire.md): a peer may use 4500 from its first message, stay on 500, or be moved by a
NAT.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Bools, Gather, Ints
from analyzer.protocol import ESP_HEADER, IKE_HEADER, IKE_PORT, NON_ESP_MARKER

OTHER, IKE, IKE_BEHIND_MARKER, ESP, KEEPALIVE = 0, 1, 2, 3, 4


def classify(fields: Gather, at: Ints, captured: Ints, length: Ints, sport: Ints, dport: Ints) -> NDArray[np.int8]:
    """Say what each UDP payload is.

    Parameters
    ----------
    fields : Gather
        Over the buffer that holds the payloads (readable 64 bytes past each).
    at, captured, length : int64 arrays
        Offset of each UDP payload, bytes of it captured, bytes of it on the wire.
    sport, dport : int64 arrays
        UDP ports.

    Returns
    -------
    int8 array
        ``OTHER``, ``IKE``, ``IKE_BEHIND_MARKER``, ``ESP`` or ``KEEPALIVE``.

    Notes
    -----
    A header that was not captured in full (28 bytes) is not called IKE. On port 500 a plausible version suffices, so
    that damaged IKE is reported instead of vanishing; elsewhere without the marker the length must fit exactly, since
    there the same bytes would be ESP.
    """
    marked = (fields.u32(at) == 0) & (captured >= NON_ESP_MARKER)
    on_500: Bools = (sport == IKE_PORT) | (dport == IKE_PORT)
    bare = _looks_like_ike(fields, at, captured)
    fits_bare = _fits(fields, at, length, bare)
    # Of many packets nearly all are ESP: the header behind the marker is looked for where there is a marker.
    marked_ike = np.zeros(len(at), dtype=np.bool_)
    rows = np.flatnonzero(marked)
    inner = at[rows] + NON_ESP_MARKER
    behind = _looks_like_ike(fields, inner, captured[rows] - NON_ESP_MARKER)
    marked_ike[rows] = behind & (_fits(fields, inner, length[rows] - NON_ESP_MARKER, behind) | ~fits_bare[rows])
    bare_ike = ~marked_ike & bare & (fits_bare | (on_500 & ~marked))
    kinds = np.full(len(at), OTHER, dtype=np.int8)
    kinds[~marked & ~on_500 & (captured >= NON_ESP_MARKER) & (length >= ESP_HEADER)] = ESP
    kinds[bare_ike] = IKE
    kinds[marked_ike] = IKE_BEHIND_MARKER
    single = np.flatnonzero((length == 1) & (captured >= 1))
    kinds[single[fields.u8(at[single]) == 0xFF]] = KEEPALIVE
    return kinds


def _fits(fields: Gather, at: Ints, length: Ints, among: Bools) -> Bools:
    """Of some payloads, those that the length in the IKE header fits."""
    found = among.copy()
    rows = np.flatnonzero(among)
    found[rows] = fields.u32(at[rows] + 24) == length[rows]
    return found


def _looks_like_ike(fields: Gather, at: Ints, captured: Ints) -> Bools:
    major = fields.u8(at + 17) >> 4
    found: Bools = ((major == 1) | (major == 2)) & (captured >= IKE_HEADER)
    return found


def classify_one(data: bytes, length: int, sport: int, dport: int) -> int:
    """:func:`classify` for a single UDP payload that is at hand as bytes; a property test holds the two equal.

    Examples
    --------
    >>> classify_one(bytes([0xFF]), 1, 4500, 4500) == KEEPALIVE
    True
    """
    if length == 1 and data[:1] == b"\xff":
        return KEEPALIVE
    marked = len(data) >= NON_ESP_MARKER and data[:NON_ESP_MARKER] == bytes(NON_ESP_MARKER)
    on_500 = IKE_PORT in (sport, dport)
    behind = len(data) >= NON_ESP_MARKER + IKE_HEADER and data[NON_ESP_MARKER + 17] >> 4 in (1, 2)
    bare = len(data) >= IKE_HEADER and data[17] >> 4 in (1, 2)
    fits_bare = bare and int.from_bytes(data[24:28], "big") == length
    stated = int.from_bytes(data[NON_ESP_MARKER + 24 : NON_ESP_MARKER + 28], "big")
    fits_behind = behind and stated == length - NON_ESP_MARKER
    if marked and behind and (fits_behind or not fits_bare):
        return IKE_BEHIND_MARKER
    if bare and (fits_bare or (on_500 and not marked)):
        return IKE
    if not marked and not on_500 and len(data) >= NON_ESP_MARKER and length >= ESP_HEADER:
        return ESP
    return OTHER
