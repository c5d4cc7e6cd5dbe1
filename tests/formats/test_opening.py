"""Opening captures; and all real captures against Wireshark's own programs."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import re
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from analyzer.errors import InputError
from analyzer.formats import open_capture
from analyzer.formats.records import NO_TIME
from analyzer.formats.sniff import kind_of

PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
PCAP += b"".join(struct.pack("<IIII", 1_700_000_000 + n, 0, 60, 60) + bytes(60) for n in range(500))


def frames(raw: bytes, **how: int) -> int:
    with open_capture("test", stream=io.BytesIO(raw), **how) as reader:  # type: ignore[arg-type]
        return sum(len(chunk) for chunk in reader.chunks())


def test_path_objects_and_text(tmp_path: Path) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(PCAP)
    for path in (file, str(file)):
        with open_capture(path) as reader:
            assert sum(len(chunk) for chunk in reader.chunks()) == 500


def refused(path: str | Path) -> str:
    with pytest.raises(InputError) as error:
        open_capture(path)
    text = str(error.value)
    assert text.isprintable()
    return text


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.pcap") == f"{tmp_path}/none.pcap: no such file"
    assert refused("a\0b") == "a\\x00b: no such file"
    assert refused(tmp_path) == f"{tmp_path}: is a directory; name the capture files in it"
    (tmp_path / "e").touch()
    assert refused(tmp_path / "e") == f"{tmp_path}/e: is empty"
    evil = tmp_path / "a\x1b[31m\nb"
    evil.write_bytes(b"hello")
    assert refused(evil).endswith("/a\\x1b[31m\\nb: looks like text, not a capture")


def test_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    assert refused("secret.pcap") == "secret.pcap: permission denied"


def test_read_error_names_the_file() -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: object) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match=r"^disk: cannot be read: Input/output error$"):
        open_capture("disk", stream=Broken())  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk_bytes", [1, 4096, 1 << 20])
def test_sha256_covers_every_byte(chunk_bytes: int) -> None:
    """Also those behind damage and behind the end of what can be read."""
    raw = PCAP + b"\xff" * 100_000
    with open_capture("test", stream=io.BytesIO(raw), sha256=True, chunk_bytes=chunk_bytes) as reader:
        assert reader.sha256 is None
        assert sum(len(chunk) for chunk in reader.chunks()) == 500
        assert reader.sha256 == hashlib.sha256(raw).hexdigest()
    with open_capture("test", stream=io.BytesIO(raw)) as reader:
        list(reader.chunks())
        assert reader.sha256 is None


def test_chunk_size_changes_nothing() -> None:
    assert {frames(PCAP, chunk_bytes=size) for size in (1, 700, 5000, 1 << 20)} == {500}


def test_pipe() -> None:
    """A pipe gives few bytes at a time and cannot seek."""
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as out:
            for begin in range(0, len(PCAP), 999):
                out.write(PCAP[begin : begin + 999])

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reading, "rb", buffering=0) as stream, open_capture("pipe", stream=stream) as reader:
        assert sum(len(chunk) for chunk in reader.chunks()) == 500
    thread.join()


def test_standard_input() -> None:
    code = "from analyzer.formats import open_capture as o; print(sum(map(len, o('-').chunks())))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], input=PCAP, capture_output=True, check=True, cwd=root)
    assert done.stdout == b"500\n"


# Real captures

#: Link types of which Wireshark takes a pseudo-header off before it counts a packet's bytes.
PSEUDO_HEADER = {196: 5, 209: 5}

#: Where Wireshark reads something else than the bytes say, and why.
EXCEPTIONS = {
    # The lengths are swapped, and the smaller one is that of the bytes that are there, as libpcap has it for 2.3.
    "seladb+PcapPlusPlus/clusterfuzz-testcase-minimized-FuzzTarget-5766899836387328": (
        "random bytes of version 2.3, in which Wireshark sees another variant"
    ),
    "OISF+suricata-verify/fuzz.pcap": "one packet: Wireshark guesses another pcap variant from a damaged second header",
    "seladb+PcapPlusPlus/crash-exception-cast-constructed-record": "fuzzed; Wireshark guesses the Red Hat 6.1 variant",
    "seladb+PcapPlusPlus/igmplayer": "fuzzed; Wireshark guesses the Nokia variant",
    "the-tcpdump-group+libpcap/history/9f9dda821d/pcapng-shb-len-insane.pcapng": "Wireshark takes it for a MIME file",
    "ajbanjara+Wireshark/icmp.ntar": "a JPEG picture: Wireshark shows MIME files as one packet",
    "airbus-cert+etl-parser/AMSITrace.etl": "an ETW log, which Wireshark takes for MPEG",
    "google+gopacket/be/test901.pcapng": "Wireshark stops at the section of version 2; we read on, with a note",
    "google+gopacket/le/test901.pcapng": "as above",
    "rshk+python-pcapng/test007.ntar": "a Simple Packet Block of 139 bytes, padded to 140: Wireshark calls it damaged",
}
#: Times that Wireshark computes with an overflow.
ODD_TIMES = {
    # One tick less than 2**64 of 2**-64 s: a second less a tick, rounded down to nanoseconds.
    "the-tcpdump-group+libpcap/history/7bd80f5d10/pcapng-tsresol-bin-overflow.pcapng": 999_999_999,
}
UNSUPPORTED = "that TShark doesn't support"


def ours(path: Path) -> tuple[list[tuple[int, int, int, int]], list[int], int, list[str]]:
    """(frame, time, wire, captured) of each packet, file offsets (small files only), link type, ids of notes."""
    rows, offsets = [], []
    with open_capture(path, chunk_bytes=32 << 20) as reader:
        for chunk in reader.chunks():
            for index in range(len(chunk)):
                offsets.append(int(chunk.start[index]))
                time, wire, size = int(chunk.time[index]), int(chunk.wire[index]), int(chunk.captured[index])
                rows.append((chunk.first_frame + index, time, wire, size))
    return rows, offsets, reader.interfaces[0].link_type if reader.interfaces else -1, [n.id for n in reader.notes]


def tshark_rows(tshark: Path, path: Path) -> tuple[list[tuple[int, int, int, int]], str]:
    fields = [word for name in ("number", "time_epoch", "len", "cap_len") for word in ("-e", f"frame.{name}")]
    command = [str(tshark), "-n", "--disable-protocol", "ALL", "-r", str(path), "-T", "fields", *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = []
    for line in done.stdout.splitlines():
        frame, time, wire, size = line.split("\t")
        whole, _, part = time.partition(".")
        nanoseconds = int(whole) * 10**9 + int(part.ljust(9, "0")) if time else NO_TIME
        rows.append((int(frame), nanoseconds, int(wire), int(size)))
    return rows, done.stderr


def odd_fraction(raw: bytes, offset: int) -> bool:
    """A fraction of a second or more in a packet header, which tshark 4.0.17 prints unnormalised or overflowed."""
    order = "<" if raw[0] != 0xA1 else ">"
    modified = raw[:4] in (b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34")
    (fraction,) = struct.unpack_from(order + "I", raw, offset - (20 if modified else 12))
    return bool(fraction >= (10**9 if b"\x3c\x4d" in raw[:4] or b"\x4d\x3c" in raw[:4] else 10**6))


def compare(name: str, path: Path, tshark: Path) -> str:
    """Empty when we and tshark agree; ``skipped: why``; or what differs."""
    theirs, complaint = tshark_rows(tshark, path)
    if UNSUPPORTED in complaint and not theirs:
        return "skipped: tshark knows no such link type or version"
    if name in EXCEPTIONS:
        return "skipped: " + EXCEPTIONS[name]
    mine, offsets, link_type, notes = ours(path)
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if "damaged or corrupt" in complaint:
        if "capture-damaged" not in notes:
            return "tshark finds damage, we do not"
        mine = mine[: len(theirs)]  # tshark stops at damage, we go on behind it
    if "cut short" in complaint and not {"capture-cut", "capture-damaged"} & set(notes):
        return "tshark finds a cut file, we do not"
    if len(mine) != len(theirs):
        return f"{len(mine)} frames, tshark has {len(theirs)}"
    pseudo = PSEUDO_HEADER.get(link_type, 0)
    for (frame, time, wire, size), (their_frame, their_time, their_wire, their_size), offset in zip(
        mine, theirs, offsets[: len(mine)], strict=True
    ):
        if time == NO_TIME and size == wire == 0 and (their_time == NO_TIME or kind_of(raw[:512]) == "netmon"):
            continue  # a block or record without packet: Wireshark gives its content's length
        if (frame, size - pseudo) != (their_frame, their_size) or min(wire - pseudo, 2**31 - 1) != their_wire:
            return f"frame {frame}: {wire}/{size} bytes, tshark {their_wire}/{their_size}"
        if kind_of(raw[:512]) == "pcap" and odd_fraction(raw, offset):
            continue
        if time != ODD_TIMES.get(name, their_time):
            return f"frame {frame}: time {time}, tshark {their_time}"
    return ""


def captures(folder: Path) -> dict[str, str]:
    """File type by name, of all that is read here without help, and of what Wireshark cannot read."""
    with (folder / "INDEX.tsv").open(encoding="utf-8") as index:
        rows = {row["path"]: row["file_type"] for row in csv.DictReader(index, delimiter="\t")}
    return {name: kind for name, kind in rows.items() if re.search("pcap|MIME|NetMon|snoop|unreadable", kind)}


#: Behind its first packet are zero bytes, which capinfos takes for another packet: empty, of no length and no time.
HOLE = "seladb+PcapPlusPlus/crash-8534c61cdf5987482365d7877ade12eef5aaf8b7"


def test_real_captures_packet_by_packet(shared_captures: Path, tshark: Path) -> None:
    """Every second capture; of the plain microsecond pcaps, which the next test counts all at once, one in 32."""
    kinds = captures(shared_captures)
    plain = [name for name, kind in kinds.items() if kind == "Wireshark/tcpdump/... - pcap"]
    every = os.environ.get("IKE_ANALYZER_ALL_CAPTURES")
    others = [name for name in kinds if name not in plain]
    names = list(kinds) if every else [*others[::2], *plain[::32]]
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda name: compare(name, shared_captures / "dev" / name, tshark), names))
    differences = {name: what for name, what in zip(names, said, strict=True) if what and "skipped" not in what}
    differences.pop(HOLE, None)
    assert differences == {}
    assert sum(not what for what in said) > 35


def test_real_captures_in_sum(shared_captures: Path, tshark: Path) -> None:
    """Packets and wire bytes of every plain pcap, by one run of capinfos."""
    names = [name for name, kind in captures(shared_captures).items() if kind == "Wireshark/tcpdump/... - pcap"]
    command = [str(tshark.with_name("capinfos")), "-T", "-M", "-r", "-m", "-c", "-d"]
    paths = [str(shared_captures / "dev" / name) for name in names]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    theirs = {row[0]: (int(row[1]), int(row[2])) for row in csv.reader(done.stdout.splitlines()) if len(row) == 3}
    checked = 0
    for path in paths:
        mine, _, link_type, _ = ours(Path(path))
        pseudo = PSEUDO_HEADER.get(link_type, 0)
        if path in theirs:
            checked += 1
            if path.endswith(HOLE):
                mine.append((0, 0, 0, 0))
            total = sum(wire - pseudo for _, _, wire, _ in mine)
            assert (len(mine), total) == theirs[path], path
    assert checked > 150


def test_length_without_padding_is_read(shared_captures: Path) -> None:
    """The one packet that Wireshark does not get: its block says 139 bytes at both ends of 140, its snaplen 96."""
    mine, _, _, notes = ours(shared_captures / "dev/rshk+python-pcapng/test007.ntar")
    assert (mine, notes) == ([(1, NO_TIME, 1000, 96)], [])


def test_other_real_files_are_refused_in_one_line(shared_captures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # no editcap
    with (shared_captures / "INDEX.tsv").open(encoding="utf-8") as index:
        rows = {row["path"]: row["file_type"] for row in csv.DictReader(index, delimiter="\t")}
    expected = {
        "AIX iptrace 2.0": "is an AIX iptrace capture, which is read by way of editcap (of Wireshark): that is not",
        "Sniffer (DOS)": "is a DOS Sniffer capture",
        "NetXray, Sniffer (Windows) 1.1": "is a NetXray or Windows Sniffer capture",
        "IBM iSeries comm. trace (Unicode)": "looks like text",
        "Endace ERF capture": "is not a capture that can be read",
    }
    seen = set()
    for name, kind in rows.items():
        if kind in expected:
            seen.add(kind)
            assert expected[kind] in refused(shared_captures / "dev" / name), name
    assert seen == set(expected)
