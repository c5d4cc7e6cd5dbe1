"""The parts of the live lab that need no root: scenarios, faults, wire, logs, arithmetic."""

from __future__ import annotations

import struct
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_pcaps.lab.live import __main__ as command
from sample_pcaps.lab.live import faults, logs, requirements, scenario, steps, strongswan, wire
from sample_pcaps.lab.live.certificates import Tree
from sample_pcaps.lab.live.compare import differences
from sample_pcaps.lab.live.shell import LabError
from sample_pcaps.lab.live.toml_text import table
from sample_pcaps.lab.live.truth import ip_fragments

SCENARIOS = scenario.load()
# Lines of a charon 5.9.8 in this lab.
CLIENT_LOG = """\
08:00:00.000 12[IKE] initiating IKE_SA vpn[1] to 203.0.113.10
08:00:00.001 12[ENC] generating IKE_SA_INIT request 0 [ SA KE No N(NATD_S_IP) N(NATD_D_IP) N(FRAG_SUP) N(HASH_ALG) ]
08:00:00.001 12[NET] sending packet: from 192.0.2.10[500] to 203.0.113.10[500] (296 bytes)
08:00:00.001 12[MGR] checkin IKEv2 SA vpn[1] with SPIs 334c1c54e6513a17_i 0000000000000000_r
08:00:00.004 16[NET] received packet: from 203.0.113.10[500] to 192.0.2.10[500] (349 bytes)
08:00:00.004 16[ENC] parsed IKE_SA_INIT response 0 [ SA KE No N(NATD_S_IP) N(NATD_D_IP) CERTREQ N(HASH_ALG) ]
08:00:00.005 16[ENC] generating IKE_AUTH request 1 [ IDi CERT CERT N(INIT_CONTACT) CERTREQ IDr AUTH SA TSi TSr ]
08:00:00.005 16[ENC] splitting IKE message (2199 bytes) into 2 fragments
08:00:00.005 16[ENC] generating IKE_AUTH request 1 [ EF(1/2) ]
08:00:00.005 16[ENC] generating IKE_AUTH request 1 [ EF(2/2) ]
08:00:00.005 16[NET] sending packet: from 192.0.2.10[4500] to 203.0.113.10[4500] (1248 bytes)
08:00:00.005 16[NET] sending packet: from 192.0.2.10[4500] to 203.0.113.10[4500] (1016 bytes)
08:00:00.005 16[MGR] checkin IKEv2 SA vpn[1] with SPIs 334c1c54e6513a17_i 5cee4aea9e021de6_r
08:00:01.006 09[IKE] retransmit 1 of request with message ID 1
08:00:01.006 09[NET] sending packet: from 192.0.2.10[4500] to 203.0.113.10[4500] (1248 bytes)
08:00:01.006 09[NET] sending packet: from 192.0.2.10[4500] to 203.0.113.10[4500] (1016 bytes)
08:00:01.100 10[NET] received packet: from 203.0.113.10[4500] to 192.0.2.10[4500] (1248 bytes)
08:00:01.100 10[ENC] parsed IKE_AUTH response 1 [ EF(1/3) ]
08:00:01.100 10[ENC] received fragment #1 of 3, waiting for complete IKE message
08:00:02.100 11[NET] received packet: from 203.0.113.10[4500] to 192.0.2.10[4500] (1248 bytes)
08:00:02.100 11[ENC] parsed IKE_AUTH response 1 [ EF(1/3) ]
"""


def test_log_tells_messages_spis_and_repeats():
    story = logs.read(CLIENT_LOG.splitlines())
    init, answer, auth, partial = story.messages
    assert (init.sent, init.exchange, init.sizes, init.port) == (True, "IKE_SA_INIT", {1: 296}, 500)
    assert (answer.sent, answer.sizes, "N(FRAG_SUP)" in answer.payloads) == (False, {1: 349}, False)
    assert (auth.skf_total, auth.sizes, auth.attempts, auth.port) == (2, {1: 1248, 2: 1016}, 2, 4500)
    assert (partial.skf_total, partial.sizes, partial.attempts) == (3, {1: 1248}, 2)
    assert story.spis == [("334c1c54e6513a17", "5cee4aea9e021de6")]
    assert story.established == 0


