from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ike.message import IKE
from analyzer.ike.payload_chain import Chains, ChainStatus, walk_chains
from tests.ike.ike_messages import header, message, messages

HEADER = 28


def walk(raws: list[bytes], gap: bytes = b"") -> tuple[Chains, list[int]]:
    """Walk messages that lie in one buffer, each behind a gap; also their offsets."""
    buffer, at = bytearray(), []
    for raw in raws:
        buffer += gap
        at.append(len(buffer))
        buffer += raw
    lengths = [int.from_bytes(raw[24:28], "big") for raw in raws]
    end = [start + min(len(raw), length) for start, raw, length in zip(at, raws, lengths, strict=True)]
    first = np.array([raw[16] for raw in raws], np.uint8)
    view = np.frombuffer(bytes(buffer), np.uint8)
    return walk_chains(view, np.array(at, np.int64) + HEADER, np.array(end, np.int64), first), at


def rows(chains: Chains, index: int, at: int) -> list[tuple[int, int, int]]:
    these = slice(chains.first_row[index], chains.first_row[index + 1])
    assert (chains.message[these] == index).all()
    columns = (chains.type[these], chains.offset[these] - at, chains.length[these])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_no_messages() -> None:
    chains, _ = walk([])
    assert (len(chains.message), len(chains.status), chains.first_row.tolist()) == (0, 0, [0])


def test_types_offsets_and_lengths() -> None:
    chains, at = walk([message((33, b"12345678"), (40, bytes(16))), message((46, b"\x23" + bytes(8)))], gap=b"\xff" * 5)
    assert rows(chains, 0, at[0]) == [(33, 28, 12), (40, 40, 20)]
    assert rows(chains, 1, at[1]) == [(46, 28, 12)]
    assert chains.status.tolist() == [0, 0]
    assert chains.inner_payload.tolist() == [-1, 35]


def test_status_of_each_end() -> None:
    whole = message((40, bytes(16)))
    chains, _ = walk(
        [
            whole,
            whole[:40],  # cut inside the payload
            whole[:30],  # cut inside its header
            message((40, bytes(16)), length=56) + bytes(8),  # ends early
            header(40, 32) + bytes([0, 0, 0, 3]),  # length below 4
            message(*[(43, b"")] * 256),
            message(*[(43, b"")] * 257),
            header(0, 28),
            message((46, bytes(9)), length=50) + bytes(10),  # SK ends early
        ]
    )
    names = [ChainStatus(status).name for status in chains.status]
    ok, cut, bad = "OK", "TRUNCATED", "MALFORMED"
    assert names == [ok, cut, cut, bad, bad, ok, bad, ok, bad]


def test_skf_number_and_total_when_captured() -> None:
    skf = message((53, bytes.fromhex("2300020005") + bytes(20)))
    chains, _ = walk([skf, skf[:36], skf[:35], skf[:32]])
    assert chains.inner_payload.tolist() == [35, 35, 35, 35]
    assert chains.skf_number.tolist() == [2, 2, -1, -1]
    assert chains.skf_total.tolist() == [5, 5, -1, -1]


@given(st.lists(messages, max_size=8), st.binary(max_size=5))
@settings(max_examples=300)
def test_equal_to_parsing_each_message(raws: list[bytes], gap: bytes) -> None:
    plain = [raw for raw in raws if int.from_bytes(raw[24:28], "big") >= 28 and not (raw[17] >> 4 == 1 and raw[19] & 1)]
    chains, at = walk(plain, gap)
    for index, raw in enumerate(plain):
        ike = IKE(raw)
        assert rows(chains, index, at[index]) == [(p.payload_type, p.offset, p.length) for p in ike.payloads]
        assert chains.status[index] == ike.chain_status
        assert chains.ends_at[index] - at[index] == ike.chain_end
        assert chains.inner_payload[index] == (-1 if ike.inner_payload is None else ike.inner_payload)
        seen = (ike.fragment.number, ike.fragment.total) if ike.fragment else (-1, -1)
        assert (chains.skf_number[index], chains.skf_total[index]) == seen


def test_a_flood_is_walked_to_its_end() -> None:
    flood = [message(*[(43, bytes(20))] * (8 + i % 5)) for i in range(50)] * 2000
    buffer = np.frombuffer(b"".join(flood) + bytes(128), np.uint8)
    lengths = np.array([len(raw) for raw in flood])
    end = np.cumsum(lengths)
    start, first = end - lengths + HEADER, np.full(len(flood), 43, np.uint8)
    chains = walk_chains(buffer, start, end, first)
    assert (chains.status == ChainStatus.OK).all() and len(chains.type) == 1_000_000
