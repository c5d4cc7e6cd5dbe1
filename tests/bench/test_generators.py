"""The captures of the benchmark are what they claim to be, as tshark and dpkt see them, at a small scale."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from pathlib import Path

import dpkt
import pytest

from tests.bench import dense, esp, mixed
from tests.bench.dpkt_loop import count_ike

CHECKED = [f"-o{name}.check_checksum:TRUE" for name in ("ip", "udp", "tcp")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bench")
    paths = {name: folder / f"{name}.pcap" for name in ("mixed", "dense", "esp")}
    mixed.write(paths["mixed"], 9_000, piece=4_000)  # three pieces, the last one short
    dense.write(paths["dense"], 5 * 124)
    esp.write(paths["esp"], 5_000, per_connection=2_000)
    return paths


def dissected(tshark: Path, capture: Path, display_filter: str, *fields: str) -> list[list[str]]:
    columns = [word for field in fields for word in ("-e", field)]
    command: list[str | Path] = [tshark, *CHECKED, "-r", capture, "-Y", display_filter, "-T", "fields", *columns]
    said = subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL)
    return [line.split("\t") for line in said.splitlines()]


def frames(capture: Path) -> list[bytes]:
    with capture.open("rb") as file:
        return [frame for _, frame in dpkt.pcap.Reader(file)]


@pytest.mark.parametrize(("name", "packets"), [("mixed", 9_000), ("dense", 620), ("esp", 5_000)])
def test_number_of_packets_is_the_one_asked_for(made, name, packets):
    assert len(frames(made[name])) == packets


@pytest.mark.parametrize("name", ["mixed", "dense", "esp"])
def test_times_do_not_go_back(made, name):
    with made[name].open("rb") as file:
        times = [time for time, _ in dpkt.pcap.Reader(file)]
    assert times == sorted(times)


@pytest.mark.parametrize("name", ["mixed", "dense", "esp"])
def test_tshark_finds_nothing_malformed_and_all_checksums_right(tshark, made, name):
    wrong = " || ".join(f"{layer}.checksum.status == 0" for layer in ("ip", "udp", "tcp", "icmp"))
    assert dissected(tshark, made[name], f"{wrong} || _ws.malformed", "frame.number") == []


def test_checksums_are_there_to_be_right(tshark, made):
    """A wrong one would be seen: tshark verifies those of TCP, and of UDP but for ESP."""
    assert len(dissected(tshark, made["mixed"], "tcp.checksum.status == 1", "frame.number")) > 5_000
    assert len(dissected(tshark, made["mixed"], "udp.checksum.status == 1", "frame.number")) > 2_000


def test_mixed_traffic_is_a_client_s(tshark, made):
    seen = Counter(row[0] for row in dissected(tshark, made["mixed"], "frame", "frame.protocols"))
    for protocols in ("ip:tcp", "ip:tcp:tls", "ipv6:tcp:tls", "arp"):
        assert seen[f"eth:ethertype:{protocols}"] >= 30, protocols
    for part in (":ip:udp:quic", ":ipv6:udp:quic", ":ip:udp:dns", ":ip:icmp:data"):
        assert sum(count for protocols, count in seen.items() if part in protocols) >= 20, part


def test_mixed_size_is_near_a_real_client_trace(made):
    """1.1 GB for 1.3 million packets, record headers included."""
    assert made["mixed"].stat().st_size / 9_000 == pytest.approx(1.1e9 / 1.3e6, rel=0.04)


def test_tcp_connections_of_mixed_are_whole_across_pieces(tshark, made):
    signs = ("lost_segment", "ack_lost_segment", "retransmission", "out_of_order")
    broken = " || ".join(f"tcp.analysis.{sign}" for sign in signs)
    assert dissected(tshark, made["mixed"], broken, "frame.number") == []


def test_downloads_of_mixed_are_full_tls_records_over_many_segments(tshark, made):
    """16 KiB with the inner type and the tag: 16,401 bytes; answers of one record each beside them."""
    rows = dissected(tshark, made["mixed"], "tls", "tls.record.length", "tcp.segment.count")
    full = [row for row in rows if "16401" in row[0]]
    assert len(full) > 100
    assert all(int(row[1].split(",")[0]) >= 11 for row in full)
    assert sum(row[0] == "1455" for row in rows) > 100


def test_mixed_has_an_ike_connection_every_4000_packets(tshark, made):
    """Begun at 1,000 and 5,000 of each run; the third run is too short for one. IKE_AUTH is in IP fragments."""
    seen = dissected(tshark, made["mixed"], "isakmp", "frame.number", "isakmp.exchangetype", "ip.fragment.count")
    assert [int(row[0]) for row in seen if row[1] == "34"] == [1001, 1041, 5001, 5041]
    assert [row[2] for row in seen if row[1] == "35"] == ["3", "2"] * 2
    assert sum(row[1] == "37" for row in seen) in (4, 6, 8)


def test_dense_rounds_hold_the_messages_that_were_counted_by_hand(tshark, made):
    """A round: 8 healthy, 3 with a cookie, 4 in SKF (3 + 2), 2 in IP fragments (3 + 2), 2 + 1 unanswered (4 attempts).

    IKE_SA_INIT 16 + 12 + 8 + 4 + 4 + 4; IKE_AUTH 16 + 6 + 20 + 4 + 8; INFORMATIONAL 16.
    """
    seen = dissected(tshark, made["dense"], "isakmp", "isakmp.exchangetype", "isakmp.ispi")
    assert Counter(row[0] for row in seen) == {"34": 5 * 48, "35": 5 * 54, "37": 5 * 16}
    assert len({row[1] for row in seen}) == 5 * 20
    cookies = dissected(tshark, made["dense"], "isakmp.notify.msgtype == 16390", "frame.number")
    assert len(cookies) == 5 * 3 * 2
    skf = dissected(tshark, made["dense"], "isakmp.nextpayload == 53 || isakmp.typepayload == 53", "frame.number")
    assert len(skf) == 5 * 4 * 5


def test_dense_nat_detection_tells_the_third_that_is_behind_one(made):
    """The initiator's source hash is over its own address, so it fits the packet unless a NAT changed that."""
    fits = []
    for frame in frames(made["dense"]):
        ip = dpkt.ethernet.Ethernet(frame).data
        ike = bytes(ip.data.data) if isinstance(ip.data, dpkt.udp.UDP) and ip.data.dport == 500 else b""
        if ike[16:19] == b"\x21\x20\x22":  # begins with the SA payload: not the retry with a cookie
            expected = hashlib.sha1(ike[:16] + ip.src + ip.data.sport.to_bytes(2, "big")).digest()
            fits.append((ike[:8], expected in ike))
    assert Counter(fit for _, fit in set(fits)) == {False: 34, True: 66}