@pytest.mark.parametrize(
    ("length", "port", "ipv6", "mtus", "expected"),
    [
        (1468, 4500, False, [1500], 1),  # 1468 + 4 + 8 + 20 = 1500
        (1469, 4500, False, [1500], 2),
        (1472, 500, False, [1500], 1),  # no marker on port 500
        (1448, 4500, True, [1500], 1),  # 1448 + 4 + 8 + 40 = 1500
        (1449, 4500, True, [1500], 2),
        (2508, 4500, False, [996], 3),  # docs/domain/ip-fragments.md: IP 996 + 996 + 588
        (3575, 4500, False, [1500, 1492], 5),  # 1480 again as 1472 + 8, twice, and 627
        (3575, 4500, False, [1280], 3),  # 3587 over 1256
        (2748, 4500, False, [1400], 3),  # 2760: all but the last piece carry a multiple of 8, here 1376
    ],
)
def test_ip_fragments(length, port, ipv6, mtus, expected):
    assert ip_fragments(length, port=port, ipv6=ipv6, mtus=mtus) == expected


@given(length=st.integers(28, 20_000), mtu=st.integers(576, 1500), ipv6=st.booleans())
def test_a_second_link_of_the_same_mtu_cuts_nothing(length, mtu, ipv6):
    once = ip_fragments(length, port=4500, ipv6=ipv6, mtus=[mtu])
    assert ip_fragments(length, port=4500, ipv6=ipv6, mtus=[mtu, mtu]) == once


def test_every_scenario_can_be_played():
    rules = {step.removeprefix("fault ") for s in SCENARIOS.values() for step in s.steps if step.startswith("fault ")}
    for one in SCENARIOS.values():
        rules |= set(one.faults)
        wire.Rules(one.wire)
        assert set(one.kept) <= set(one.points)
        assert {"cannot-tell" in s.verdict and s.exit in (0, 1) for s in one.shows.values()} == {False}, one.name
    for words in rules:
        assert faults.parse(words)


@pytest.mark.parametrize("words", ["drop", "drop fragments", "drop fragments up", "nat", "reject nothing"])
def test_unknown_faults_are_refused(words):
    with pytest.raises(LabError, match="no such fault"):
        faults.parse(words)


@pytest.mark.parametrize("step", ["initiate twice", "dance", "ping", ""])
def test_unknown_steps_are_refused(step, tmp_path):
    stage = steps.Stage(network=None, folder=tmp_path, points={}, ipv6=False)  # type: ignore[arg-type]
    with pytest.raises(LabError, match="no such step"):
        stage.do(step)


def test_unknown_keys_of_a_scenario_are_refused(tmp_path):
    (tmp_path / "a.toml").write_text('[a]\nfault = ["x"]\n')
    with pytest.raises(LabError, match="unknown fault"):
        scenario.load(tmp_path)


def frame(ike: bytes, *, port: int = 4500) -> bytes:
    """An Ethernet frame with an IKE message; checksums play no part."""
    data = (bytes(4) if port == 4500 else b"") + ike
    udp = struct.pack("!HHHH", port, port, 8 + len(data), 0) + data
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes(4), bytes(4))
    return bytes(12) + b"\x08\x00" + ip + udp


def skf(number: int, exchange: int = 35) -> bytes:
    header = bytes(16) + bytes([53, 0x20, exchange, 0x08]) + struct.pack("!II", 1, 44)
    return header + struct.pack("!BBHHH", 0, 0, 16, number, 3) + bytes(8)


def test_wire_loses_one_skf_once_or_always():
    once, always = wire.Rules(["lose skf/2 c2s once"]), wire.Rules(["lose skf/2 c2s always"])
    second, third = frame(skf(2)), frame(skf(3))
    assert [once.passing(second, "c2s"), once.passing(second, "c2s")] == [[], [second]]
    assert [always.passing(second, "c2s"), always.passing(second, "c2s")] == [[], []]
    assert always.passing(second, "s2c") == [second]
    assert always.passing(third, "c2s") == [third]


