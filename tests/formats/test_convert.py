"""Formats that editcap reads for us; and what is said without it."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from analyzer import signals
from analyzer.errors import InputError
from analyzer.formats import convert, open_capture
from analyzer.formats.records import NO_TIME, Note
from analyzer.formats.temporary import Folder, LastFile

#: Formats that keep times in microseconds and packets whole.
FORMATS = ["5views", "ngwsniffer_2_0", "lanalyzer"]


def packets(path: Path, **stream: io.BytesIO) -> tuple[list[bytes], list[Note], str]:
    found = []
    with open_capture(path, sha256=True, **stream) as reader:  # type: ignore[arg-type]
        for chunk in reader.ahead():
            assert (chunk.time != NO_TIME).all()
            for begin, size in zip(chunk.start.tolist(), chunk.captured.tolist(), strict=True):
                found.append(chunk.buffer[begin : begin + size].tobytes())
    assert reader.sha256 is not None
    return found, reader.notes, reader.format


def fake(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program named editcap, alone on the path but for the shell's own programs."""
    program = folder / "editcap"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize("format", FORMATS)
def test_like_the_original(tmp_path: Path, samples: Path, tshark: Path, format: str) -> None:
    source, out = samples / "809-fragments-lost.pcapng", tmp_path / "-F"
    subprocess.run([tshark.with_name("editcap"), "-F", format, source, out], check=True, stderr=subprocess.DEVNULL)
    found, notes, name = packets(out)
    assert found == packets(source)[0]
    assert name == "pcapng+editcap"
    assert [note.id for note in notes] == ["capture-converted"]
    assert packets(Path("-x"), stream=io.BytesIO(out.read_bytes()))[0] == found


@pytest.mark.parametrize(
    "path",
    [
        "ajbanjara+Wireshark/dualhome.iptrace",
        "ajbanjara+Wireshark/cr_ss101.cap",
        "ajbanjara+Wireshark/iseries.cap",
        "cisco-system-traffic-generator+trex-core/dns_rxcheck-ex.erf",
    ],
)
def test_real_files(shared_captures: Path, tshark: Path, path: str) -> None:
    file = shared_captures / "dev" / path
    table = subprocess.run(
        [tshark, "-n", "-r", file, "-T", "fields", "-e", "frame.cap_len"], capture_output=True, text=True
    )
    found, notes, _ = packets(file)
    assert len(found) == len(table.stdout.splitlines()) > 0
    assert [note.id for note in notes] == ["capture-converted"]


@pytest.mark.parametrize("name", ["pktmon-128-bytes.pcapng", "lab/captures/kept-128-bytes.client.pcapng"])
def test_packets_that_editcap_does_not_carry_over(tmp_path: Path, samples: Path, tshark: Path, name: str) -> None:
    """Wireshark loses its way in a 5View file with packets that were cut; editcap ends with status 0 though."""
    source, out = samples / name, tmp_path / "cut.5vw"
    editcap = tshark.with_name("editcap")
    subprocess.run([editcap, "-F", "5views", source, out], check=True, stderr=subprocess.DEVNULL)
    done = subprocess.run([editcap, out, tmp_path / "back"], capture_output=True, text=True)
    assert done.returncode == 0 and "damaged or corrupt" in done.stderr
    found, notes, _ = packets(out)
    assert len(found) < len(packets(source)[0])
    assert [note.id for note in notes] == ["capture-converted", "capture-lost-packets"]


def test_without_capinfos_nothing_is_said_of_packets_lost(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = samples / "809-fragments-lost.pcapng"
    fake(tmp_path, f'/bin/cat {sample} > "$4"\n', monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    _, notes, _ = packets(Path("x"), stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))
    assert [note.id for note in notes] == ["capture-converted"]
    for status, ids in ((0, []), (2, ["capture-lost-packets"])):
        program = tmp_path / "capinfos"
        program.write_text(f"#!/bin/sh\nexit {status}\n")
        program.chmod(0o755)
        _, notes, _ = packets(Path("x"), stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))
        assert [note.id for note in notes] == ["capture-converted", *ids]


def test_without_editcap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "found", lambda name: None)
    with pytest.raises(InputError) as error:
        open_capture("old.cap", stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))
    assert str(error.value) == (
        "old.cap: is an AIX iptrace capture, which is read by way of editcap (of Wireshark): that is not installed, or "
        "cannot read it; where it can, convert it: editcap -F pcapng IN OUT"
    )


def test_it_is_asked_nothing_about_what_is_no_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, f"touch {tmp_path}/asked\n", monkeypatch)
    for raw in (b"", b"<html>", b"%PDF-1.7", b"Rar!\x1a\x07" + bytes(50)):
        with pytest.raises(InputError):
            open_capture("x", stream=io.BytesIO(raw))
    assert not (tmp_path / "asked").exists()
    with pytest.raises(InputError, match="looks like text"):
        open_capture("x", stream=io.BytesIO(b"dear colleague"))
    assert (tmp_path / "asked").exists()


