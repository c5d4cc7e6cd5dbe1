"""The IKE messages of a capture are those that tshark finds: asked live through pyshark, and from tables made before.

Frame, SPIs, exchange type, message ID, flags, length and notify types of each message are compared, both ways round.
What differs on purpose is listed with its reason in ``exceptions.py``.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest

import analyzer
from analyzer.capture import Capture
from analyzer.errors import InputError
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make
from tests.parity.by_tshark import FIELDS, Ours, Seen, by_analyzer, by_pyshark, by_table
from tests.parity.exceptions import DIFFERENCES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pyshark", "ignore::DeprecationWarning:asyncio")

Gap = tuple[str, int, str]


def gaps(capture: str, ours: Sequence[Ours], theirs: Sequence[Seen]) -> list[Gap]:
    """Where two lists of messages differ: capture, frame and the field, or whose message it is alone.

    tshark shows a datagram that it could put together, and a header field that lies before the place where it gave up:
    of a message that runs past the captured bytes it leaves the length out. That is no gap.
    """
    frames: dict[int, tuple[list[Ours], list[Seen]]] = defaultdict(lambda: ([], []))
    for message in ours:
        frames[message.seen.frame][0].append(message)
    for seen in theirs:
        frames[seen.frame][1].append(seen)
    found = []
    for frame, sides in sorted(frames.items()):
        for our, their in zip_longest(*sides):
            if our is None:
                found.append((capture, frame, "only-tshark"))
            elif their is None:
                found += [(capture, frame, "only-ours")] if our.whole else []
            else:
                silent = {"length"} if our.cut and their.length is None else set()
                differs = (f for f in FIELDS if f not in silent and getattr(our.seen, f) != getattr(their, f))
                found += [(capture, frame, f) for f in differs]
    return found


def unexplained(found: list[Gap]) -> list[Gap]:
    return [gap for gap in found if not any(d.covers(*gap) for d in DIFFERENCES)]


@cache
def read(path: Path) -> Capture | None:
    """The capture, or None where its format cannot be read (the formats are listed in a test of their own)."""
    try:
        return analyzer.read(path)
    except InputError:
        return None


def with_ike(captures: Path) -> dict[str, tuple[int, str]]:
    """Number of IKE messages by tshark's count, and format, of each real capture."""
    with (captures / "INDEX.tsv").open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {r["path"]: (int(r["ikev1_msgs"] or 0) + int(r["ikev2_msgs"] or 0), r["file_type"]) for r in rows}


def table_of(captures: Path, capture: str) -> Path:
    return captures / "truth" / f"{capture.replace('/', '__')}.tsv"


# Real captures


def test_every_real_capture_against_the_tables(shared_captures):
    found: list[Gap] = []
    compared = 0
    for capture in with_ike(shared_captures):
        path = shared_captures / "dev" / capture
        read_ = read(path) if path.is_file() else None
        if read_ is None:
            continue
        table = table_of(shared_captures, capture)
        theirs = by_table(table) if table.is_file() else []
        found += gaps(capture, by_analyzer(read_), theirs)
        compared += len(theirs)
    assert unexplained(found) == []
    assert compared > 200
    real = [d for d in DIFFERENCES if not d.capture.startswith(("made/", "samples/"))]
    assert [d for d in real if not any(d.covers(*gap) for gap in found)] == [], "no longer true"


#: Formats without IKE in our captures that cannot be read yet.
UNREAD_FORMATS = {
    "Windows ETL": "netsh trace and pktmon write event logs, no capture file",
    "MPEG": "an ETL that capinfos takes for MPEG",
    "Sniffer": "a format of its own, of Network General: by way of editcap only",
    "NetXray": "the same",
    "AIX iptrace": "the same",
    "IBM iSeries": "a text report",
    "EyeSDN": "ISDN",
    "pppd log": "a format of its own",
    "MIME File Format": "no capture: a file of another kind in which Wireshark finds one",
    "Endace ERF": "a format of its own",
}


