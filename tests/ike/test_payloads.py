from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ike.payloads import (
    KE,
    SA,
    SK,
    SKF,
    Cert,
    CertReq,
    Delete,
    DeleteV1,
    FragmentV1,
    Identification,
    Notify,
    NotifyV1,
    Payload,
    VendorID,
    parse_payload,
)
from tests.ike.ike_messages import captured_messages, generic


def test_every_class_by_type_and_version() -> None:
    body = bytes(60)
    classes = {
        kind: type(parse_payload(kind, generic(0, body))) for kind in (33, 34, 35, 36, 37, 38, 41, 42, 43, 46, 53)
    }
    assert classes == {
        33: SA,
        34: KE,
        35: Identification,
        36: Identification,
        37: Cert,
        38: CertReq,
        41: Notify,
        42: Delete,
        43: VendorID,
        46: SK,
        53: SKF,
    }
    old = {kind: type(parse_payload(kind, generic(0, body), version=1)) for kind in (4, 11, 12, 13, 20, 132)}
    assert old == {4: Payload, 11: NotifyV1, 12: DeleteV1, 13: VendorID, 20: Payload, 132: FragmentV1}


def test_critical_bit() -> None:
    assert parse_payload(99, bytes.fromhex("00800004")).critical
    assert not parse_payload(99, bytes.fromhex("007f0004")).critical


def test_notify_with_spi_and_data() -> None:
    # REKEY_SA (16393) of ESP (3) with a 4-byte SPI, then two bytes of data
    notify = parse_payload(41, generic(0, bytes.fromhex("03044009deadbeef0102")))
    assert isinstance(notify, Notify)
    assert (notify.name, notify.protocol, notify.spi.hex(), notify.data.hex()) == ("REKEY_SA", 3, "deadbeef", "0102")
    assert not notify.is_error and notify.problem == ""


def test_known_notify_data_is_decoded() -> None:
    # SIGNATURE_HASH_ALGORITHMS (16431): SHA1, SHA2-256, SHA2-384, SHA2-512 (RFC 7427 section 7)
    hashes = parse_payload(41, generic(0, bytes.fromhex("0000402f" + "0001000200030004")))
    assert isinstance(hashes, Notify)
    assert hashes.hash_algorithms == (1, 2, 3, 4) and hashes.wanted_group is None
    short = parse_payload(41, generic(0, bytes.fromhex("0000001100")))
    assert isinstance(short, Notify)
    assert short.wanted_group is None and short.is_error


def test_the_notify_17_of_ikev1_names_no_group() -> None:
    notify = parse_payload(11, generic(0, bytes.fromhex("00000001" + "01000011" + "0013")), version=1)
    assert isinstance(notify, NotifyV1)
    assert (notify.name, notify.doi, notify.wanted_group) == ("INVALID-KEY-INFORMATION", 1, None)


def test_certreq_lists_the_hashes_of_the_cas() -> None:
    hashes = [bytes([n]) * 20 for n in (1, 2, 3)]
    request = parse_payload(38, generic(0, b"\4" + b"".join(hashes) + b"odd"))
    assert isinstance(request, CertReq)
    assert request.hashes == tuple(hashes)
    crl = parse_payload(38, generic(0, b"\7" + bytes(40)))
    assert isinstance(crl, CertReq) and crl.hashes == ()


@pytest.mark.parametrize(
    "body, spis, problem",
    [
        ("03040002" + "aabbccdd" + "11223344", ["aabbccdd", "11223344"], ""),
        ("01000000", [], ""),
        ("03040003" + "aabbccdd", ["aabbccdd"], "3 SPIs of 4 bytes announced, 4 bytes found"),
        ("0300ffff", [], ""),
    ],
)
def test_delete(body: str, spis: list[str], problem: str) -> None:
    delete = parse_payload(42, generic(0, bytes.fromhex(body)))
    assert isinstance(delete, Delete)
    assert [spi.hex() for spi in delete.spis] == spis
    assert delete.problem == problem


def test_fragment_of_ikev1() -> None:
    fragment = parse_payload(132, generic(0, bytes.fromhex("00070301" + "c0ffee")), version=1)
    assert isinstance(fragment, FragmentV1)
    assert (fragment.fragment_id, fragment.number, fragment.is_last, fragment.data.hex()) == (7, 3, True, "c0ffee")


@pytest.mark.parametrize(
    "number, total, fine", [(1, 1, True), (2, 5, True), (0, 2, False), (1, 0, False), (6, 5, False)]
)
def test_skf_numbers_start_at_one_and_end_at_the_total(number: int, total: int, fine: bool) -> None:
    skf = parse_payload(53, generic(0, number.to_bytes(2, "big") + total.to_bytes(2, "big")))
    assert (skf.problem == "") is fine


def test_a_payload_shorter_than_its_header_survives() -> None:
    ke = parse_payload(34, generic(40, b"\0"), offset=28)
    assert type(ke) is Payload
    assert (ke.payload_type, ke.offset, ke.next_payload, ke.data) == (34, 28, 40, b"\0")
    assert ke.problem == "5 bytes, its header needs 8"


@given(st.integers(0, 255), st.binary(min_size=4, max_size=80), st.sampled_from([0, 1, 2, 3]))
def test_no_bytes_raise_and_none_is_lost(kind: int, raw: bytes, version: int) -> None:
    payload = parse_payload(kind, raw, version)
    assert bytes(payload) == raw
    assert payload.payload_type == kind
    assert payload.whole is (len(raw) >= int.from_bytes(raw[2:4], "big"))


def test_vendor_ids_of_the_windows_client(shared_captures: Path) -> None:
    request = captured_messages(shared_captures, "corelight+zeek-spicy-ipsec/ipsec_client.pcap")[0].parsed()
    known = [payload.vendor for payload in request.vendor_ids]
    assert [vendor.name for vendor in known if vendor] == [
        "MS NT5 ISAKMPOAKLEY",
        "MS-Negotiation Discovery Capable",
        "Vid-Initial-Contact",
        "KEY_MODS",
    ]
    assert known[0] is not None and dict(known[0].extras)["version"] == 9
    assert known[3] is not None and known[3].detail == "IKEv2"