def test_arguments_and_a_name_like_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, f'printf "%s\\n" "$#" "$1" "$2" "$3" "$4" "$TZ" > {tmp_path}/said\n', monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("-h;touch pwned").write_bytes(bytes(range(1, 200)))
    with pytest.raises(InputError):
        open_capture("-h;touch pwned")
    count, first, second, source, target, zone = (tmp_path / "said").read_text().splitlines()
    assert (count, first, second, zone) == ("4", "-F", "pcapng", "UTC")
    assert os.path.isabs(source) and os.path.isabs(target) and "pwned" not in source
    assert not os.path.exists(os.path.dirname(source)), "the temporary folder is gone"
    assert not (tmp_path / "pwned").exists()


def test_it_may_not_run_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "exec tail -f /dev/null\n", monkeypatch)
    monkeypatch.setattr(convert, "SECONDS", 0.1)
    with pytest.raises(InputError, match="AIX iptrace"):
        open_capture("x", stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))


def test_it_may_not_write_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, 'head -c 100000 /dev/zero > "$4"\nexec tail -f /dev/null\n', monkeypatch)
    monkeypatch.setattr(convert, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="AIX iptrace"):
        open_capture("x", stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))


def test_what_it_wrote_of_a_damaged_file_counts(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = samples / "809-fragments-lost.pcapng"
    fake(tmp_path, f'head -c 5000 {sample} > "$4"\nexit 2\n', monkeypatch)
    found, notes, _ = packets(Path("x"), stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))
    assert found
    assert {note.id for note in notes} == {"capture-converted", "capture-damaged", "capture-cut"}
    fake(tmp_path, f'head -c 60 {sample} > "$4"\nexit 2\n', monkeypatch)
    with pytest.raises(InputError):
        open_capture("x", stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))


@pytest.mark.parametrize(
    "script",
    [
        'mkfifo "$4"',
        'mkdir "$4"',
        'ln -s /dev/zero "$4"',
        ': > "$4"',
        'printf "not a pcapng, but long enough to be one" > "$4"',
        'rm -r "$(dirname "$4")"',
    ],
)
def test_what_it_leaves_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    fake(tmp_path, script + "\nexit 0\n", monkeypatch)
    with pytest.raises(InputError, match="AIX iptrace"):
        open_capture("x", stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))


@pytest.mark.parametrize("ends", ["exit 0", "exec tail -f /dev/null"])
def test_nothing_that_it_started_outlives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    # Whoever still runs holds the pipe open: its end is the proof that nobody does.
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    fake(tmp_path, f"tail -f /dev/null > {tmp_path}/alive & printf x > {tmp_path}/alive\n{ends}\n", monkeypatch)
    monkeypatch.setattr(convert, "SECONDS", 1.0)
    with pytest.raises(InputError, match="AIX iptrace"):
        open_capture("x", stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))
    os.set_blocking(reader, True)
    assert os.read(reader, 10) == b"x"
    assert os.read(reader, 10) == b""
    os.close(reader)


def test_of_a_long_file_that_it_does_not_know_little_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, f'wc -c < "$3" >> {tmp_path}/sizes\nexit 1\n', monkeypatch)
    with pytest.raises(InputError, match="not a capture that can be read"):
        open_capture("x", stream=io.BytesIO(bytes(9 << 20)), chunk_bytes=4096)
    (size,) = map(int, (tmp_path / "sizes").read_text().split())
    assert convert.TRIED_FIRST <= size <= 2 * convert.TRIED_FIRST


def test_of_a_long_file_that_it_knows_all_is_given(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = samples / "809-fragments-lost.pcapng"
    fake(tmp_path, f'wc -c < "$3" >> {tmp_path}/sizes\ncp {sample} "$4"\n', monkeypatch)
    raw = b"iptrace 2.0" + bytes(9 << 20)
    found, _, _ = packets(Path("x"), stream=io.BytesIO(raw))
    assert found == packets(sample)[0]
    assert int((tmp_path / "sizes").read_text().split()[-1]) == len(raw)


def test_no_room_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "exit 1\n", monkeypatch)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(InputError, match="x: cannot be converted: No such file"):
        open_capture("x", stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))


def test_a_system_that_removes_no_open_file(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: the folder goes when the capture is closed, or when a signal ends the process before that."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    sample = samples / "809-fragments-lost.pcapng"
    fake(tmp_path, f'cp {sample} "$4"\n', monkeypatch)
    unlink, read = os.unlink, []

    class Seen(LastFile):
        def __init__(self, path: str, folder: Folder) -> None:
            read.append(self)
            super().__init__(path, folder)

    def unlink_as_windows(path: str, **options: int) -> None:
        if os.path.basename(path) == "out.pcapng" and not all(file.closed for file in read):
            raise PermissionError(13, "The process cannot access the file because it is being used", path)
        unlink(path, **options)

    monkeypatch.setattr(convert, "LastFile", Seen)
    monkeypatch.setattr(os, "unlink", unlink_as_windows)
    for is_ended_by_signal in (False, True):
        reader = open_capture("x", stream=io.BytesIO(b"iptrace 2.0" + bytes(100)))
        assert [path.name for folder in temporary.iterdir() for path in folder.iterdir()] == ["out.pcapng"]
        if is_ended_by_signal:
            for undo in reversed(signals.leftovers.copy()):
                undo()
        else:
            assert sum(len(chunk.start) for chunk in reader.chunks()) == 50
            reader.close()
        assert not list(temporary.iterdir()) and not signals.leftovers
