"""The capture maker, judged by tshark, tcpdump, a real Windows client's bytes, and arithmetic from the RFCs."""

from __future__ import annotations

import hashlib
import ipaddress
import shutil
import struct
import subprocess
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import UsageError
from analyzer.report.ladder.notation import parse, render
from sample_pcaps.lab import ip
from sample_pcaps.lab.capture_filter import compile_filter
from sample_pcaps.lab.maker import main, make, make_packets

CHECKS = [f"-o{protocol}.check_checksum:TRUE" for protocol in ("ip", "udp", "tcp")]
HOSTS = "C = 10.0.0.2  S = 203.0.113.7  link raw\n"
HOSTS6 = "C = 2001:db8:1::2  S = 2001:db8:2::7  link raw\n"

SAMPLES = (
    "809-fixed",
    "809-fragments-lost",
    "connected-ok",
    "filtered-capture",
    "invalid-ke-then-ok",
    "ipv6-fragments-lost",
    "no-proposal-chosen",
    "no-response",
    "pktmon-128-bytes",
    "response-fragments-lost",
    "udp-4500-blocked",
)


def fields(tshark: Path, capture: Path, display_filter: str, names: str, checks: list[str] = CHECKS) -> list[list[str]]:
    """Ask tshark for fields (``names``, separated by spaces) of the frames that a display filter selects."""
    command = [str(tshark), *checks, "-r", str(capture), "-Y", display_filter, "-T", "fields"]
    command += [f"-e{name}" for name in names.split()]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in out.stdout.splitlines()]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "made.pcapng"
    path.write_bytes(make(parse(text)))
    return path


def packets(text: str) -> list[bytes]:
    return [data for _, data, _ in make_packets(parse(text))]


def ike(packet: bytes, *, marker: bool = False) -> bytes:
    """Return the IKE message of a whole raw IPv4 packet."""
    return packet[20 + 8 + (4 if marker else 0) :]


# The samples that come with the project


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_what_its_ladder_makes(samples: Path, name: str) -> None:
    text = (samples / f"{name}.ladder").read_text(encoding="utf-8")
    capture = (samples / f"{name}.pcapng").read_bytes()
    assert make(parse(text)) == capture, "run python -m sample_pcaps.lab.maker --all"
    assert len(capture) < 100_000
    comments = [line for line in text.splitlines(keepends=True) if line.startswith("#")]
    assert "".join(comments) + render(parse(text)) == text


