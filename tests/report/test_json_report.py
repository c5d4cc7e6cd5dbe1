"""The JSON report: its contract, the reference case in it, and that the two never part (docs/json-report.md)."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import analyzer
from analyzer.analysis import analyse
from analyzer.report.json_report import as_dict, as_json, error_line
from tests.fuzz.hostile import auth_sas
from tests.relate.captures import GOES_ON, HOSTS, INIT, capture
from tests.report.published import SCHEMA, departures

SAMPLES = sorted(p.stem for p in (Path(__file__).resolve().parents[2] / "sample_pcaps").glob("*.ladder"))
REAL = (
    "corelight+zeek-spicy-ipsec/ipsec_client.pcap",
    "corelight+zeek-spicy-ipsec/ikev1-certs.pcap",
    "ukncsc+zeek-plugin-ikev2/ikev2.pcap",
    "secdev+scapy/ikev2_nat_t.pcapng",
    "the-tcpdump-group+tcpdump/isakmp-delete-segfault.pcap",
    "the-tcpdump-group+tcpdump/tests/isakmp-ikev1_n_print-oobr.pcap",
)


def parsed(cap: analyzer.Capture) -> dict[str, Any]:
    """The report as a reader of the line gets it."""
    line = as_json(cap.analysis)
    assert "\n" not in line and line.isascii()
    report: dict[str, Any] = json.loads(line)
    return report


class TestContract:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_samples(self, samples: Path, name):
        report = parsed(analyzer.read(samples / f"{name}.pcapng", sha256=True))
        assert departures(report) == []

    @pytest.mark.parametrize("name", REAL)
    def test_real_captures(self, shared_captures: Path, name):
        report = parsed(analyzer.read(shared_captures / "dev" / name))
        assert departures(report) == []

    def test_a_capture_without_ike(self):
        report = parsed(capture("+0 C:40000 > S:9 UDP\n"))
        assert departures(report) == []
        assert report["sas"] == [] and report["findings"][0]["sa"] is None

    def test_the_check_can_fail(self, samples: Path):
        report = parsed(analyzer.read(samples / "809-fragments-lost.pcapng"))
        report["sas"][0]["retransmits"] = True
        report["sas"][0]["nat"]["initiator"] = "maybe"
        report["capture"]["first"] = 0
        del report["verdict"]["text"]
        report["findings"][0]["frames"].append("12")
        report["verdict"]["mood"] = "good"
        report["sas"][0]["exchanges"][0]["outcome"] = "response only"
        assert len(departures(report)) == 7

    def test_the_schema_is_one(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        assert departures(json.loads(error_line("gone.pcap", "no such file")), "unreadable") == []
        described = [d for d in SCHEMA["$defs"].values() if d.get("type") == "object"]
        assert all(set(d["required"]) == set(d["properties"]) for d in described)

    @pytest.mark.parametrize("name", SAMPLES)
    def test_parts_agree_with_each_other(self, samples: Path, name):
        report = parsed(analyzer.read(samples / f"{name}.pcapng"))
        spis = {sa["spi_i"] for sa in report["sas"]}
        for entry in (*report["findings"], *report["not_assessed"]):
            assert entry["sa"] is None or entry["sa"] in spis
        for finding in report["findings"]:
            numbers = [int(n) for n in re.findall(r"\d+", finding["filter"])]
            assert numbers == finding["frames"] == sorted(set(numbers))
            assert all(1 <= n <= report["capture"]["packets"] for n in numbers)
        deciding = report["sas"][report["verdict"]["sa"] - 1]["verdict"]
        assert report["verdict"]["text"].endswith(deciding["text"])
        assert sum(row["sas"] for row in report["tally"]) == report["sas_total"] == len(report["sas"])
        assert {row["example"] for row in report["tally"]} <= spis
        assert {sa["side"] for sa in report["sas"]} == {report["capture"]["side"]}
        assert report["capture"]["first"] <= report["sas"][0]["start"] <= report["sas"][0]["end"]


class TestReference:
    """A real Windows client: three IP fragments, three times, no answer. Values by hand from tshark."""

    @pytest.fixture
    def path(self, shared_captures: Path) -> Path:
        return shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap"

    @pytest.fixture
    def report(self, path: Path) -> dict[str, Any]:
        return parsed(analyzer.read(path, sha256=True))

    def test_the_capture(self, report, path):
        assert report["file"] == str(path)
        assert report["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert report["capture"] == {
            "format": "pcap",
            "packets": 11,
            "ike_messages": 5,
            "first": "2015-01-14T21:14:02.835161Z",
            "last": "2015-01-14T21:14:04.910382Z",
            "side": "initiator",
            "quality": [],
        }

    def test_the_verdict_is_one_sentence_with_every_number(self, report):
        verdict = report["verdict"]
        assert (verdict["id"], verdict["severity"]) == ("ike-auth-ip-fragments-lost-upstream", "blocking")
        assert verdict["confidence"] == "probable"  # from a client's trace alone: most likely, not proved
        text = verdict["text"]
        for fact in ("3,468-byte IKE_AUTH request", "3 IP fragments", "3 times", "no answer", "16430", "1,460..1,467"):
            assert fact in text
        assert "neither side offered" in text
        assert text.endswith(".") and text.count(". ") == 0

    def test_the_ike_sa(self, report):
        (sa,) = report["sas"]
        assert (sa["spi_i"], sa["spi_r"]) == ("238671c80375a0fb", "73d16a42f60ef7f0")
        assert (sa["initiator"], sa["responder"], sa["ike_version"]) == ("192.168.0.10", "144.76.154.114", 2)
        assert (sa["start"], sa["end"]) == ("2015-01-14T21:14:02.835161Z", "2015-01-14T21:14:04.910352Z")
        assert sa["reached"] == "auth-sent"
        assert sa["fragmentation"] == {"initiator": "no", "responder": "no"}
        assert sa["nat"] == {"initiator": "yes", "responder": "no"}
        assert sa["ike_auth"]["request"] == {
            "length": 3468,
            "ip_fragments": 3,
            "largest_ip_packet": 1460,
            "skf_total": 0,
            "attempts": 3,
            "complete": True,
        }
        assert sa["ike_auth"]["response"] is None
        assert (sa["retransmits"], sa["unanswered_exchanges"]) == (2, 1)
        assert sa["path_mtu"]["initiator_to_responder"] == {"lower": 1460, "upper": 1467}
        assert sa["path_mtu"]["responder_to_initiator"] == {"lower": None, "upper": None}
        assert sa["verdict"] == report["verdict"]

    def test_the_findings(self, report):
        first = report["findings"][0]
        assert (first["rule"], first["id"]) == ("FRG001", report["verdict"]["id"])
        assert set(range(3, 12)) <= set(first["frames"])
        assert "frame.number in {" in first["filter"]
        # The server shows strongSwan's order of payloads, no vendor ID of Windows: the remedies name both sides.
        remedies = {remedy["product"]: remedy for remedy in first["remedies"]}
        assert "Windows 10 version 1803" in " ".join(r["text"] for r in remedies.values()) and "strongswan" in remedies
        assert {"FRG003", "FRG005"} <= {f["rule"] for f in report["findings"]}

    def test_which_products_the_sides_may_be(self, report):
        """By the vendor IDs (tshark: MS NT5 ISAKMPOAKLEY, version 9), and the payloads of the answer."""
        (sa,) = report["sas"]
        assert sa["side"] == "initiator"
        client, server = sa["peers"]["initiator"], sa["peers"]["responder"]
        assert {guess["product"] for guess in client} == {"windows-client"}
        assert client[0]["strength"] == "vendor-id" and "MS NT5 ISAKMPOAKLEY version 9" in client[0]["evidence"]
        assert [(guess["product"], guess["strength"]) for guess in server] == [("strongswan", "order")]

    def test_what_ike_fragmentation_would_have_sent(self, report):
        """By hand: 1,460 bytes of IP leave 1,428 of UDP payload behind the NAT-T marker; 3,468 need three of them."""
        (plan,) = report["sas"][0]["what_if"]
        assert (plan["exchange"], plan["is_response"], plan["length"]) == ("IKE_AUTH", False, 3468)
        assert (plan["mtu"], plan["fragments"], plan["helps"]) == (1460, 3, True)
        assert 1400 < plan["largest_packet"] <= 1460


class TestValues:
    def sa(self, *steps: str, hosts: str = HOSTS, **options: Any) -> dict[str, Any]:
        (sa,) = parsed(capture(*steps, hosts=hosts, **options))["sas"]
        found: dict[str, Any] = sa
        return found

    def test_skf_lengths_are_sums(self, samples: Path):
        (sa,) = parsed(analyzer.read(samples / "809-fixed.pcapng"))["sas"]
        # The ladder: 6 x 580 + 212; IP adds 20, 8 and 4 bytes to each.
        assert sa["ike_auth"]["request"] == {
            **{"length": 3692, "ip_fragments": 1, "largest_ip_packet": 612},
            **{"skf_total": 7, "attempts": 1, "complete": True},
        }
        assert (sa["ike_auth"]["response"]["length"], sa["ike_auth"]["response"]["skf_total"]) == (2128, 4)

    def test_an_incomplete_response(self, samples: Path):
        (sa,) = parsed(analyzer.read(samples / "response-fragments-lost.pcapng"))["sas"]
        response = sa["ike_auth"]["response"]
        assert (response["length"], response["attempts"], response["complete"]) == (3184, 4, False)

    def test_capture_duplicates_are_no_retransmits(self):
        assert self.sa(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 400 dup\n", GOES_ON)["retransmits"] == 0

    def test_an_spi_that_was_never_chosen_is_null(self):
        assert self.sa("+0 C:500 > S:500 IKE_SA_INIT request x3 at +1 +3\n", GOES_ON)["spi_r"] is None

    def test_what_is_known_of_an_ike_sa_does_not_depend_on_how_many_there_are(self):
        """Of 2,100 failed attempts each is told as the first is: side, peers, plans."""
        report = as_dict(analyse("many.pcap", stream=io.BytesIO(auth_sas(4 * 2_099))))
        assert len(report["sas"]) == 2_100
        first, *others = ({key: sa[key] for key in ("side", "peers", "what_if")} for sa in report["sas"])
        assert first["peers"].keys() == {"initiator", "responder"} and first["what_if"][0]["length"] == 3468
        assert first["side"] in ("initiator", "responder", "middle", "unknown")
        assert all(other == first for other in others)
        assert [d for sa in report["sas"][::100] for d in departures(sa, "sa")] == []

    def test_a_connection_in_small_packets_needs_no_plan(self, samples: Path):
        (sa,) = parsed(analyzer.read(samples / "connected-ok.pcapng"))["sas"]
        assert sa["what_if"] == []

    def test_no_ike_auth_is_null(self):
        assert self.sa(INIT)["ike_auth"] == {"request": None, "response": None}

    def test_ikev1(self):
        sa = self.sa("+0 C:500 > S:500 IKEv1 Main Mode request\n+0.1 C:500 < S:500 IKEv1 Main Mode response\n")
        assert (sa["ike_version"], sa["fragmentation"]["initiator"]) == (1, "unknown")

    def test_what_the_user_knows_of_the_mtu(self):
        assert self.sa(INIT, mtu=1400)["path_mtu"]["initiator_to_responder"] == {"lower": 1400, "upper": 1400}

    def test_a_hash_that_nobody_asked_for_is_null(self):
        assert as_dict(capture(INIT).analysis)["sha256"] is None

    @pytest.mark.parametrize(
        "name, quality",
        [
            ("pktmon-128-bytes", ["capture-truncated"]),
            ("filtered-capture", ["capture-filtered-fragments"]),
            ("connected-ok", []),
        ],
    )
    def test_quality(self, samples: Path, name, quality):
        assert parsed(analyzer.read(samples / f"{name}.pcapng"))["capture"]["quality"] == quality

    def test_quality_names_duplicates(self):
        cap = capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 400 dup\n", GOES_ON)
        assert "duplicate-capture-artifact" in parsed(cap)["capture"]["quality"]

    def test_the_side_of_a_capture_whose_ike_sas_disagree(self):
        hosts = HOSTS.strip() + "  D = 198.51.100.9\nat C\n"
        both = (
            "+0.0 C:500 > S:500 IKE_SA_INIT request sa 1\n+0.1 C:500 < S:500 IKE_SA_INIT response sa 1\n"
            "+1.0 D:500 > C:500 IKE_SA_INIT request sa 2\n+1.1 D:500 < C:500 IKE_SA_INIT response sa 2\n"
        )
        cap = capture(both, hosts=hosts)
        assert [sa.side for sa in cap.analysis.sas] == ["initiator", "responder"]
        assert parsed(cap)["capture"]["side"] == "unknown"
