"""The frames of a real Windows client's failed connection against tshark's table and values read by hand."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analyzer
from analyzer.capture import Capture

NAME = "corelight+zeek-spicy-ipsec/ipsec_client.pcap"
CLIENT, SERVER = "192.168.0.10", "144.76.154.114"


def rows(frame: pd.DataFrame) -> list[Any]:
    """Rows as named tuples."""
    return list(frame.itertuples())


@cache
def read(path: Path) -> Capture:
    return analyzer.read(path)


@pytest.fixture
def cap(shared_captures: Path) -> Capture:
    return read(shared_captures / "dev" / NAME)


def truth(shared_captures: Path) -> list[dict[str, str]]:
    with (shared_captures / "truth" / f"{NAME.replace('/', '__')}.tsv").open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


class TestPackets:
    """By hand, from ``tshark -T fields -e ip.id -e ip.flags -e ip.frag_offset -e ip.len -e ip.ttl``."""

    def test_sizes_and_offsets_of_the_fragments(self, cap):
        fragments = cap.packets[cap.packets.frame.between(3, 11)]
        assert fragments.frame.tolist() == list(range(3, 12))
        assert fragments.ip_length.tolist() == [1460, 1460, 620] * 3
        assert fragments.fragment_offset.tolist() == [0, 1440, 2880] * 3
        assert fragments.mf.tolist() == [True, True, False] * 3
        assert fragments.df.tolist() == [False] * 9
        assert fragments.ip_id.tolist() == [0x1B1E] * 3 + [0x1B1F] * 3 + [0x1B20] * 3

    def test_the_whole_packets(self, cap):
        request, response = cap.packets.iloc[0], cap.packets.iloc[1]
        assert (request.ip_length, request.ip_id, request.df, request.ttl) == (908, 0x1B1D, False, 128)
        assert (response.ip_length, response.ip_id, response.df, response.ttl) == (336, 0x4C53, True, 54)

    def test_lengths_and_ports(self, cap):
        packets = cap.packets
        assert packets.wire_length.tolist() == [922, 350, *[1474, 1474, 634] * 3]
        assert packets.captured_length.tolist() == packets.wire_length.tolist()
        assert packets.sport.tolist() == [500, 500, *[4500, pd.NA, pd.NA] * 3]
        assert packets.ip_version.eq(4).all() and packets.protocol.eq(17).all()

    def test_times(self, cap):
        assert cap.packets.time[0] == pd.Timestamp("2015-01-14T21:14:02.835161Z")
        assert cap.packets.time[10] == pd.Timestamp("2015-01-14T21:14:04.910382Z")
        assert cap.packets.time.is_monotonic_increasing

    def test_none_is_a_copy(self, cap):
        assert cap.packets.duplicate_of.isna().all()
        assert cap.packets.direction.eq("unknown").all()


class TestDatagrams:
    def test_fragments(self, cap):
        assert cap.datagrams.frames.tolist() == [(1,), (2,), (3, 4, 5), (6, 7, 8), (9, 10, 11)]
        assert cap.datagrams.fragments.tolist() == [1, 1, 3, 3, 3]
        assert cap.datagrams.complete.all() and not cap.datagrams.overlap.any()
        assert cap.datagrams.missing.tolist() == [()] * 5

    def test_mtu_of_the_senders_link(self, cap):
        assert cap.datagrams.first_fragment_length.tolist() == [pd.NA, pd.NA, 1460, 1460, 1460]
        assert cap.datagrams.mtu_lower.dropna().unique().tolist() == [1460]
        assert cap.datagrams.mtu_upper.dropna().unique().tolist() == [1467]


class TestMessages:
    def test_against_tshark(self, cap, shared_captures):
        rows = truth(shared_captures)
        messages = cap.messages
        assert messages.frame.tolist() == [int(r["frame.number"]) for r in rows]
        assert messages.length.tolist() == [int(r["isakmp.length"]) for r in rows]
        assert messages.spi_i.tolist() == [r["isakmp.ispi"] for r in rows]
        assert messages.spi_r.tolist() == [r["isakmp.rspi"] for r in rows]
        assert messages.exchange.tolist() == [int(r["isakmp.exchangetype"]) for r in rows]
        assert messages.message_id.tolist() == [int(r["isakmp.messageid"], 0) for r in rows]
        assert messages.is_response.tolist() == [bool(int(r["isakmp.flags"], 0) & 0x20) for r in rows]
        assert messages.is_initiator.tolist() == [bool(int(r["isakmp.flags"], 0) & 0x08) for r in rows]
        assert messages.src.tolist() == [r["ip.src"] for r in rows]
        assert messages.dport.tolist() == [int(r["udp.dstport"]) for r in rows]
        notifies = [tuple(int(n) for n in r["isakmp.notify.msgtype"].split(",") if n) for r in rows]
        assert messages.notifies.tolist() == notifies

    def test_payloads(self, cap):
        # By hand: SA KE Nonce N N V V V V, SA KE Nonce N N N, and SK with IDi in front.
        assert cap.messages.payloads.tolist() == [
            (33, 34, 40, 41, 41, 43, 43, 43, 43),
            (33, 34, 40, 41, 41, 41),
            *[(46,)] * 3,
        ]
        assert cap.messages.inner_payload.tolist() == [pd.NA, pd.NA, 35, 35, 35]
        assert cap.messages.nat_t.tolist() == [False, False, True, True, True]

    def test_vendor_ids_of_windows(self, cap):
        # docs/domain/vendor-ids.md: MS NT5 ISAKMPOAKLEY, then MS-Negotiation Discovery Capable.
        first = cap.messages.vendor_ids[0]
        assert len(first) == 4 and all(len(v) >= 32 for v in first)
        assert first[0].startswith("1e2b516905991c7d7c96fcbfb587e461")

    def test_the_retransmissions_are_equal(self, cap):
        auth = cap.messages[cap.messages.exchange_name == "IKE_AUTH"]
        assert len(auth) == 3 and auth.digest.nunique() == 1
        assert cap.messages.digest.nunique() == 3


class TestExchanges:
    def test_two(self, cap):
        init, auth = rows(cap.exchanges)
        assert (init.exchange_name, init.outcome, init.attempts) == ("IKE_SA_INIT", "answered", 1)
        assert init.rtt == pytest.approx(0.032969)
        assert (auth.exchange_name, auth.outcome, auth.attempts, auth.sender) == (
            "IKE_AUTH",
            "unanswered",
            3,
            "initiator",
        )
        assert auth.gaps == pytest.approx((1.000131, 1.000126))
        assert (auth.request_length, auth.request_ip_fragments, auth.request_skf_total) == (3468, 3, 0)
        assert auth.rtt is pd.NA


class TestSa:
    def test_one(self, cap):
        (sa,) = rows(cap.sas)
        assert (sa.spi_i, sa.spi_r) == ("238671c80375a0fb", "73d16a42f60ef7f0")
        assert (sa.initiator, sa.responder, sa.ike_version) == (CLIENT, SERVER, 2)
        assert (sa.fragmentation_i, sa.fragmentation_r) == ("no", "no")
        assert (sa.retransmits, sa.unanswered_exchanges, sa.reached) == (2, 1, "auth-sent")
        assert (sa.esp_i_to_r, sa.esp_r_to_i) == (0, 0)
        assert sa.verdict == "ike-auth-ip-fragments-lost-upstream"

    def test_path_mtu(self, cap):
        outward, back = rows(cap.path_mtu)
        assert (outward.direction, outward.lower, outward.upper) == ("initiator_to_responder", 1460, 1467)
        assert (back.lower, back.upper) == (pd.NA, pd.NA)

    def test_the_gravest_finding_comes_first(self, cap):
        first = cap.findings.iloc[0]
        assert (first.rule, first.id, first.severity) == ("FRG001", "ike-auth-ip-fragments-lost-upstream", "blocking")
        assert set(range(3, 12)) <= set(first.frames)
