"""Reads ETL files made in tests, frame by frame."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import NamedTuple

from analyzer.formats import open_capture
from analyzer.formats.etl.reader import EtlReader
from analyzer.formats.records import SLACK, Interface


class Frame(NamedTuple):
    """One frame: time in nanoseconds, bytes, wire length, direction, dropped by the host, link type."""

    time: int
    data: bytes
    wire: int
    direction: int = 0
    dropped: bool = False
    link: int = 1


@dataclass(frozen=True)
class Read:
    """What a file holds."""

    frames: list[Frame]
    notes: dict[str, str]
    interfaces: list[Interface]
    places: list[Interface]
    comments: dict[int, str]
    snaplen: int
    sha256: str | None


def read(raw: bytes, chunk_bytes: int = 1 << 16, *, sha256: bool = False) -> Read:
    """Read a file from memory."""
    with open_capture("test.etl", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes, sha256=sha256) as reader:
        assert isinstance(reader, EtlReader)
        return taken(reader)


def taken(reader: EtlReader) -> Read:
    """Read all that a reader gives."""
    frames: list[Frame] = []
    places: list[Interface] = []
    comments: dict[int, str] = {}
    for chunk in reader.ahead():
        assert chunk.first_frame == len(frames) + 1
        comments.update(chunk.comments)
        for row, begin in enumerate(chunk.start.tolist()):
            end = begin + int(chunk.captured[row])
            assert end + SLACK <= len(chunk.buffer)
            places.append(reader.interfaces[int(chunk.interface[row])])
            frames.append(
                Frame(
                    int(chunk.time[row]),
                    chunk.buffer[begin:end].tobytes(),
                    int(chunk.wire[row]),
                    int(chunk.direction[row]),
                    bool(chunk.host_dropped[row]),
                    places[-1].link_type,
                )
            )
    notes = {note.id: note.detail for note in reader.notes}
    assert len(notes) == len(reader.notes)
    return Read(frames, notes, reader.interfaces, places, comments, reader.snaplen, reader.sha256)
