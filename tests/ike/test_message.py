from __future__ import annotations

from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ike.message import IKE
from analyzer.ike.payload_chain import ChainStatus
from analyzer.ike.payloads import KE, SK, SKF, Notify, Payload
from tests.ike.ike_messages import REAL, captured_messages, generic, header, message, messages, well_formed

NONCE = (40, bytes(range(16)))
SK_BODY = (46, bytes([35]) + bytes(40))


def test_fields_of_the_header() -> None:
    ike = IKE(header(0, 28, exchange=37, flags=0x08))
    assert (ike.spi_i.hex(), ike.spi_r.hex()) == ("1122334455667788", "99aabbccddeeff00")
    assert (ike.major, ike.minor, ike.exchange_name, ike.message_id) == (2, 0, "INFORMATIONAL", 0)
    assert ike.is_initiator and not ike.is_response
    assert ike.clear_complete and ike.malformed == "" and ike.payload_types == ()


@pytest.mark.parametrize(
    "notify, size, name",
    [
        (bytes.fromhex("0000000e"), 36, "NO_PROPOSAL_CHOSEN"),
        (bytes.fromhex("000000110013"), 38, "INVALID_KE_PAYLOAD"),
        (bytes.fromhex("00004006") + bytes(20), 56, "COOKIE"),
    ],
)
def test_unprotected_errors_have_the_sizes_of_domain_4_1(notify: bytes, size: int, name: str) -> None:
    raw = message((41, notify))
    ike = IKE(raw, wire_length=size)
    assert len(raw) == size
    assert [n.name for n in ike.notifies] == [name]
    assert ike.clear_complete and ike.malformed == ""


def test_fewer_than_28_bytes_need_data() -> None:
    with pytest.raises(dpkt.NeedData):
        IKE(bytes(27))
    with pytest.raises(dpkt.NeedData):
        IKE(bytes(40), wire_length=20)


@pytest.mark.parametrize(
    "raw, why",
    [
        (header(40, 20), "length 20 below 28"),
        (message(NONCE, length=900), "length 900, 48 bytes in the datagram"),
        (header(40, 48) + generic(0, bytes(16), length=900), "payload 1 (Nonce) claims 900 bytes, 20 are left"),
        (header(40, 48) + generic(0, bytes(16), length=3), "payload 1 (Nonce) has length 3, below 4"),
        (header(40, 48) + generic(34, bytes(16)), "payload 2 (KE) needs 4 bytes, 0 are left"),
        (message(NONCE), ""),
        (header(40, 56) + generic(0, bytes(16)) + bytes(8), "chain ends at 48, header says 56"),
        (message(SK_BODY, length=80) + bytes(8), "chain ends at 72, header says 80"),
        (message((99, b"xy"), (34, b"\0")), "payload 2 (KE): 5 bytes, its header needs 8"),
        (header(99, 34) + generic(0, bytes(2), length=7), "payload 1 (type 99) claims 7 bytes, 6 are left"),
        (message((53, bytes.fromhex("0000030002aabb"))), "payload 1 (SKF): fragment 3 of 2"),
        (message((53, bytes.fromhex("0000"))), "payload 1 (SKF): 5 bytes, its header needs 8"),
        (message((41, bytes.fromhex("0108000e"))), "payload 1 (N): SPI of 8 bytes, 0 are left"),
        (message(*[(43, b"")] * 256), ""),
        (message(*[(43, b"")] * 257), "more than 256 payloads"),
        (message((33, bytes.fromhex("0000002801010001"))), "payload 1 (SA): proposal 1 claims 40 bytes, 8 are left"),
    ],
)
def test_says_why_the_bytes_do_not_add_up(raw: bytes, why: str) -> None:
    ike = IKE(raw, wire_length=len(raw))
    assert ike.malformed == why
    assert ike.clear_complete is (why == "")


def test_a_message_cut_by_snaplen_is_incomplete_not_malformed() -> None:
    raw = message((34, bytes(260)), NONCE)
    for captured in range(28, len(raw)):
        ike = IKE(raw[:captured], wire_length=len(raw))
        assert (ike.malformed, ike.clear_complete) == ("", False)
    assert IKE(raw, wire_length=len(raw)).clear_complete
    cut = IKE(raw[:100]).payloads[0]
    assert isinstance(cut, KE) and (cut.length, cut.whole, len(cut.data)) == (264, False, 64)


def test_a_cut_inside_the_encrypted_payload_leaves_the_clear_ones_complete() -> None:
    raw = message(NONCE, SK_BODY)
    ike = IKE(raw[:60], wire_length=len(raw))
    assert ike.clear_complete and ike.inner_payload == 35
    assert ike.chain_status == ChainStatus.TRUNCATED
    without = IKE(raw[:50], wire_length=len(raw))
    assert not without.clear_complete and without.inner_payload is None


def test_a_cut_capture_does_not_hide_a_claim_past_the_length() -> None:
    ike = IKE(header(40, 100) + generic(0, bytes(16), length=900), wire_length=100)
    assert ike.malformed == "payload 1 (Nonce) claims 900 bytes, 72 are left"


def test_bytes_behind_the_length_are_trailing() -> None:
    raw = message(NONCE)
    ike = IKE(raw + b"tail", wire_length=len(raw) + 4)
    assert (ike.trailing, ike.malformed, ike.clear_complete) == (4, "", True)
    assert bytes(ike) == raw


def test_skf_gives_number_total_and_first_inner_payload() -> None:
    ike = IKE(message((53, bytes.fromhex("2300010003") + bytes(30))))
    assert ike.fragment is not None
    assert (ike.fragment.number, ike.fragment.total, ike.inner_payload) == (1, 3, 35)
    assert ike.clear_complete


