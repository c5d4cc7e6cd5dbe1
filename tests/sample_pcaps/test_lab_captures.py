"""Every committed capture of the lab, analysed: what the analyzer says must be what the manifest says is true.

The truth comes from the daemons' logs, the fault that was set, and arithmetic (sample_pcaps/lab/live/truth.py).
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

import analyzer
from sample_pcaps.lab.live import manifest, scenario
from sample_pcaps.lab.live.compare import differences
from sample_pcaps.lab.live.manifest import CAPTURES, load
from tests.report.published import departures

ENTRIES = load()
CASES = [(name, point) for name, entry in ENTRIES.items() for point in entry["captures"]]
#: RFC 5737, RFC 3849; what hosts say to their own link: RFC 4291 section 2.5.6, 2.7, RFC 5771, and "nobody yet".
DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
OWN_LINK = ("fe80::/10", "ff00::/8", "224.0.0.0/4", "::/128", "0.0.0.0/32")
ALLOWED = [ipaddress.ip_network(network) for network in (*DOCUMENTATION, *OWN_LINK)]


@pytest.mark.parametrize(("name", "point"), CASES, ids=[f"{name}.{point}" for name, point in CASES])
def test_the_analyzer_says_what_is_true(name, point):
    capture = analyzer.read(CAPTURES / f"{name}.{point}.pcapng")
    truth = ENTRIES[name]["captures"][point]
    report = json.loads(capture.output("json"))
    assert differences(truth, report, capture.verdict.exit_status) == []
    assert departures(report) == [], "not as docs/report-2.schema.json says"


PAIRS = [name for name, entry in ENTRIES.items() if "cause" in entry and {"client", "server"} <= set(entry["captures"])]


@pytest.mark.parametrize("name", PAIRS)
def test_both_captures_side_by_side_tell_the_cause(name):
    client, server = (analyzer.read(CAPTURES / f"{name}.{point}.pcapng") for point in ("client", "server"))
    assert analyzer.compare(client, server).verdict.id in ENTRIES[name]["cause"]


SCENARIOS = scenario.load()
#: Whose logs call the session healthy: it came up with its tunnel, and nothing was broken.
HEALTHY = [
    (name, point)
    for name, point in CASES
    if (one := SCENARIOS[name]).established and one.child and not one.cause and not one.faults and not one.wire
]
#: Whose logs tell of a login or a tunnel that was refused.
REFUSED = [(name, point) for name, point in CASES if not (SCENARIOS[name].established and SCENARIOS[name].child)]


@pytest.mark.parametrize(("name", "point"), HEALTHY, ids=[f"{name}.{point}" for name, point in HEALTHY])
def test_no_healthy_session_is_called_blocked_with_more_than_possible(name, point):
    for sa in analyzer.read(CAPTURES / f"{name}.{point}.pcapng").report()["sas"]:
        verdict = sa["verdict"]
        assert verdict["severity"] != "blocking" or verdict["confidence"] in ("possible", "cannot-tell"), verdict


@pytest.mark.parametrize(("name", "point"), REFUSED, ids=[f"{name}.{point}" for name, point in REFUSED])
def test_no_refused_login_is_called_a_hang_up_with_more_than_possible(name, point):
    for sa in analyzer.read(CAPTURES / f"{name}.{point}.pcapng").report()["sas"]:
        verdict = sa["verdict"]
        if verdict["id"] in ("connected-ok", "connected-then-closed"):
            assert verdict["confidence"] in ("possible", "cannot-tell"), verdict


def test_manifest_and_captures_are_complete():
    assert {f"{name}.{point}.pcapng" for name, point in CASES} == {file.name for file in CAPTURES.iterdir()}
    assert len(ENTRIES) >= 40


def test_every_scenario_has_an_entry_and_no_other():
    scenarios = scenario.load()
    assert list(ENTRIES) == list(scenarios)
    assert {name: tuple(entry["captures"]) for name, entry in ENTRIES.items()} == {
        name: one.kept for name, one in scenarios.items()
    }


def test_the_manifest_says_what_the_scenarios_say(tmp_path, monkeypatch):
    copy = tmp_path / "MANIFEST.toml"
    copy.write_text(manifest.MANIFEST.read_text())
    monkeypatch.setattr(manifest, "MANIFEST", copy)
    manifest.retell(scenario.load())
    assert copy.read_text() == (manifest.LAB / "MANIFEST.toml").read_text()


def test_captures_are_those_of_the_manifest_and_small():
    total = 0
    for name, point in CASES:
        data = (CAPTURES / f"{name}.{point}.pcapng").read_bytes()
        total += len(data)
        assert hashlib.sha256(data).hexdigest() == ENTRIES[name]["captures"][point]["sha256"], name
        assert len(data) < 100_000, name
    assert total < 2_000_000


def packets(pcapng: bytes) -> Iterator[tuple[int, bytes]]:
    """Link type and bytes of each packet (draft-ietf-opsawg-pcapng: blocks 1 and 6, little-endian)."""
    at, link_type = 0, 0
    while at < len(pcapng):
        kind, length = struct.unpack_from("<II", pcapng, at)
        if kind == 1:
            link_type = struct.unpack_from("<H", pcapng, at + 8)[0]
        elif kind == 6:
            captured = struct.unpack_from("<I", pcapng, at + 20)[0]
            yield link_type, pcapng[at + 28 : at + 28 + captured]
        at += length


def network_layer(link_type: int, frame: bytes) -> tuple[int, bytes]:
    """EtherType and what follows: Ethernet with VLAN tag or PPPoE, or Linux cooked v2."""
    if link_type == 276:
        return struct.unpack_from("!H", frame)[0], frame[20:]
    ethertype, rest = struct.unpack_from("!H", frame, 12)[0], frame[14:]
    if ethertype == 0x8100:
        ethertype, rest = struct.unpack_from("!H", rest, 2)[0], rest[4:]
    if ethertype == 0x8864:
        return {0x21: 0x0800, 0x57: 0x86DD}[struct.unpack_from("!H", rest, 6)[0]], rest[8:]
    return ethertype, rest


def addresses(ethertype: int, data: bytes) -> list[Any]:
    if ethertype == 0x0800:
        return [ipaddress.ip_address(data[12:16]), ipaddress.ip_address(data[16:20])]
    if ethertype == 0x86DD:
        return [ipaddress.ip_address(data[8:24]), ipaddress.ip_address(data[24:40])]
    assert ethertype == 0x0806, hex(ethertype)
    return [ipaddress.ip_address(data[14:18]), ipaddress.ip_address(data[24:28])]


@pytest.mark.parametrize(("name", "point"), CASES, ids=[f"{name}.{point}" for name, point in CASES])
def test_addresses_are_those_of_documentation(name, point):
    for link_type, frame in packets((CAPTURES / f"{name}.{point}.pcapng").read_bytes()):
        for address in addresses(*network_layer(link_type, frame)):
            assert any(address in network for network in ALLOWED), address
