"""Every frame of every capture keeps its contract; missing is <NA>, never False."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analyzer
from analyzer.capture import Capture
from analyzer.frames.contracts import CONTRACTS, TIME, Contract
from tests.relate.captures import GOES_ON, INIT, capture

SAMPLES = sorted(p.stem for p in (Path(__file__).resolve().parents[2] / "sample_pcaps").glob("*.ladder"))

REAL = (
    "corelight+zeek-spicy-ipsec/ipsec_client.pcap",
    "corelight+zeek-spicy-ipsec/ikev1-certs.pcap",
    "corelight+zeek-spicy-ipsec/ipsec-ikev1-payload-bad-length.pcap",
    "ukncsc+zeek-plugin-ikev2/ikev2.pcap",
    "secdev+scapy/ikev2_nat_t.pcapng",
    "arkime+arkime/IKEv1.pcap",
    "cisco+mercury/emix.pcap",
    "open5gs+open5gs/ipsec_to_nonipsec_call.pcapng",
    "the-tcpdump-group+tcpdump/isakmp-delete-segfault.pcap",
    "the-tcpdump-group+tcpdump/tests/isakmp-ikev1_n_print-oobr.pcap",
    "libreswan+libreswan/history/54091c402e/parentR1.pcap",
)

#: Values that a column of words may hold.
WORDS = {
    ("packets", "direction"): {"in", "out", "unknown"},
    ("messages", "transport"): {"udp", "tcp"},
    ("exchanges", "sender"): {"initiator", "responder"},
    ("exchanges", "outcome"): {"answered", "unanswered", "superseded", "response only", "open at end of capture"},
    ("exchanges", "retry_reason"): {"", "cookie", "invalid_ke", "refragmented"},
    ("sas", "fragmentation_i"): {"yes", "no", "unknown"},
    ("sas", "fragmentation_r"): {"yes", "no", "unknown"},
    ("sas", "nat_i"): {"yes", "no", "unknown"},
    ("sas", "nat_r"): {"yes", "no", "unknown"},
    ("sas", "reached"): {
        *("init-sent", "init-answered", "auth-sent", "auth-answered", "established", "closed", "unknown")
    },
    ("path_mtu", "direction"): {"initiator_to_responder", "responder_to_initiator"},
    ("findings", "severity"): {"blocking", "degrading", "information"},
    ("findings", "confidence"): {"proved", "strong", "probable", "possible", "cannot-tell"},
}

#: Text columns in which nothing may be missing, whatever the capture lacks.
NULLABLE_TEXT = {("sas", "spi_r"), ("sas", "chosen")}


def keeps(contract: Contract, frame: pd.DataFrame) -> None:
    assert tuple(frame.columns) == contract.names
    assert isinstance(frame.index, pd.RangeIndex)
    for column in contract.columns:
        values = frame[column.name]
        assert str(values.dtype) == column.dtype, column
        place = (contract.name, column.name)
        if column.dtype == "object":
            assert all(type(value) is tuple for value in values), column
        if column.dtype == "string":
            assert place in NULLABLE_TEXT or values.notna().all(), column
        if place in WORDS:
            assert set(values) <= WORDS[place], column


def keys_are_unique(contract: Contract, frame: pd.DataFrame) -> None:
    assert not frame.duplicated(list(contract.key)).any(), frame[frame.duplicated(list(contract.key), keep=False)]


def references_hold(cap: Capture) -> None:
    """Numbers in one frame that name rows of another."""
    assert set(cap.packets.datagram.dropna()) <= set(cap.datagrams.datagram)
    assert set(cap.messages.datagram.dropna()) <= set(cap.datagrams.datagram)
    assert set(cap.packets.duplicate_of.dropna()) <= set(cap.packets.frame)
    assert {frame for frames in cap.datagrams.frames for frame in frames} <= set(cap.packets.frame)
    for frame in (cap.exchanges, cap.path_mtu, cap.findings):
        assert set(frame.sa.dropna()) <= set(cap.sas.sa)
    assert len(cap.path_mtu) == 2 * len(cap.sas)


def checked(cap: Capture) -> None:
    for name, contract in CONTRACTS.items():
        frame = getattr(cap, name)
        keeps(contract, frame)
        # A rule may find several things in one IKE SA: two IKE_AUTH messages in IP fragments.
        if name != "findings":
            keys_are_unique(contract, frame)
    references_hold(cap)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(samples: Path, name):
    checked(analyzer.read(samples / f"{name}.pcapng"))


@pytest.mark.parametrize("name", REAL)
def test_real_captures(shared_captures: Path, name):
    checked(analyzer.read(shared_captures / "dev" / name))


def test_tcp_icmp_duplicates_and_ipv6():
    checked(capture(INIT, "+1 C:41000 > S:4500 IKE_AUTH request 400 tcp\n", GOES_ON))
    checked(capture(INIT, "+1 C:500 > S:500 IKE_AUTH request 3000 x2 at +1 dup\n+3 C < S ICMP port-unreachable\n"))
    checked(capture(INIT, "+1 C:500 > S:500 IKE_AUTH request 3000\n", hosts="C = 2001:db8::1  S = 2001:db8::2\n"))


class TestNothingThere:
    def empty(self) -> Capture:
        return capture("+0 C:40000 > S:9 UDP\n")

    def test_frames_without_rows_keep_columns_and_dtypes(self):
        for name, contract in CONTRACTS.items():
            frame = getattr(self.empty(), name)
            keeps(contract, frame)
            assert len(frame) == (1 if name == "findings" else 0)
        assert self.empty().findings.id.tolist() == ["no-ike-in-capture"]
        assert self.empty().findings.sa.isna().all()

    def test_a_capture_without_any_packet(self, samples: Path):
        section = (samples / "connected-ok.pcapng").read_bytes()
        cap = analyzer.read("empty.pcapng", stream=io.BytesIO(section[: int.from_bytes(section[4:8], "little")]))
        for name, contract in CONTRACTS.items():
            keeps(contract, getattr(cap, name))

    def test_they_can_be_put_together_with_others(self, samples: Path):
        full = analyzer.read(samples / "connected-ok.pcapng")
        for name, contract in CONTRACTS.items():
            together = pd.concat([getattr(full, name), getattr(self.empty(), name)], ignore_index=True)
            keeps(contract, together)


class TestMissing:
    def test_a_request_without_a_response(self):
        exchange = capture("+0 C:500 > S:500 IKE_SA_INIT request x3 at +1 +3\n", GOES_ON).exchanges.iloc[0]
        assert exchange.request_complete is True or exchange.request_complete is np.True_
        for column in ("response_length", "response_ip_fragments", "response_skf_total", "response_complete", "rtt"):
            assert exchange[column] is pd.NA, column

    def test_a_response_without_a_request(self):
        exchange = capture("+0 C:500 < S:500 IKE_AUTH response 300 mid 1\n").exchanges.iloc[0]
        for column in ("request_length", "request_ip_fragments", "request_skf_total", "request_complete", "rtt"):
            assert exchange[column] is pd.NA, column
        assert exchange.times == exchange.gaps == ()

    def test_an_spi_that_was_never_chosen(self):
        sa = capture("+0 C:500 > S:500 IKE_SA_INIT request\n").sas.iloc[0]
        assert sa.spi_r is pd.NA
        assert sa.chosen is pd.NA

    def test_ports_of_later_fragments(self):
        packets = capture("+0 C:500 > S:500 IKE_AUTH request 3468 mid 1\n").packets
        assert packets.sport.isna().tolist() == [False, True, True]
        assert packets.dport.isna().tolist() == [False, True, True]

    def test_df_and_identification_of_ipv6(self):
        hosts = "C = 2001:db8::1  S = 2001:db8::2\n"
        packets = capture(INIT, "+1 C:500 > S:500 IKE_AUTH request 3000\n", hosts=hosts).packets
        assert packets.df.isna().all()
        assert packets.ip_id.isna().tolist() == [True, True, False, False, False]

    def test_what_no_fragment_told(self):
        datagram = capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 3468 lost 1\n").datagrams.iloc[2]
        assert datagram[["first_fragment_length", "mtu_lower", "mtu_upper"]].isna().all()
        assert not datagram.complete

    def test_bounds_of_a_direction_without_fragments(self):
        path_mtu = capture(INIT).path_mtu
        assert path_mtu.lower.isna().all() and path_mtu.upper.isna().all()

    def test_skf_numbers_and_inner_payload_of_messages_without(self):
        messages = capture(INIT).messages
        assert messages[["skf_number", "skf_total", "inner_payload"]].isna().all(axis=None)

    def test_the_datagram_of_an_icmp_error(self):
        packets = capture(INIT, "+1 C < S ICMP port-unreachable\n").packets
        assert packets[packets.protocol == 1].datagram.isna().all()

    def test_what_the_host_dropped_is_not_known_from_a_pcapng_without_verdicts(self):
        assert not capture(INIT).packets.dropped_by_host.eq(True).any()


def test_times_are_exact_to_the_nanosecond():
    packets = capture("+0.123456789 C:500 > S:500 IKE_SA_INIT request\n").packets
    assert packets.time.dtype == TIME
    assert packets.time[0].nanosecond == 789
    assert packets.time[0].isoformat() == "2024-01-15T09:00:00.123456789+00:00"
