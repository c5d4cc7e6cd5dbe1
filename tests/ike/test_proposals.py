from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ike.payloads import SA, parse_payload
from analyzer.ike.proposals import Attribute, Proposal, Transform, proposal_text, split_substructures, suite_text
from tests.ike.ike_messages import captured_messages, generic

# One proposal (RFC 7296 section 3.3.1): AES-CBC 256, PRF and integrity with SHA2-256, MODP2048; no SPI.
PROPOSAL = bytes.fromhex(
    "0000002c01010004" + "0300000c0100000c800e0100" + "0300000802000005" + "030000080300000c" + "000000080400000e"
)


def test_one_proposal_by_hand() -> None:
    sa = parse_payload(33, generic(0, PROPOSAL))
    assert isinstance(sa, SA) and sa.problem == ""
    (proposal,) = sa.proposals
    assert (proposal.number, proposal.protocol, proposal.spi) == (1, 1, b"")
    assert [(t.type, t.id, t.key_length) for t in proposal.transforms] == [
        (1, 12, 256),
        (2, 5, None),
        (3, 12, None),
        (4, 14, None),
    ]
    assert suite_text(sa.proposals) == "AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP2048"
    assert bytes(sa) == generic(0, PROPOSAL)


def test_spi_and_two_proposals() -> None:
    first = bytes.fromhex("0200001401030401" + "c0ffee11" + "0000000801000014")
    second = bytes.fromhex("0000001402030401" + "c0ffee12" + "0000000801000009")
    sa = parse_payload(33, generic(0, first + second))
    assert isinstance(sa, SA)
    assert [(p.number, p.protocol, p.spi.hex()) for p in sa.proposals] == [(1, 3, "c0ffee11"), (2, 3, "c0ffee12")]
    assert suite_text(sa.proposals) == "AES_GCM_16 | DES_IV32"


def test_unknown_attributes_survive() -> None:
    transform = Transform(bytes.fromhex("000000160100000c" + "0099000400010203" + "8055abcd" + "ff"))
    assert [(a.number, a.is_short, a.data.hex()) for a in transform.attributes] == [
        (0x99, False, "00010203"),
        (0x55, True, ""),
    ]
    assert transform.key_length is None and transform.data == b"\xff"
    assert transform.problem == "1 bytes behind the last attribute"


@pytest.mark.parametrize(
    "damage, problem",
    [
        (bytes.fromhex("0000002c01010003"), "proposal 1: 3 transforms announced, 4 found"),
        (bytes.fromhex("0000002c0101ff04"), "proposal 1: SPI of 255 bytes, 36 are left"),
        (bytes.fromhex("0000ffff01010004"), "proposal 1 claims 65535 bytes, 44 are left"),
        (bytes.fromhex("0000000701010004"), "proposal 1 has length 7, below 8"),
        (bytes.fromhex("0200002c01010004"), "proposal 2 needs 8 bytes, 0 are left"),
        (bytes.fromhex("0000000801010000"), "36 bytes behind the last proposal"),
    ],
)
def test_why_a_proposal_does_not_add_up(damage: bytes, problem: str) -> None:
    raw = generic(0, damage + PROPOSAL[8:])
    sa = parse_payload(33, raw)
    assert sa.problem == problem
    assert bytes(sa) == raw


def test_a_flood_of_substructures_is_bounded() -> None:
    body = bytes.fromhex("0300000804000001") * 8000
    found, rest, problem = split_substructures(body, "transform", 1024)
    assert (len(found), len(rest), problem) == (1024, 64000 - 8192, "more than 1024 transforms")


@pytest.mark.parametrize(
    "transforms, text",
    [
        ([], ""),
        ([Transform(type=1, id=99), Transform(type=200, id=5)], "encr 99/transform 200 id 5"),
        ([Transform(type=6, id=36), Transform(type=4, id=31)], "CURVE25519/ADDKE1=ML_KEM_768"),
        ([Transform(type=5, id=1), Transform(type=3, id=0)], "NONE/ESN"),
        ([Transform(type=1, id=12, attributes=[Attribute(value=n)]) for n in (128, 256)], "AES_CBC-128,AES_CBC-256"),
    ],
)
def test_proposal_text(transforms: list[Transform], text: str) -> None:
    assert proposal_text(Proposal(transforms=transforms)) == text


@given(st.binary(min_size=8, max_size=120))
def test_no_bytes_raise_and_none_is_lost(raw: bytes) -> None:
    for structure in (Proposal(raw), Transform(raw), Attribute(raw)):
        assert bytes(structure) == raw
    proposal_text(Proposal(raw))


@pytest.mark.parametrize(
    "capture", ["corelight+zeek-spicy-ipsec/ipsec_client.pcap", "ukncsc+zeek-plugin-ikev2/ikev2.pcap"]
)
def test_transforms_of_real_offers_as_tshark_reads_them(shared_captures: Path, tshark: Path, capture: str) -> None:
    columns = ["frame.number", *(f"isakmp.tf.id.{kind}" for kind in ("encr", "prf", "integ", "dh"))]
    columns.append("isakmp.ike2.attr.key_length")
    fields = [word for column in columns for word in ("-e", column)]
    command = [str(tshark), "-r", str(shared_captures / "dev" / capture), "-T", "fields", *fields]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    cells = [line.split("\t") for line in lines]
    truth = {int(row[0]): [[int(n) for n in cell.split(",") if n] for cell in row[1:]] for row in cells}
    for real in captured_messages(shared_captures, capture):
        sas = [payload for payload in real.parsed().payloads if isinstance(payload, SA)]
        transforms = [t for sa in sas for p in sa.proposals for t in p.transforms]
        ids = [[t.id for t in transforms if t.type == kind] for kind in (1, 2, 3, 4)]
        keys = [t.key_length for t in transforms if t.key_length is not None]
        assert [*ids, keys] == truth[real.frame]


def test_the_suite_that_a_real_gateway_chose(shared_captures: Path) -> None:
    answer = captured_messages(shared_captures, "ukncsc+zeek-plugin-ikev2/ikev2.pcap")[3].parsed()
    (sa,) = (payload for payload in answer.payloads if isinstance(payload, SA))
    # tshark: ENCR 12 with 128 bits, INTEG 12, PRF 4, KE 15
    assert suite_text(sa.proposals) == "AES_CBC-128/HMAC_SHA2_256_128/PRF_AES128_XCBC/MODP3072"