def test_esp_flows_both_ways_beside_ike_and_keepalives(tshark, made):
    rows = dissected(tshark, made["esp"], "esp", "esp.spi", "esp.sequence", "udp.srcport", "ip.src")
    assert len({row[0] for row in rows}) == 3 * 2
    assert {row[3] for row in rows} == {"192.168.1.20", "203.0.113.7"}
    assert len(dissected(tshark, made["esp"], "udpencap.nat_keepalive", "frame.number")) == 5_000 // 500
    ike = dissected(tshark, made["esp"], "isakmp", "isakmp.exchangetype")
    assert Counter(row[0] for row in ike) == {"34": 6, "35": 6, "37": 6}


def test_the_same_bytes_each_time(made, tmp_path):
    mixed.write(tmp_path / "mixed.pcap", 9_000, piece=4_000)
    dense.write(tmp_path / "dense.pcap", 5 * 124)
    esp.write(tmp_path / "esp.pcap", 5_000, per_connection=2_000)
    for name, path in made.items():
        assert (tmp_path / f"{name}.pcap").read_bytes() == path.read_bytes()


def test_dpkt_loop_counts_each_datagram_once(made):
    """A round is 124 packets, 6 of which only continue a datagram: 2 connections with 3 + 2 IP fragments."""
    assert count_ike(str(made["dense"])) == 5 * (124 - 6)


def test_what_is_offered_and_chosen(tshark, made):
    """AES-GCM-16 (20), or AES-CBC (12) with SHA2-256-128 (12); PRF SHA2-256 (5), groups 19, 14; the first is taken."""
    transforms = [f"isakmp.tf.id.{kind}" for kind in ("encr", "prf", "integ", "dh")]
    both_ways = "isakmp.exchangetype == 34 && isakmp.typepayload == 33"
    seen = {tuple(row) for row in dissected(tshark, made["dense"], both_ways, *transforms, "isakmp.notify.msgtype")}
    announced = "16388,16389,16430,16431"
    assert seen == {
        ("20,12", "5,5", "12", "19,14,19,14", announced),
        ("20,12", "5,5", "12", "19,14,19,14", f"16390,{announced}"),  # again, with the cookie
        ("20", "5", "", "19", announced),
    }