def test_samples_and_manifest_are_the_same_list(samples: Path) -> None:
    assert tuple(sorted(path.stem for path in samples.glob("*.ladder"))) == SAMPLES
    manifest = (samples / "MANIFEST").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in manifest.splitlines() if line.startswith("|")][2:]
    assert sorted(rows) == [f"{name}.pcapng" for name in SAMPLES]


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_has_only_documentation_addresses(samples: Path, name: str) -> None:
    allowed = ["10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
    for host in parse((samples / f"{name}.ladder").read_text(encoding="utf-8")).hosts:
        for address in filter(None, (host.address, host.nat)):
            assert any(ipaddress.ip_address(address) in ipaddress.ip_network(net) for net in allowed)


@pytest.mark.parametrize("name", SAMPLES)
def test_tshark_has_nothing_to_say_against_a_sample(tshark: Path, samples: Path, name: str) -> None:
    # Notes and warnings of the expert system; a cut capture has its own note, which is no complaint.
    columns = "frame.number _ws.expert.message"
    bad = fields(tshark, samples / f"{name}.pcapng", "_ws.expert.severity >= 0x400000", columns)
    if name == "pktmon-128-bytes":
        bad = [row for row in bad if "Unreassembled fragment" not in row[1]]
    assert bad == []


def test_the_first_sample(tshark: Path, samples: Path) -> None:
    capture = samples / "809-fragments-lost.pcapng"
    names = "isakmp.length isakmp.notify.msgtype udp.srcport isakmp.flag_r"
    init = fields(tshark, capture, "isakmp.exchangetype == 34", names)
    assert init == [["544", "16430,16388,16389", "500", "0"], ["408", "16388,16389", "500", "1"]]
    # SA KE No N N N V V V V and nothing else: tshark lists also what is inside SA (2 proposal, 3 transform).
    chain = fields(tshark, capture, "isakmp.exchangetype == 34", "isakmp.typepayload")
    assert [",".join(kind for kind in row[0].split(",") if kind not in "23") for row in chain] == [
        "33,34,40,41,41,41,43,43,43,43",
        "33,34,40,41,41,43,43,43,43",
    ]
    parts = "ip.len ip.frag_offset ip.flags.mf ip.flags.df"
    pieces = fields(tshark, capture, "ip.flags.mf == 1 or ip.frag_offset > 0", parts)
    assert pieces == [["1500", "0", "1", "0"], ["1500", "185", "1", "0"], ["512", "370", "0", "0"]] * 4
    auth = fields(tshark, capture, "isakmp.exchangetype == 35", "frame.number isakmp.length isakmp.messageid")
    assert auth == [[frame, "3440", "0x00000001"] for frame in ("23", "29", "35", "41")]
    # Nothing comes from the gateway after its IKE_SA_INIT response; the capture goes on for more than ten seconds.
    assert fields(tshark, capture, "ip.src == 203.0.113.10", "frame.number") == [["20"]]
    first_and_last = fields(tshark, capture, "frame.number in {39, 50}", "frame.time_epoch")
    assert float(first_and_last[1][0]) - float(first_and_last[0][0]) > 10


def test_the_fixed_sample(tshark: Path, samples: Path) -> None:
    capture = samples / "809-fixed.pcapng"
    init = fields(tshark, capture, "isakmp.exchangetype == 34", "isakmp.notify.msgtype")
    assert init == [["16430,16388,16389"]] * 2
    skf = "isakmp.frag.number isakmp.frag.total isakmp.length isakmp.flag_r"
    assert fields(tshark, capture, "isakmp.exchangetype == 35", skf) == [
        *([str(k), "7", "580" if k < 7 else "212", "0"] for k in range(1, 8)),
        *([str(k), "4", "580" if k < 4 else "388", "1"] for k in range(1, 5)),
    ]
    assert len(fields(tshark, capture, "esp and ip.src == 203.0.113.10", "esp.sequence")) == 24


@pytest.mark.parametrize(
    ("name", "display_filter", "names", "expected"),
    [
        ("no-proposal-chosen", "isakmp.notify.msgtype == 14", "isakmp.length isakmp.rspi", [["36", "0" * 16]]),
        (
            "invalid-ke-then-ok",
            "isakmp.exchangetype == 34",
            "isakmp.length isakmp.key_exchange.dh_group isakmp.notify.data.accepted_dh_group",
            [["266", "31", ""], ["38", "", "19"], ["298", "19", ""], ["270", "19", ""]],
        ),
        (
            "ipv6-fragments-lost",
            "ipv6.fraghdr and frame.number < 22",
            "ipv6.plen ipv6.fraghdr.offset ipv6.fraghdr.more",
            # 40 + 8 + 1448 = 1496: the largest multiple of eight below 1500 - 48.
            [["1456", "0", "1"], ["1456", "181", "1"], ["560", "362", "0"]],
        ),
        (
            "response-fragments-lost",
            "ip.src == 203.0.113.10 and ip.flags.mf == 1",
            "ip.len ip.frag_offset",
            [["1500", "0"]] * 4,
        ),
        ("filtered-capture", "ip.frag_offset > 0 or tcp or dns or arp", "frame.number", []),
        ("filtered-capture", "ip.flags.mf == 1", "ip.len", [["1500"], ["1500"]]),
        ("udp-4500-blocked", "udp.dstport == 4500", "isakmp.length", [["480"]] * 5),
        ("udp-4500-blocked", "udp.srcport == 4500", "frame.number", [["21"], ["25"], ["26"], ["30"], ["34"]]),
        ("no-response", "isakmp", "isakmp.messageid ip.src", [["0x00000000", "10.20.0.15"]] * 5),
        ("pktmon-128-bytes", "frame.cap_len > 128", "frame.number", []),
        ("pktmon-128-bytes", "frame.number in {19, 20}", "frame.len isakmp.notify.msgtype", [["586", ""], ["450", ""]]),
        ("connected-ok", "isakmp.exchangetype == 37", "isakmp.length isakmp.flag_r", [["57", "0"], ["57", "1"]]),
    ],
)
def test_what_a_sample_shows(
    tshark: Path, samples: Path, name: str, display_filter: str, names: str, expected: list[list[str]]
) -> None:
    assert fields(tshark, samples / f"{name}.pcapng", display_filter, names) == expected


# A real Windows client, made again

REAL = """\
C = 192.168.0.10 (os windows)  S = 144.76.154.114  mtu 1460
sa 1 spi 238671c80375a0fb 73d16a42f60ef7f0
+0.000 C:500  > S:500  IKE_SA_INIT request 880  SA({suites})  KE(2)  No(48)  \
N(NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP)  \
V(MS-NT5-ISAKMPOAKLEY-v9 MS-Negotiation-Discovery-Capable Vid-Initial-Contact MS-KEY_MODS-2)
+0.033 C:500  < S:500  IKE_SA_INIT response 308  SA(3des-sha1-modp1024)  KE(2)  No(32)  \
N(NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP MULTIPLE_AUTH_SUPPORTED)
+0.075 C:4500 > S:4500 IKE_AUTH request 3468  SK{{IDi}}  ip-fragments 3 (1460 1460 620)  x3 at +1.000 +2.000
""".format(
    suites=" ".join(
        f"{cipher}-{hash_}-modp1024"
        for cipher in ("3des", "aes128", "aes192", "aes256")
        for hash_ in ("sha1", "sha256", "sha384")
    )
)


def test_real_windows_client_made_again(tshark: Path, shared_captures: Path, tmp_path: Path) -> None:
    real = shared_captures / "dev" / "corelight+zeek-spicy-ipsec" / "ipsec_client.pcap"
    made = written(tmp_path, REAL)
    layout = "frame.len ip.len ip.frag_offset ip.flags.mf udp.srcport udp.dstport udp.length isakmp.ispi isakmp.rspi \
        isakmp.nextpayload isakmp.exchangetype isakmp.flags isakmp.messageid isakmp.length isakmp.typepayload \
        isakmp.tf.id.encr isakmp.tf.id.integ isakmp.tf.id.prf isakmp.tf.id.dh isakmp.ike2.attr.key_length \
        isakmp.prop.number isakmp.notify.msgtype isakmp.vid_bytes isakmp.key_exchange.dh_group"
    # The real client's checksums were left to its network card, so they are not looked at.
    assert fields(tshark, made, "ip", layout, []) == fields(tshark, real, "ip", layout, [])
    assert fields(tshark, made, "ip.src == 192.168.0.10 and ip.flags.df == 1", "frame.number") == []
    # The client's own hashes over SPIs, addresses and ports; the response's are those of the addresses behind its NAT.
    hashes = [fields(tshark, path, "frame.number == 1", "isakmp.notify.data") for path in (made, real)]
    assert hashes[0] == hashes[1]


# NAT detection: RFC 7296 section 2.23


def nat_hashes(message: bytes) -> dict[int, bytes]:
    """Walk the payloads of a clear message; return the data of each notify by its type."""
    found, kind, at = {}, message[16], 28
    while kind:
        following, _, length = struct.unpack_from("!BBH", message, at)
        if kind == 41:
            found[struct.unpack_from("!H", message, at + 6)[0]] = message[at + 8 : at + length]
        kind, at = following, at + length
    assert at == len(message) == struct.unpack_from("!I", message, 24)[0]
    return found


@pytest.mark.parametrize("nat", [False, True])
@pytest.mark.parametrize("at", ["C", "S"])
def test_nat_detection_hashes(nat: bool, at: str) -> None:
    notifies = "N(NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP)"
    hosts = f"C = 10.0.0.2 {'(nat 198.51.100.7)' * nat} S = 203.0.113.7 link raw at {at}\n"
    port = 61000 if nat and at == "S" else 500  # as the capture shows it
    made = packets(
        hosts + f"+0 C:{port} > S:500 IKE_SA_INIT request {notifies}\n"
        f"+1 C:{port} < S:500 IKE_SA_INIT response {notifies}\n"
    )

    def seen(packet: bytes, offset: int, port_offset: int) -> bytes:
        spis = ike(packet)[:16]
        return hashlib.sha1(spis + packet[offset : offset + 4] + packet[port_offset : port_offset + 2]).digest()

    request, response = made
    source = seen(request, 12, 20) == nat_hashes(ike(request))[16388]
    destination = seen(response, 16, 22) == nat_hashes(ike(response))[16389]
    # The capture's own side can tell by the hash that the other side made; its own hash always fits.
    assert source == (not nat or at == "C")
    assert destination == (not nat or at == "S")
    assert seen(request, 16, 22) == nat_hashes(ike(request))[16389]
    assert seen(response, 12, 20) == nat_hashes(ike(response))[16388]


# IP fragmentation: docs/domain/ip-fragments.md (first fragment 20 + 8*floor((M-20)/8))


@pytest.mark.parametrize(
    ("mtu", "first"),
    [(1500, 1500), (1492, 1492), (1480, 1476), (1472, 1468), (1430, 1428), (1390, 1388), (1280, 1276), (1000, 996)],
)
def test_first_fragment(mtu: int, first: int) -> None:
    made = packets(HOSTS + f"mtu {mtu}\n+0 C:4500 > S:4500 IKE_AUTH request 3468")
    assert len(made[0]) == first


@settings(max_examples=60)
@given(st.integers(200, 9000), st.integers(576, 1500), st.booleans())
def test_fragments_carry_the_whole_datagram(length: int, mtu: int, ipv6: bool) -> None:
    made = packets((HOSTS6 if ipv6 else HOSTS) + f"mtu {mtu}\n+0 C:4500 > S:4500 IKE_AUTH request {length}")
    datagram = b""
    for i, packet in enumerate(made):
        assert len(packet) <= mtu
        if ipv6:
            whole = packet[6] == 17
            offset, more = (0, 0) if whole else divmod(struct.unpack_from("!H", packet, 42)[0], 8)
            data = packet[40:] if whole else packet[48:]
        else:
            flags = struct.unpack_from("!H", packet, 6)[0]
            assert bool(flags & 0x4000) == (len(made) == 1)  # Linux: DF only on whole packets
            offset, more, data = flags & 0x1FFF, flags >> 13 & 1, packet[20:]
        assert (offset * 8, bool(more)) == (len(datagram), i + 1 < len(made))
        datagram += data
    assert len(datagram) == struct.unpack_from("!H", datagram, 4)[0] == 8 + 4 + length
    assert struct.unpack_from("!II", datagram, 8 + 4 + 20) == (1, length)


def test_lost_order_and_stated_sizes() -> None:
    step = "+0 C:4500 > S:4500 IKE_AUTH request 2508  ip-fragments 3 (996 996 588)"
    assert [len(p) for p in packets(HOSTS + step)] == [996, 996, 588]
    assert [len(p) for p in packets(HOSTS + step + " lost 2")] == [996, 588]
    swapped = packets(HOSTS + step + " order 3,1,2")
    assert [struct.unpack_from("!H", p, 6)[0] & 0x1FFF for p in swapped] == [1952 // 8, 0, 976 // 8]
    doubled = make_packets(parse(HOSTS + step + " dup"))
    assert [data for _, data, _ in doubled[::2]] == [data for _, data, _ in doubled[1::2]]
    assert all(0 < later[0] - first[0] < 5_000_000 for first, later in zip(doubled[::2], doubled[1::2], strict=True))


def test_windows_leaves_df_clear() -> None:
    step = "+0 C:500 > S:500 IKE_SA_INIT request"
    windows = packets(HOSTS.replace("10.0.0.2", "10.0.0.2 (os windows)") + step)[0]
    assert windows[6] & 0x40 == 0
    assert packets(HOSTS + step)[0][6] & 0x40


# Messages


def test_retransmits_are_the_same_bytes_with_another_ip_id() -> None:
    made = make_packets(parse(HOSTS + "+0 C:500 > S:500 IKE_SA_INIT request  x3 at +1.000 +3.000"))
    assert [time - made[0][0] for time, _, _ in made] == [0, 10**9, 3 * 10**9]
    assert len({ike(data) for _, data, _ in made}) == 1
    assert len({data[4:6] for _, data, _ in made}) == 3


def test_same_message_on_two_lines_has_the_same_bytes() -> None:
    line = "C:4500 > S:4500 IKE_AUTH request 800 mid 1\n"
    first, second = packets(HOSTS + f"+0 {line}+1 {line}")
    assert ike(first) == ike(second)


def test_cookie_retry_keeps_the_request_behind_the_cookie() -> None:
    first, asked, second = packets(
        HOSTS + "+0 C:500 > S:500 IKE_SA_INIT request\n+1 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n"
        "+2 C:500 > S:500 IKE_SA_INIT request N(COOKIE)\n"
    )
    cookie = ike(asked)[28:]
    assert ike(asked)[8:16] == bytes(8)  # no responder SPI yet: RFC 7296 section 2.6
    assert ike(second)[:8] == ike(first)[:8]
    assert ike(second)[28 + 4 : 28 + len(cookie)] == cookie[4:]
    assert ike(second)[28 + len(cookie) :] == ike(first)[28:]


def test_message_ids_and_flags() -> None:
    made = packets(
        HOSTS + "+0 C:500 > S:500 IKE_SA_INIT request\n+1 C:500 < S:500 IKE_SA_INIT response\n"
        "+2 C:500 > S:500 IKE_INTERMEDIATE request SKF 1-2/2\n+3 C:500 < S:500 IKE_INTERMEDIATE response\n"
        "+4 C:500 > S:500 IKE_AUTH request\n+5 C:500 < S:500 IKE_AUTH response\n"
        "+6 C:500 < S:500 INFORMATIONAL request\n+7 C:500 > S:500 INFORMATIONAL response\n"
        "+8 C:500 < S:500 CREATE_CHILD_SA request\n"
    )
    heads = [struct.unpack_from("!BBBBI", ike(packet), 16) for packet in made]
    assert [(exchange, flags, mid) for _, _, exchange, flags, mid in heads] == [
        (34, 0x08, 0),
        (34, 0x20, 0),
        (43, 0x08, 1),
        (43, 0x08, 1),
        (43, 0x20, 1),
        (35, 0x08, 2),
        (35, 0x20, 2),
        (37, 0x00, 0),
        (37, 0x28, 0),
        (36, 0x00, 1),
    ]
    # SKF: the inner type stands only in the first fragment (RFC 7383 section 2.5).
    assert [ike(packet)[28] for packet in made[2:4]] == [34, 0]
    assert [struct.unpack_from("!HH", ike(packet), 32) for packet in made[2:4]] == [(1, 2), (2, 2)]


@settings(max_examples=40)
@given(st.integers(28 + 48 + 264 + 36, 3000))
def test_clear_message_has_the_stated_length(length: int) -> None:
    message = ike(packets(HOSTS + f"mtu 9000\n+0 C:500 > S:500 IKE_SA_INIT request {length} SA KE(14) No")[0])
    assert len(message) == length == struct.unpack_from("!I", message, 24)[0]
    nat_hashes(message)  # walks the payloads to the end


def test_ike_in_tcp() -> None:
    made = packets(
        HOSTS + "+0 C:50001 > S:4500 TCP SYN\n+1 C:50001 < S:4500 TCP SYN-ACK\n"
        "+2 C:50001 > S:4500 IKE_SA_INIT request tcp\n+3 C:50001 < S:4500 IKE_SA_INIT response tcp\n"
        "+4 C:50001 > S:4500 IKE_AUTH request 3000 tcp\n"
    )
    streams = {src: b"".join(p[40:] for p in made[2:] if p[12:16] == src) for src in (made[0][12:16], made[1][12:16])}
    client, server = streams.values()
    assert client[:6] == b"IKETCP"  # RFC 9329 section 4: only from the side that opened the connection
    length, marker = struct.unpack_from("!HI", client, 6)
    assert marker == 0
    assert client[6 + length :][:2] == struct.pack("!H", 3006)
    assert len(client) == 6 + length + 3006
    assert struct.unpack_from("!HI", server)[0] == len(server)


def test_icmp_quotes_what_was_sent() -> None:
    made = packets(
        HOSTS + "R = 192.0.2.1\n+0 C:4500 > S:4500 IKE_AUTH request 3468\n+1 C:53000 > R:53 DNS query example.com\n"
        "+2 R > C ICMP reassembly-timeout quoting +0.000\n+3 R > C ICMP port-unreachable\n"
        "+4 R > C ICMP fragmentation-needed mtu 1400 quoting +0.000\n"
    )
    timeout, port, too_big = made[-3:]
    assert (timeout[20], timeout[21], timeout[28:]) == (11, 1, made[0][:548])
    assert (port[20], port[21], port[28:]) == (3, 3, made[3])
    assert (too_big[20], too_big[21], struct.unpack_from("!H", too_big, 26)[0]) == (3, 4, 1400)


ODDS = """\
C = {c}  S = {s}  R = {r}  link {link}
+0.0 C:50001 > S:443 TCP SYN mss 1400
+0.1 C:50001 < S:443 TCP SYN-ACK mss 1300
+0.2 C:50001 > S:443 TCP data count 3
+0.3 C:50001 < S:443 TCP data count 2 size 1000
+0.4 C:50001 > S:443 TCP FIN
+0.5 C:50001 < S:443 TCP RST
+1.0 C > S ICMP echo-request size 1400
+1.1 C < S ICMP echo-reply size 1400
+1.2 R > C ICMP {too_big} mtu 1400 quoting +1.000
+1.3 R > C ICMP admin-prohibited quoting +1.000
+2.0 C > S ESP spi 0xc0ffee01 count 2
+2.1 C:4500 < S:4500 ESP spi 0xc0ffee02 count 2 size 1600
+2.2 C:4500 > S:4500 keepalive count 2 every +20.000
+3.0 C:53000 > R:53 DNS query vpn.example.com
+3.1 C:53000 < R:53 DNS response vpn.example.com answer {s}
+3.2 C:53000 < R:53 DNS response no.example.com rcode NXDOMAIN
+4.0 C:500 > S:500 IKEv1 Main Mode request 204 sa 2
+4.1 C:500 < S:500 IKEv1 Main Mode response sa 2
+4.2 C:500 > S:500 IKEv1 Main Mode request sa 2
+4.3 C:500 > S:500 IKEv1 Aggressive Mode request SA KE(2) No V(FRAGMENTATION) sa 3
+5.0 C:500 > S:500 IKE_SESSION_RESUME request sa 4
+5.1 C:500 < S:500 IKE_SESSION_RESUME response N(TICKET_NACK) sa 4
+6.0 C:500 > S:500 IKE_SA_INIT request SA(aes256gcm16-prfsha384-ecp384-ke1_mlkem768) KE(20) No CERTREQ(3) sa 5
+6.1 C:500 < S:500 INFORMATIONAL response N(INVALID_IKE_SPI) sa 5
+7.0 C:60000 > S:443 UDP count 2 size 1200
"""
V4 = {"c": "10.0.0.2", "s": "203.0.113.7", "r": "192.0.2.1", "too_big": "fragmentation-needed"}
V6 = {"c": "2001:db8:1::2", "s": "2001:db8:2::7", "r": "2001:db8:3::1", "too_big": "packet-too-big"}


@pytest.mark.parametrize("link", ["ethernet", "raw", "sll", "null", "ethernet vlan 10"])
@pytest.mark.parametrize("family", [V4, V6], ids=["IPv4", "IPv6"])
def test_tshark_reads_all_traffic(tshark: Path, tmp_path: Path, link: str, family: dict[str, str]) -> None:
    made = written(tmp_path, ODDS.format(link=link, **family))
    columns = "frame.time_epoch _ws.expert.severity _ws.expert.message _ws.col.Protocol tcp.flags.syn isakmp.tf.type"
    rows = fields(tshark, made, "frame", columns)
    # 0x600000 is a warning. A RST is one to tshark, and is meant here.
    complaints = [
        text
        for row in rows
        for severity, text in zip(row[1].split(","), row[2].split(","), strict=False)
        if severity and int(severity, 0) >= 0x600000 and "RST" not in text
    ]
    assert complaints == []
    assert [row[0] for row in rows[:2]] == ["1705309200.000000000", "1705309200.100000000"]  # 2024-01-15T09:00:00Z
    kinds = [row[3] for row in rows]
    # ESP of 1600 bytes is two fragments, of which tshark shows the last one as ESP.
    counts = [kinds.count(kind) for kind in ("ESP", "UDPENCAP", "DNS", "ISAKMP", "TLSv1.2")]
    assert counts == [4, 2, 3, 8, 5]
    assert sum(row[4] in ("1", "True") for row in rows) == 2
    assert [row[5] for row in rows if row[5].endswith("6")] == ["1,2,4,6"]


# How the capture was taken


def test_capture_options() -> None:
    text = HOSTS.replace("link raw", "link ethernet") + "+0 C:500 > S:500 IKE_SA_INIT request x4 at +1 +2 +3"
    assert len(packets("starts-late +0.5 stops +2.5 " + text)) == 2
    cut = make_packets(parse("snaplen 128 " + text))
    whole = make_packets(parse(text))
    assert [(len(data), length) for _, data, length in cut] == [(128, len(data)) for _, data, _ in whole]
    assert packets("vlan 10 " + text)[0][12:18].hex() == "8100000a0800"
    assert make_packets(parse("start 1970-01-01T00:00:01Z " + text))[0][0] == 10**9


def test_short_frames_arrive_padded() -> None:
    made = packets("C = 10.0.0.2 S = 203.0.113.7\n+0 C:4500 > S:4500 keepalive\n+1 C:4500 < S:4500 keepalive")
    assert [len(frame) for frame in made] == [14 + 29, 60]


def test_written_file_names_interface_filter_and_direction(tshark: Path, tmp_path: Path) -> None:
    text = 'C = 10.0.0.2 S = 203.0.113.7 at C filter "udp port 500"\n+0 C:500 > S:500 IKE_SA_INIT request\n'
    made = written(tmp_path, text + "+1 C:500 < S:500 IKE_SA_INIT response\n+2 C:4500 > S:4500 keepalive")
    wanted = [["eth0", "2"], ["eth0", "1"]]
    assert fields(tshark, made, "frame", "frame.interface_name frame.packet_flags_direction") in (
        wanted,
        [[name, f"0x0000000{flag}"] for name, flag in wanted],
    )
    assert b"\x0b\x00\x0d\x00\x00udp port 500" in made.read_bytes()  # if_filter is option 11, its text follows a zero


def test_dropped_packets_carry_the_verdict_of_their_host(tmp_path: Path) -> None:
    """Option 7 (epb_verdict) of 9 bytes: type 2, Linux XDP, then 1, XDP_DROP (draft-ietf-opsawg-pcapng section 4.3)."""
    text = "C = 10.0.0.2 S = 203.0.113.7 at C\n+0 C:500 > S:500 IKE_SA_INIT request x2 at +1{}"
    verdict = bytes.fromhex("0700 0900 02 0100000000000000")
    assert written(tmp_path, text.format("")).read_bytes().count(verdict) == 0
    assert written(tmp_path, text.format(" dropped")).read_bytes().count(verdict) == 2


@pytest.mark.parametrize(
    "text",
    ["udp port 500", "udp port 4500 or icmp", "tcp port 443", "host 203.0.113.7", "arp", "icmp6 or ip6 proto 44"],
)
@pytest.mark.parametrize("family", [V4, V6], ids=["IPv4", "IPv6"])
def test_filter_passes_what_tcpdump_passes(tmp_path: Path, text: str, family: dict[str, str]) -> None:
    tcpdump = shutil.which("tcpdump")
    if tcpdump is None:
        pytest.skip("tcpdump is not installed: apt-get install tcpdump")
    ladder = ODDS.format(link="ethernet", **family) + "+9 C:4500 > S:4500 IKE_AUTH request 3468\n"
    if family is V4:
        ladder += "+9.5 C > R ARP request\n"
    plain = tmp_path / "all.pcap"
    with plain.open("wb") as out:
        writer = dpkt.pcap.Writer(out, snaplen=65535)
        for time, data, _ in make_packets(parse(ladder)):
            writer.writepkt(data, time / 1e9)
    command = [tcpdump, "-r", str(plain), "-w", str(tmp_path / "kept.pcap"), text]
    subprocess.run(command, check=True, capture_output=True)
    with (tmp_path / "kept.pcap").open("rb") as kept:
        wanted = [data for _, data in dpkt.pcap.Reader(kept)]
    assert packets(f'filter "{text}"\n' + ladder) == wanted


def test_port_filter_looks_only_at_offset_zero() -> None:
    passes = compile_filter("udp port 500")
    first = bytes.fromhex("4500001c000120004011" + "0000" + "c0000201" + "c0000202" + "01f401f400080000")
    later = first[:6] + b"\x20\x01" + first[8:]
    assert (passes(0x0800, first), passes(0x0800, later)) == (True, False)
    first_of_ipv6 = bytes([0x60, 0, 0, 0, 0, 16, 44, 64]) + bytes(32) + bytes([17, 0, 0, 1]) + bytes(4) + first[20:]
    whole_ipv6 = bytes([0x60, 0, 0, 0, 0, 8, 17, 64]) + bytes(32) + first[20:]
    assert (passes(0x86DD, first_of_ipv6), passes(0x86DD, whole_ipv6)) == (False, True)


def test_udp_checksum_of_zero_is_sent_as_ones() -> None:
    blank = ip.udp("192.0.2.1", 500, "192.0.2.2", 500, bytes(2))
    # Data that equals the checksum of zeros makes the sum come out as zero: RFC 768.
    assert ip.udp("192.0.2.1", 500, "192.0.2.2", 500, blank[6:8])[6:8] == b"\xff\xff"


def test_filter_that_the_maker_does_not_know() -> None:
    with pytest.raises(UsageError, match="does not know 'greater 100'"):
        compile_filter("udp port 500 or greater 100")


# A ladder that asks for what cannot be


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ("C:500 > S:500 IKE_SA_INIT request 200", "cannot be made 200"),
        ("C:500 > S:500 IKE_SA_INIT request N(NO_SUCH_NOTIFY)", "does not know this notify"),
        ("C:500 > S:500 IKE_SA_INIT request V(No-Such-Vendor)", "does not know this vendor"),
        ("C:500 > S:500 IKE_SA_INIT request SA(rot13-modp2048) KE No", "does not know 'rot13'"),
        ("C:500 > S:500 IKE_SA_INIT request SA KE(9999) No", "does not know this group"),
        ("C:500 > S:500 IKE_AUTH request 40", "too few"),
        ("C:500 > S:500 IKE_AUTH request SK{NoSuch}", "no such payload"),
        ("C:500 > S:500 IKE_AUTH request 3468 ip-fragments 2", "make 3 IP packets here, not 2"),
        ("C:500 > S:500 IKE_AUTH request 3468 ip-fragments 2 (1500 1500)", "cannot carry"),
        ("C:500 > S:500 IKE_AUTH request 3468 lost 4", "order and lost"),
        ("C > S IKE_AUTH request", "needs the ports"),
        ("C > S ARP request", "carries neither"),
        ("C > S ICMP packet-too-big mtu 1400", "no packet to quote"),
        ("C:1 > S:443 TCP data size 9000", "with DF set"),
        ("C:500 > S:500 IKE_AUTH request 900 SKF 1-2/2 (500 500)", "add up to 1000"),
    ],
)
def test_impossible_ladder(step: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        make(parse(HOSTS + f"+0 {step}"))


def test_hosts_of_two_families() -> None:
    with pytest.raises(UsageError, match="different families"):
        make(parse("C = 10.0.0.2 S = 2001:db8::1\n+0 C:500 > S:500 IKE_SA_INIT request"))


# Command line


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ladder, out = tmp_path / "one.ladder", tmp_path / "one.pcapng"
    ladder.write_text(HOSTS + "+0 C:500 > S:500 IKE_SA_INIT request\n", encoding="utf-8")
    assert main([str(ladder), str(out)]) == 0
    assert out.read_bytes() == make(parse(ladder.read_text(encoding="utf-8")))
    ladder.write_text("wibble", encoding="utf-8")
    assert main([str(ladder), str(out)]) == 2
    assert capsys.readouterr().err == f"{ladder}: ladder line 1: 'wibble' is neither a host nor an option\n"
    with pytest.raises(SystemExit):
        main([str(ladder)])
