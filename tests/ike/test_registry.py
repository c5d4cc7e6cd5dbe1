from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import UsageError
from analyzer.ike.registry import REGISTRIES, ke_data_length, name, names, number, numbers, rows, vendor
from analyzer.ike.registry.tables import PRODUCT_TABLES

CONSTANTS = {key: value for key, value in vars(numbers).items() if re.fullmatch(r"[A-Z0-9_]+", key)}
ALIASES = {"CERT_X509_SIGNATURE": ("cert_encoding", 4), "CERT_HASH_AND_URL": ("cert_encoding", 12)}


@pytest.mark.parametrize(
    "registry, value, text",
    [
        # RFC 7296 section 3.1, 3.2, 3.3.2, 3.10.1; RFC 7383 section 2.5; RFC 9242 section 4; RFC 9370 section 4
        ("exchange", 34, "IKE_SA_INIT"),
        ("exchange", 43, "IKE_INTERMEDIATE"),
        # RFC 9838 section 5
        ("exchange", 42, "GSA_INBAND_REKEY"),
        ("exchange", 45, "exchange 45"),
        ("payload", 53, "SKF"),
        ("payload", 99, "payload 99"),
        ("notify", 16430, "IKEV2_FRAGMENTATION_SUPPORTED"),
        ("notify", 17, "INVALID_KE_PAYLOAD"),
        ("notify", 40999, "notify 40999"),
        # strongSwan, notify_payload.h
        ("notify", 8192, "ME_CONNECT_FAILED"),
        ("notify", 40962, "ME_MEDIATION"),
        ("notify", 40968, "ME_RESPONSE"),
        ("cert_encoding", 11, "Raw RSA Key"),
        ("transform", 6, "ADDKE1"),
        ("ke", 19, "ECP256"),
        ("auth_method", 77, "auth method 77"),
        ("integ", 0, "NONE"),
    ],
)
def test_names(registry: str, value: int, text: str) -> None:
    assert name(registry, value) == text
    assert number(registry, text) == value


def test_ikev1_has_names_of_its_own() -> None:
    assert name("payload", 13, version=1) == "VID"
    assert name("payload", 13) == "payload 13"
    assert name("exchange", 4, version=1) == "Aggressive"
    assert number("notify", "R-U-THERE", version=1) == 36136


@pytest.mark.parametrize("registry, text", [("notify", "NOPE"), ("notify", "notify x"), ("notify", "exchange 5")])
def test_an_unknown_name_is_the_callers_mistake(registry: str, text: str) -> None:
    with pytest.raises(UsageError):
        number(registry, text)


def test_an_unknown_registry_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="unknown registry 'colour'"):
        name("colour", 1)


@given(st.sampled_from(REGISTRIES), st.integers(0, 65535), st.sampled_from([1, 2]))
def test_names_and_numbers_are_inverse(registry: str, value: int, version: int) -> None:
    assert number(registry, name(registry, value, version), version) == value


@pytest.mark.parametrize("registry", REGISTRIES)
def test_rows_are_whole_unique_and_have_a_source(registry: str) -> None:
    table = rows(registry)
    assert all(row["name"] and row["source"] and row["number"] for row in table)
    keys = [(row.get("version"), int(row["number"])) for row in table]
    assert keys == sorted(set(keys), key=lambda key: (key[0] or "", key[1]))
    texts = [(row.get("version"), row["name"]) for row in table]
    assert len(texts) == len(set(texts))


def test_every_csv_file_is_in_the_package_and_in_use() -> None:
    packaged = {
        entry.name.removesuffix(".csv") for entry in files("analyzer.ike.registry").iterdir() if ".csv" in entry.name
    }
    assert packaged == {*REGISTRIES, *PRODUCT_TABLES, "windows_errors"}


def _from_csv(constant: str) -> list[int]:
    """Numbers that the CSV files give for a constant of numbers.py, by its prefix."""
    prefixes = {"V1_": 1, "TRANSFORM_": "transform", "PROTOCOL_": "protocol", "KE_": "ke"}
    prefix = next((p for p in prefixes if constant.startswith(p)), "")
    version = 1 if prefix == "V1_" else 2
    where = {"V1_": ("exchange", "payload"), "": ("exchange", "payload", "notify", "encr", "prf", "integ")}
    tables = where.get(prefix) or (str(prefixes[prefix]),)
    wanted = constant.removeprefix(prefix)
    return [
        value
        for table in tables
        for value, text in names(table, version).items()
        if re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper() == wanted
    ]


@pytest.mark.parametrize("constant", CONSTANTS)
def test_constants_equal_the_csv(constant: str) -> None:
    if constant in ALIASES:
        table, value = ALIASES[constant]
        assert value in names(table)
        assert CONSTANTS[constant] == value
    else:
        assert _from_csv(constant) == [CONSTANTS[constant]]


def test_constants_that_rules_rest_on() -> None:
    assert (numbers.IKE_SA_INIT, numbers.IKE_AUTH, numbers.SK, numbers.SKF, numbers.N) == (34, 35, 46, 53, 41)
    assert (numbers.COOKIE, numbers.INVALID_KE_PAYLOAD, numbers.NO_PROPOSAL_CHOSEN) == (16390, 17, 14)
    assert numbers.IKEV2_FRAGMENTATION_SUPPORTED == 0x402E


