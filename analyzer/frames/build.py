"""pandas frames from tables and views: one pure function for each contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analyzer.analysis import Analysis
from analyzer.columns import MISSING
from analyzer.frames.contracts import CONTRACTS, TIME, Contract
from analyzer.ike.from_columns import ike_of
from analyzer.ike.message_columns import FLAG_INITIATOR, FLAG_RESPONSE, MALFORMED, WHOLE
from analyzer.ike.registry import name, numbers
from analyzer.packets.addresses import Addresses
from analyzer.relate.seen.exchange import Exchange, Role

_DIRECTIONS = np.array(["unknown", "in", "out"], dtype=object)


def frame(analysis: Analysis, which: str) -> pd.DataFrame:
    """One frame of a capture.

    Parameters
    ----------
    analysis : Analysis
        Of the capture.
    which : str
        A name of :data:`analyzer.frames.contracts.CONTRACTS`.

    Returns
    -------
    pandas.DataFrame
        Columns, their order and dtypes are those of the contract.
    """
    return shaped(CONTRACTS[which], _BUILDERS[which](analysis))


def shaped(contract: Contract, columns: dict[str, Any]) -> pd.DataFrame:
    """Give columns the dtypes and the order of a contract; ``MISSING`` in nullable number columns becomes ``<NA>``."""
    made: dict[str, Any] = {}
    for column in contract.columns:
        values = columns[column.name]
        if column.dtype == TIME:
            made[column.name] = _times(np.asarray(values, dtype=np.int64))
        elif column.dtype[:3] == "Int":
            made[column.name] = _array(_without_missing(values), column.dtype)
        elif column.dtype == "boolean":
            made[column.name] = pd.array(
                [None if v is None or v == MISSING else bool(v) for v in values], dtype="boolean"
            )
        elif column.dtype == "object":
            made[column.name] = _objects(values)
        else:
            made[column.name] = _array(list(values), column.dtype)
    return pd.DataFrame(made, columns=list(contract.names))


def _array(values: list[Any], dtype: Any) -> Any:
    return pd.array(values, dtype=dtype)


def _times(ns: NDArray[np.int64]) -> Any:
    """``NO_TIME`` is the number by which NumPy marks "not a time"."""
    return pd.DatetimeIndex(ns.view("datetime64[ns]"), tz="UTC")


def _without_missing(values: Iterable[Any]) -> list[Any]:
    return [None if v is None or v == MISSING else v for v in values]


def _objects(values: Iterable[Any]) -> NDArray[np.object_]:
    given = list(values)
    array = np.empty(len(given), dtype=object)
    array[:] = given
    return array


def _texts(addresses: Addresses, column: NDArray[Any]) -> NDArray[np.object_]:
    known = np.array([addresses.text(i) for i in range(len(addresses))] or [""], dtype=object)
    texts: NDArray[np.object_] = known[column]
    return texts


def _hex(values: NDArray[np.uint64]) -> list[str]:
    return [f"{v:016x}" for v in values.tolist()]


def packets(analysis: Analysis) -> dict[str, Any]:
    """Columns of the packets frame."""
    wire, p = analysis.wire, analysis.wire.packets
    return {
        "frame": p.frame,
        "time": p.time,
        "interface": p.interface,
        "direction": _DIRECTIONS[p.direction],
        "src": _texts(wire.addresses, p.src),
        "dst": _texts(wire.addresses, p.dst),
        "ip_version": p.ip_version,
        "ip_id": p.ip_id.tolist(),
        "df": p.df.tolist(),
        "mf": p.mf.tolist(),
        "fragment_offset": p.fragment_offset,
        "ttl": p.ttl,
        "ip_length": p.ip_length,
        "captured_length": p.captured,
        "wire_length": p.wire,
        "protocol": p.protocol,
        "sport": p.sport.tolist(),
        "dport": p.dport.tolist(),
        "datagram": p.datagram.tolist(),
        "duplicate_of": _duplicate_frames(analysis),
        "dropped_by_host": p.dropped.tolist() if p.dropped.any() else [MISSING] * len(p.dropped),
    }


def _duplicate_frames(analysis: Analysis) -> list[int]:
    """For each packet the frame that it is a copy of: of a copied message, or a repeated fragment of one datagram."""
    wire = analysis.wire
    p = wire.packets
    result = np.full(len(p.frame), MISSING, dtype=np.int64)
    related = analysis.related
    order, begins = related.table.packet_rows
    for row in np.flatnonzero(related.duplicate_of != MISSING).tolist():
        copy, original = (int(wire.messages.datagram[r]) for r in (row, related.duplicate_of[row]))
        if MISSING in (copy, original):
            continue
        copies = order[begins[copy] : begins[copy + 1]]
        originals = order[begins[original] : begins[original + 1]]
        by_offset = {int(p.fragment_offset[o]): int(p.frame[o]) for o in originals[::-1]}
        for packet in copies.tolist():
            result[packet] = by_offset.get(int(p.fragment_offset[packet]), MISSING)
    seen: dict[tuple[int, int], int] = {}
    for i in np.flatnonzero((p.mf == 1) | (p.fragment_offset > 0)).tolist():
        key = (int(p.datagram[i]), int(p.fragment_offset[i]))
        if key in seen:
            result[i] = seen[key]
        else:
            seen[key] = int(p.frame[i])
    return result.tolist()


def datagrams(analysis: Analysis) -> dict[str, Any]:
    """Columns of the datagrams frame."""
    wire, d = analysis.wire, analysis.wire.datagrams
    order, begins = analysis.related.table.packet_rows
    frames = wire.packets.frame[order].tolist()
    bounds = begins.tolist()
    first = d.first_fragment_length
    return {
        "datagram": np.arange(len(d.fragments)),
        "frames": [
            wire.datagram_frames.get(i) or tuple(frames[bounds[i] : bounds[i + 1]]) for i in range(len(d.fragments))
        ],
        "fragments": d.fragments,
        "missing": [wire.datagram_missing.get(i, ()) for i in range(len(d.fragments))],
        "complete": d.complete.astype(bool),
        "overlap": d.overlap.astype(bool),
        "first_fragment_length": first.tolist(),
        "mtu_lower": first.tolist(),
        "mtu_upper": np.where(first == MISSING, MISSING, first + 7).tolist(),
    }


def messages(analysis: Analysis) -> dict[str, Any]:
    """Columns of the messages frame."""
    wire, m = analysis.wire, analysis.wire.messages
    kinds = list(zip(m.exchange.tolist(), (m.version >> 4).tolist(), strict=True))
    parsed = [_vendors_and_fault(analysis, row) for row in range(len(m.frame))]
    return {
        "message": np.arange(len(m.frame)),
        "datagram": m.datagram.tolist(),
        "frame": m.frame,
        "time": m.time,
        "src": _texts(wire.addresses, m.src),
        "dst": _texts(wire.addresses, m.dst),
        "sport": m.sport.tolist(),
        "dport": m.dport.tolist(),
        "nat_t": m.nat_t.astype(bool),
        "transport": np.where(m.tcp == 1, "tcp", "udp"),
        "spi_i": _hex(m.spi_i),
        "spi_r": _hex(m.spi_r),
        "version": m.version,
        "exchange": m.exchange,
        "exchange_name": [name("exchange", kind, version) for kind, version in kinds],
        "is_response": (m.flags & FLAG_RESPONSE) != 0,
        "is_initiator": (m.flags & FLAG_INITIATOR) != 0,
        "message_id": m.message_id,
        "length": m.length,
        "payloads": _runs(wire.payload_type, m.payload_first, m.payload_count),
        "notifies": _runs(wire.notify_type, m.notify_first, m.notify_count),
        "vendor_ids": [vendors for vendors, _ in parsed],
        "skf_number": m.skf_number.tolist(),
        "skf_total": m.skf_total.tolist(),
        "inner_payload": m.inner.tolist(),
        "clear_complete": (m.status == WHOLE) & (m.complete == 1),
        "complete": m.complete.astype(bool),
        "malformed": [fault for _, fault in parsed],
        "digest": _hex(m.digest),
    }


def _runs(values: NDArray[Any], first: NDArray[Any], count: NDArray[Any]) -> list[tuple[int, ...]]:
    flat = values.tolist()
    return [tuple(flat[a : a + n]) for a, n in zip(first.tolist(), count.tolist(), strict=True)]


def _vendors_and_fault(analysis: Analysis, row: int) -> tuple[tuple[str, ...], str]:
    """Vendor IDs as hex, and why the message is malformed."""
    wire = analysis.wire
    m = wire.messages
    data = wire.clear[row]
    first = int(m.payload_first[row])
    vendor = (numbers.V, numbers.V1_VID)[int(m.version[row]) >> 4 == 1]
    vendors = tuple(
        data[at + 4 : at + size].hex()
        for kind, at, size in zip(
            wire.payload_type[first : first + int(m.payload_count[row])].tolist(),
            wire.payload_offset[first : first + int(m.payload_count[row])].tolist(),
            wire.payload_length[first : first + int(m.payload_count[row])].tolist(),
            strict=True,
        )
        if kind == vendor and data
    )
    return vendors, _fault(analysis, row) if int(m.status[row]) == MALFORMED else ""


def _fault(analysis: Analysis, row: int) -> str:
    wire = analysis.wire
    m = wire.messages
    length, there = int(m.length[row]), int(m.wire[row])
    if length > there:
        return f"the header says {length} bytes, the packet has {there}"
    return ike_of(wire, row).malformed or "the payload chain does not add up"


def exchanges(analysis: Analysis) -> dict[str, Any]:
    """Columns of the exchanges frame."""
    rows = [(sa.number, e) for sa in analysis.sas for e in sa.exchanges]
    request = [_attempt(e, "request") for _, e in rows]
    response = [_attempt(e, "response") for _, e in rows]
    columns: dict[str, Any] = {
        "sa": [number for number, _ in rows],
        "sender": [e.sender for _, e in rows],
        "message_id": [e.message_id for _, e in rows],
        "retry": [e.retry for _, e in rows],
        "exchange": [e.exchange for _, e in rows],
        "exchange_name": [name("exchange", e.exchange) for _, e in rows],
        "attempts": [e.attempts for _, e in rows],
        "times": [e.times for _, e in rows],
        "gaps": [tuple((b - a) / 1e9 for a, b in zip(e.times, e.times[1:], strict=False)) for _, e in rows],
        "outcome": [e.outcome for _, e in rows],
        "retry_reason": [e.retry_reason for _, e in rows],
        "rtt": [e.rtt for _, e in rows],
    }
    for side, values in (("request", request), ("response", response)):
        for key in ("length", "ip_fragments", "skf_total", "complete"):
            columns[f"{side}_{key}"] = [v[key] for v in values]
    return columns


def _attempt(exchange: Exchange, side: str) -> dict[str, Any]:
    attempt = exchange.request if side == "request" else exchange.response
    if attempt is None:
        return dict.fromkeys(("length", "ip_fragments", "skf_total", "complete"))
    return {
        "length": attempt.length,
        "ip_fragments": attempt.ip_fragments,
        "skf_total": attempt.skf_total,
        "complete": attempt.complete,
    }


def sas(analysis: Analysis) -> dict[str, Any]:
    """Columns of the sas frame."""
    seen = analysis.sas
    return {
        "sa": [sa.number for sa in seen],
        "spi_i": [f"{sa.spi_i:016x}" for sa in seen],
        "spi_r": [f"{sa.spi_r:016x}" if sa.spi_r else None for sa in seen],
        "initiator": [sa.initiator for sa in seen],
        "responder": [sa.responder for sa in seen],
        "ike_version": [sa.version for sa in seen],
        "start": [sa.start for sa in seen],
        "end": [sa.end for sa in seen],
        "fragmentation_i": [sa.fragmentation_i for sa in seen],
        "fragmentation_r": [sa.fragmentation_r for sa in seen],
        "nat_i": [sa.nat_i for sa in seen],
        "nat_r": [sa.nat_r for sa in seen],
        "proposals": [sa.proposals for sa in seen],
        "chosen": [sa.chosen for sa in seen],
        "reached": [sa.reached for sa in seen],
        "retransmits": [sa.retransmits for sa in seen],
        "unanswered_exchanges": [len(sa.unanswered) for sa in seen],
        "esp_i_to_r": [sa.esp_i_to_r for sa in seen],
        "esp_r_to_i": [sa.esp_r_to_i for sa in seen],
        "verdict": [analysis.judgement.of_sa[sa.index].id for sa in seen],
    }


def path_mtu(analysis: Analysis) -> dict[str, Any]:
    """Columns of the path_mtu frame."""
    directions: dict[Role, str] = {"initiator": "initiator_to_responder", "responder": "responder_to_initiator"}
    rows = [
        (sa.number, direction, sa.path_mtu[sender]) for sa in analysis.sas for sender, direction in directions.items()
    ]
    return {
        "sa": [number for number, _, _ in rows],
        "direction": [direction for _, direction, _ in rows],
        "lower": [b.lower for _, _, b in rows],
        "upper": [b.upper for _, _, b in rows],
        "evidence": [b.evidence for _, _, b in rows],
    }


def findings(analysis: Analysis) -> dict[str, Any]:
    """Columns of the findings frame."""
    found = analysis.findings
    return {
        "rule": [f.rule for f in found],
        "id": [f.id for f in found],
        "sa": [f.sa for f in found],
        "severity": [f.severity.value for f in found],
        "confidence": [f.confidence.value for f in found],
        "title": [f.title for f in found],
        "detail": [f.detail for f in found],
        "frames": [f.frames for f in found],
        "remedies": [f.remedies for f in found],
    }


_BUILDERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "packets": packets,
    "datagrams": datagrams,
    "messages": messages,
    "exchanges": exchanges,
    "sas": sas,
    "path_mtu": path_mtu,
    "findings": findings,
}