def test_what_cannot_be_read_is_of_another_format_and_holds_no_ike(shared_captures):
    unread = {
        capture: (count, kind)
        for capture, (count, kind) in with_ike(shared_captures).items()
        if (shared_captures / "dev" / capture).is_file() and read(shared_captures / "dev" / capture) is None
    }
    assert {c: kind for c, (_, kind) in unread.items() if not any(name in kind for name in UNREAD_FORMATS)} == {}
    assert [c for c, (count, _) in unread.items() if count] == []


PROJECTS = (
    "OISF+suricata-verify",
    "arkime+arkime",
    "cisco+joy",
    "cisco+mercury",
    "corelight+zeek-spicy-ipsec",
    "libreswan+libreswan",
    "ntop+nDPI",
    "sdaubert+packetgen",
    "secdev+scapy",
    "the-tcpdump-group+tcpdump",
    "ukncsc+zeek-plugin-ikev2",
    "xelerance+Openswan",
)


def captures_of(captures: Path, project: str) -> list[str]:
    """The project's captures in which tshark or the analyzer finds IKE."""
    of_project = [c for c in with_ike(captures) if c.startswith(f"{project}/") and (captures / "dev" / c).is_file()]
    with_messages = []
    for capture in of_project:
        mine = read(captures / "dev" / capture)
        if table_of(captures, capture).is_file() or (mine is not None and len(mine.messages)):
            with_messages.append(capture)
    return with_messages


def test_every_real_capture_with_ike_is_of_a_project_listed_here(shared_captures):
    folders = {p.name for p in (shared_captures / "dev").iterdir()}
    assert {f for f in folders if captures_of(shared_captures, f)} == set(PROJECTS)


def asked_together(tshark: Path, captures: dict[str, Path], joined: Path) -> dict[str, list[Seen]]:
    """What pyshark says of several captures: joined, since each start of tshark takes half a second."""
    mergecap = shutil.which("mergecap", path=str(tshark.parent))
    assert mergecap, "mergecap comes with tshark"
    done = subprocess.run([mergecap, "-a", "-w", joined, *captures.values()], capture_output=True, timeout=60)
    if done.returncode:  # a file that is cut short ends the joining
        return {capture: by_pyshark(path) for capture, path in captures.items()}
    theirs, begin, result = by_pyshark(joined), 0, {}
    for capture, path in captures.items():
        mine = read(path)
        assert mine is not None
        end = begin + mine.analysis.wire.census.packets
        result[capture] = [replace(seen, frame=seen.frame - begin) for seen in theirs if begin < seen.frame <= end]
        begin = end
    assert sum(map(len, result.values())) == len(theirs)
    return result


#: pyshark takes a second for twenty packets: of the largest collections the tables of tshark are compared anyway.
SLOW = ("the-tcpdump-group+tcpdump",)


@pytest.mark.parametrize("project", [pytest.param(p, marks=[pytest.mark.large] if p in SLOW else []) for p in PROJECTS])
def test_real_captures_against_pyshark(tshark, shared_captures, tmp_path, project):
    captures = {c: shared_captures / "dev" / c for c in captures_of(shared_captures, project)}
    theirs = asked_together(tshark, captures, tmp_path / "joined.pcapng")
    found = []
    for capture, path in captures.items():
        mine = read(path)
        assert mine is not None
        found += gaps(capture, by_analyzer(mine), theirs[capture])
    assert unexplained(found) == []


# Captures that no one has seen: what the real ones lack