def test_unknown_payloads_survive_and_nothing_follows_sk() -> None:
    ike = IKE(message((99, b"abc"), (132, b"cisco"), SK_BODY))
    assert [type(p) for p in ike.payloads] == [Payload, Payload, SK]
    assert ike.payload_types == (99, 132, 46)
    assert [p.data for p in ike.payloads[:2]] == [b"abc", b"cisco"]


def test_ikev1_clear_chain_and_encrypted_message() -> None:
    vid = bytes.fromhex("4048b7d56ebce88525e7de7f00d6c2d3")
    clear = IKE(message((13, vid), (11, bytes.fromhex("000000010100000e")), version=0x10, exchange=2, flags=0))
    assert clear.exchange_name == "Identity Protection"
    assert [n.name for n in clear.notifies] == ["NO-PROPOSAL-CHOSEN"]
    assert clear.vendor_ids[0].vendor is not None
    hidden = IKE(message((5, bytes(40)), version=0x10, exchange=2, flags=1))
    assert (hidden.payload_types, hidden.malformed, hidden.clear_complete) == ((), "", True)
    assert len(hidden.data) == 44


@given(messages, st.one_of(st.none(), st.integers(0, 300)))
@settings(max_examples=300)
def test_never_raises_and_gives_every_byte_back(raw: bytes, wire_length: int | None) -> None:
    if wire_length is not None and wire_length < 28:
        return
    ike = IKE(raw, wire_length=wire_length)
    seen = raw[:wire_length]
    assert bytes(ike) == seen[: max(28, ike.length)]
    assert len(ike) == len(bytes(ike))
    assert not (ike.malformed and ike.clear_complete)
    assert repr(ike)


@given(st.data())
@settings(max_examples=100)
def test_damaged_real_messages_never_raise(shared_captures: Path, data: st.DataObject) -> None:
    real = data.draw(st.sampled_from([m.ike for m in captured_messages(shared_captures, REAL[1])]))
    raw = bytearray(real)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    seen = bytes(raw[: data.draw(st.integers(28, len(raw)))])
    ike = IKE(seen, wire_length=len(raw))
    assert bytes(ike) == seen[: max(28, ike.length)]
    assert ike.clear_complete or ike.malformed or len(seen) < len(raw)


@given(well_formed())
@settings(max_examples=100)
def test_round_trip_of_well_formed_messages(raw: bytes) -> None:
    ike = IKE(raw, wire_length=len(raw))
    assert bytes(ike) == raw
    assert ike.chain_status == ChainStatus.OK and ike.chain_end == len(raw)
    assert b"".join(map(bytes, ike.payloads)) == raw[28:]


# tshark calls two frames of tcpdump's ISAKMP_sa_setup.pcap malformed, since it takes the NAT-D of a draft, payload 15,
# for a SAK; the chain itself adds up.
@pytest.mark.parametrize("capture", REAL)
def test_real_messages_as_tshark_reads_them(shared_captures: Path, capture: str) -> None:
    found = captured_messages(shared_captures, capture)
    assert found
    for real in found:
        ike = real.parsed()
        where = f"{capture} frame {real.frame}"
        assert bytes(ike) == real.ike[: ike.length], where
        assert ike.malformed == "" and ike.clear_complete, (where, ike.malformed)
        assert (ike.spi_i.hex(), ike.length) == (real.truth["isakmp.ispi"], int(real.truth["isakmp.length"])), where
        assert [ike.exchange, ike.flags] == real.numbers("isakmp.exchangetype") + real.numbers("isakmp.flags"), where
        if not real.truth["_ws.malformed"]:
            inside_sa = (2, 3)
            expected = [kind for kind in real.numbers("isakmp.typepayload") if kind not in inside_sa]
            assert list(ike.payload_types) == expected, where
        assert [n.type for n in ike.notifies] == real.numbers("isakmp.notify.msgtype"), where
        fragment = [ike.fragment.number, ike.fragment.total] if ike.fragment else []
        assert fragment == real.numbers("isakmp.frag.number") + real.numbers("isakmp.frag.total"), where
        if ike.inner_payload is not None:
            assert ike.inner_payload == real.numbers("isakmp.nextpayload")[-1], where


def test_the_malformed_message_of_zeek(shared_captures: Path) -> None:
    (real,) = captured_messages(shared_captures, "corelight+zeek-spicy-ipsec/ipsec-ikev1-payload-bad-length.pcap")
    ike = real.parsed()
    # Read off the bytes: behind the SA of 60 bytes stand 0d 00 00 03.
    assert real.ike[88:92] == bytes.fromhex("0d000003")
    assert ike.malformed == "payload 2 (VID) has length 3, below 4" and not ike.clear_complete


def test_the_group_that_a_real_gateway_wants(shared_captures: Path) -> None:
    answer = captured_messages(shared_captures, "ukncsc+zeek-plugin-ikev2/ikev2.pcap")[1].parsed()
    retry = captured_messages(shared_captures, "ukncsc+zeek-plugin-ikev2/ikev2.pcap")[2].parsed()
    assert isinstance(answer.payloads[0], Notify)
    # tshark: accepted_dh_group 15, and the client comes back with a KE of that group
    assert answer.payloads[0].wanted_group == 15
    assert [(p.group, len(p.data)) for p in retry.payloads if isinstance(p, KE)] == [(15, 384)]


def test_real_fragments(shared_captures: Path) -> None:
    found = [real.parsed() for real in captured_messages(shared_captures, "ukncsc+zeek-plugin-ikev2/ikev2.pcap")]
    fragments = [ike.fragment for ike in found if ike.fragment]
    assert [(f.number, f.total, f.inner_payload) for f in fragments] == [(1, 2, 35), (2, 2, 0)]
    assert all(isinstance(f, SKF) for f in fragments)