def test_wire_swaps_and_copies():
    first, second = frame(skf(1)), frame(skf(2))
    rules = wire.Rules(["swap skf/1 c2s"])
    assert [rules.passing(first, "c2s"), rules.passing(second, "c2s")] == [[], [second, first]]
    assert wire.Rules(["copy IKE_AUTH s2c"]).passing(first, "s2c") == [first, first]


def test_wire_knows_ike_on_both_ports_and_nothing_else():
    assert wire.names_of(frame(skf(2), port=500)) == {"IKE_AUTH", "mid/1", "skf/2"}
    later = bytearray(frame(skf(2)))
    later[20:22] = b"\x20\xb9"
    assert wire.names_of(bytes(later)) == set()
    esp = frame(b"\x01" * 40)
    esp = esp[:42] + b"\x01\x02\x03\x04" + esp[46:]
    assert wire.names_of(esp) == set()


@given(st.binary(min_size=14, max_size=200), st.sampled_from(["vlan", "pppoe"]))
def test_wire_takes_off_what_it_put_on(data, tag):
    data = data[:12] + b"\x08\x00" + data[14:]
    assert wire.untagged(wire.tagged(data, tag), tag) == data


@given(st.binary(max_size=120).map(lambda data: bytes(12) + data.ljust(60, b"\0")))
def test_wire_never_raises_on_bytes(data):
    wire.names_of(data)


def test_configuration_follows_the_changes():
    tree = Tree(scenario.FOLDER)
    side = strongswan.Side(
        "client", "psk", tree, tree, "192.0.2.10", "203.0.113.10", {"connection": {"fragmentation": "no", "vips": ""}}
    )
    conf = strongswan.swanctl_conf(side)
    assert "fragmentation = no" in conf
    assert "vips" not in conf
    assert "auth = psk" in conf


texts = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]))


@given(st.dictionaries(texts, texts | st.integers(0, 10**9) | st.booleans() | st.lists(texts)))
def test_tables_are_toml(entries):
    assert tomllib.loads(table("a", entries)) == {"a": entries}


TRUTH: dict[str, Any] = {"verdict": ["auth-failed"], "exit": 1, "spis": [["11" * 8, "22" * 8]], "response": "none"}
REPORT: dict[str, Any] = {
    "verdict": {"id": "auth-failed", "confidence": "strong"},
    "sas": [{"spi_i": "11" * 8, "fragmentation": {}, "ike_auth": {"request": None, "response": None}}],
}


def test_what_is_right_has_no_differences():
    assert differences(TRUTH, REPORT, 1) == []


@pytest.mark.parametrize(
    ("truth", "status", "expected"),
    [
        ({"verdict": ["connected-ok"]}, 1, "verdict auth-failed"),
        ({}, 0, "exit status 0"),
        ({"spis": [["33" * 8, "22" * 8]]}, 1, "IKE SAs"),
        ({"sas": {"auth-failed": 1}}, 1, "verdicts of IKE SAs"),
        ({"response": {"length": 65}}, 1, "IKE_AUTH response"),
        ({"fragmentation": {"initiator": "yes"}}, 1, "fragmentation"),
    ],
)
def test_what_is_wrong_is_said(truth, status, expected):
    report = REPORT | {"sas": [sa | {"verdict": {"id": "cannot-tell"}} for sa in REPORT["sas"]]}
    [line] = differences(TRUTH | truth, report, status)
    assert expected in line


def test_missing_things_are_said_in_one_line_with_status_2(monkeypatch, capsys):
    monkeypatch.setattr(requirements, "missing", lambda: "missing: apt-get install --no-install-recommends tcpdump")
    assert command.main(["connected"]) == 2
    assert capsys.readouterr().err == "missing: apt-get install --no-install-recommends tcpdump\n"


def test_unknown_scenarios_are_said_with_status_2(capsys):
    assert command.main(["nosuch"]) == 2
    assert "no such scenario: nosuch" in capsys.readouterr().err


def test_list_needs_no_root(capsys):
    assert command.main(["--list", "connected"]) == 0
    assert capsys.readouterr().out.startswith("connected ")