HOSTS = "C = 10.0.0.2 (nat 198.51.100.7)  S = 203.0.113.7  mtu 1400\n"
HOSTS6 = "C = 2001:db8:1::2  S = 2001:db8:2::7  mtu 1400\n"
SUITE = "SA(aes256gcm16-prfsha384-ecp384) KE No"
ANNOUNCED = "NAT_DETECTION_SOURCE_IP IKEV2_FRAGMENTATION_SUPPORTED"
INIT = f"""
+0.000 C:500 > S:500 IKE_SA_INIT request  {SUITE} N({ANNOUNCED} notify 40999) V(MS-NT5-ISAKMPOAKLEY-v9)
+0.030 C:500 < S:500 IKE_SA_INIT response {SUITE} N({ANNOUNCED})
"""
FRAGMENTED = """
+0.100 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x2 at +1.000
+1.200 C:4500 < S:4500 IKE_AUTH response 2900 SK{IDr} ip-fragments 3 order 3,1,2
"""
MADE = {
    "intermediate": HOSTS + INIT + """
+0.1 C:4500 > S:4500 IKE_INTERMEDIATE request 1292 SK mid 1
+0.2 C:4500 < S:4500 IKE_INTERMEDIATE response 1196 SK mid 1
+0.3 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} mid 2
+0.4 C:4500 < S:4500 IKE_AUTH response 65 SK{N} mid 2
+0.5 C:4500 > S:4500 INFORMATIONAL request 57 SK{} mid 3
""",
    "skf": HOSTS + INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 2320 SKF{IDi} 1-4/4 (580 580 580 580)
+1.1 C:4500 > S:4500 IKE_AUTH request 1160 SKF{IDi} 1,3/4 (580 580)
+1.2 C:4500 < S:4500 IKE_AUTH response 1128 SKF{IDr} 1-2/2 (580 548)
""",
    "fragments": HOSTS + INIT + FRAGMENTED,
    "fragments-lost": HOSTS + INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 2
+1.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 1
+2.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3
""",
    "ipv6-fragments": HOSTS6 + INIT + FRAGMENTED,
    "vlan": HOSTS + "vlan 100\n" + INIT + FRAGMENTED,
    "sll": HOSTS + "link sll\n" + INIT + FRAGMENTED,
    "raw": HOSTS + "link raw\n" + INIT + FRAGMENTED,
    "null": HOSTS6 + "link null\n" + INIT + FRAGMENTED,
    "duplicates": HOSTS + INIT.replace("V(MS-NT5-ISAKMPOAKLEY-v9)", "dup") + FRAGMENTED,
    "esp-mixed": HOSTS + INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi}
+0.2 C:4500 < S:4500 IKE_AUTH response 300 SK{IDr}
+0.3 C:4500 > S:4500 ESP spi 0x5c1e70a4 count 5 size 180 every +0.01
+0.4 C:4500 > S:4500 keepalive
+0.5 C:4500 < S:4500 ESP spi 0x00000001 count 5 size 80 every +0.01
+0.6 C > S ESP spi 0xc9d2138b count 2 size 100 every +0.01
""",
    "icmp": HOSTS + INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi}
+0.2 C < S ICMP port-unreachable quoting +0.1
""",
    "snaplen": HOSTS + "snaplen 128\n" + INIT + """
+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi}
+0.2 C:4500 < S:4500 IKE_AUTH response 300 SK{IDr}
""",
    "snaplen-fragments": HOSTS + "snaplen 128\n" + INIT + FRAGMENTED,
    "tcp": HOSTS + f"""
+0.000 C:50000 > S:4500 TCP SYN
+0.010 C:50000 < S:4500 TCP SYN-ACK
+0.020 C:50000 > S:4500 IKE_SA_INIT request  tcp {SUITE}
+0.030 C:50000 < S:4500 IKE_SA_INIT response tcp {SUITE}
""",
    "ikev1": HOSTS + """
+0.0 C:500 > S:500 IKEv1 Main Mode request 200
+0.1 C:500 < S:500 IKEv1 Main Mode response 120
""",
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_made_captures_against_pyshark(tshark, tmp_path, name):
    path = tmp_path / f"{name}.pcapng"
    path.write_bytes(make(parse(MADE[name])))
    found = gaps(f"made/{name}", by_analyzer(analyzer.read(path)), by_pyshark(path))
    assert unexplained(found) == []
    of_it = [d for d in DIFFERENCES if d.capture == f"made/{name}"]
    assert [d for d in of_it if not any(d.covers(*gap) for gap in found)] == [], "no longer true"


@pytest.mark.parametrize("name", ["809-fixed", "809-fragments-lost", "invalid-ke-then-ok", "pktmon-128-bytes"])
def test_samples_against_pyshark(tshark, samples, name):
    path = samples / f"{name}.pcapng"
    found = gaps(f"samples/{name}", by_analyzer(analyzer.read(path)), by_pyshark(path))
    assert unexplained(found) == []