def test_key_exchange_data_of_modp_groups_is_as_long_as_their_prime() -> None:
    for value, text in names("ke").items():
        bits = re.match(r"MODP(\d+)", text)
        if bits:
            assert ke_data_length(value) == ke_data_length(value, response=True) == int(bits[1]) // 8
    # RFC 5903 section 7: x and y; RFC 8031 section 3.1: 32 and 56 octets; FIPS 203 table 3
    assert [ke_data_length(n) for n in (19, 20, 21, 31, 32)] == [64, 96, 132, 32, 56]
    assert [(ke_data_length(n), ke_data_length(n, response=True)) for n in (35, 36, 37)] == [
        (800, 768),
        (1184, 1088),
        (1568, 1568),
    ]
    # sntrup761 (draft-josefsson-ntruprime-ssh section 3: public key 1158, ciphertext 1039) and X25519.
    assert (ke_data_length(1035), ke_data_length(1035, response=True)) == (1158 + 32, 1039 + 32)


# tshark 4.0.17 gives 46 the name of 44; it has no name for what came after RFC 7427.
STALE = {46}


def test_notify_names_as_tshark_has_them(tshark: Path) -> None:
    listing = subprocess.run([tshark, "-G", "values"], capture_output=True, text=True, check=True).stdout
    ranges = re.findall(r"^R\tisakmp\.notify\.msgtype\t(\d+)\t(\d+)\t([A-Za-z0-9_-]+)$", listing, re.MULTILINE)
    single = {(int(low), text) for low, high, text in ranges if low == high and text != "RESERVED"}
    assert len(single) > 90
    for value, text in single:
        if value not in STALE and not text.startswith(("UNITY", "DEVICE", "Private")) and "-" in text:
            assert name("notify", value, version=1) == text
        elif value not in STALE and "_" in text and value < 16429:
            assert name("notify", value) == text


def _md5(text: str) -> bytes:
    return hashlib.md5(text.encode()).digest()


def _oe(text: str) -> bytes:
    """FreeS/WAN's way: "OE", then the MD5 with bit 7 cleared and bit 6 set, 12 bytes in all.

    Source: docs/domain/vendor-ids.md.
    """
    return b"OE" + bytes(byte & 0x7F | 0x40 for byte in _md5(text)[:10])


def test_vendor_ids_are_what_their_texts_hash_to() -> None:
    made: dict[str, Callable[[str], bytes]] = {"md5": _md5, "oe": _oe, "plain": str.encode}
    checked = 0
    for row in rows("vendor_ids"):
        known, text = bytes.fromhex(row["bytes"]), row["text"].replace("\\n", "\n")
        assert bool(text) == bool(row["hash"]), row
        if text:
            assert made[row["hash"]](text)[: len(known)] == known, row
            assert len(known) >= 8 or row["hash"] == "plain", row
            checked += 1
    assert checked > 150


def test_vendor_rows_are_unique_and_have_a_source() -> None:
    table = rows("vendor_ids")
    assert len({row["bytes"] for row in table}) == len(table)
    assert all(row["source"] and row["name"] and row["match"] in ("exact", "prefix") for row in table)


@pytest.mark.parametrize(
    "data, product, detail",
    [
        ("1e2b516905991c7d7c96fcbfb587e461" + "00000008", "Microsoft Windows", "version 8 (Windows Server 2008 R2)"),
        ("1e2b516905991c7d7c96fcbfb587e461" + "0000000b", "Microsoft Windows", "version 11"),
        ("1e2b516905991c7d7c96fcbfb587e461" + "0000", "Microsoft Windows", ""),
        ("01528bbbc00696121849ab9a1c5b2a51" + "00000002", "Microsoft Windows", "IKEv2"),
        ("8299031757a36082c6a621de" + "0005" + "0240", "Fortinet FortiGate", "release 5, build 576"),
        ("4048b7d56ebce88525e7de7f00d6c2d3" + "c0000000", "", "capabilities 0xc0000000"),
        ("4048b7d56ebce88525e7de7f00d6c2d3", "", ""),
        ("afcad71368a1f1c96b8696fc7757" + "0100", "", "version 1.0"),
        (b"OE-Libreswan-4.9".hex(), "Libreswan", "4.9"),
        (b"OpenIKED-7.4\n".hex(), "OpenIKED", "7.4."),
        (b"OEabcdefghij".hex(), "Openswan", ""),
        (b"OENbcdefghij".hex(), "Libreswan", ""),
    ],
)
def test_vendor(data: str, product: str, detail: str) -> None:
    known = vendor(bytes.fromhex(data))
    assert known is not None
    assert (known.product, known.detail) == (product, detail)


def test_the_longest_match_wins_and_exact_is_exact() -> None:
    unity = vendor(b"CISCO(COPYRIGHT)&Copyright (c) 2009 Cisco Systems, Inc.")
    newer = vendor(b"CISCO(COPYRIGHT)&Copyright (c) 2029 Cisco Systems, Inc.")
    assert unity is not None and unity.text.endswith("Inc.")
    assert newer is not None and newer.text == "CISCO(COPYRIGHT)"
    assert vendor(_md5("RFC 3947") + b"x") is None
    assert vendor(b"OEx") is None
    assert vendor(b"") is None


@given(st.sampled_from([row["bytes"] for row in rows("vendor_ids")]), st.binary(max_size=30))
def test_no_vendor_id_raises(known: str, rest: bytes) -> None:
    for data in (bytes.fromhex(known) + rest, bytes.fromhex(known)[: len(rest)], rest):
        found = vendor(data)
        assert found is None or found.name


def test_importing_the_registry_reads_no_file() -> None:
    code = (
        "import sys; import analyzer.ike.registry.numbers as n; from analyzer.ike.registry import tables;"
        "assert n.SK == 46 and tables.rows.cache_info().currsize == 0;"
        "assert not {'numpy', 'dpkt', 'pandas', 'importlib.resources'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {sys.path!r};" + code], check=True)
