"""The framing of IKE and ESP inside TCP: one direction's bytes in, messages out.

Sources: RFC 9329, docs/domain/ike-on-the-wire.md.

The initiator sends ``IKETCP`` once; then both sides send frames: a 16-bit length that counts itself, and four zero
bytes with an IKE message, or an ESP packet, or the keepalive byte 0xFF. Bytes that the capture lacks (snaplen, lost
packets) are carried along as a count, so that the framing survives them as long as no length field is among them;
otherwise reading resumes at the next segment that starts with a plausible IKE frame.

The bytes come in stream order, without repeats: :mod:`analyzer.packets.tcp_streams` sees to that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from analyzer.formats.records import Note
from analyzer.protocol import IKE_HEADER, NAT_T_PORT, NON_ESP_MARKER

STREAM_PREFIX = b"IKETCP"

_KEEPALIVE = b"\xff"
#: Bytes of a frame up to the end of its IKE header: length field, marker, header.
_PLAUSIBLE_LENGTH = 2 + NON_ESP_MARKER + IKE_HEADER

#: Source address, destination address, source port, destination port: one direction of a connection.
Flow = tuple[bytes, bytes, int, int]


@dataclass(frozen=True, slots=True)
class TcpRecord:
    """One thing found in a TCP stream.

    Attributes
    ----------
    flow : tuple
        Direction that it was sent in.
    kind : str
        ``ike``, ``esp``, ``keepalive`` or ``prefix`` (the ``IKETCP`` at the start).
    data : bytes
        What was captured of it from its first byte on, without the length field and without the non-ESP marker.
    wire_length : int
        Bytes that `data` would have if all of it had been captured.
    frames : tuple of int
        Frames that carry it.
    time : int
        Capture time of the segment with its first byte, ns.
    complete : bool
        All segments of it were in the capture (each perhaps cut, see `data`); False when a segment was lost or the
        stream ended before it.
    """

    flow: Flow
    kind: str
    data: bytes
    wire_length: int
    frames: tuple[int, ...]
    time: int
    complete: bool = True


@dataclass(slots=True, order=True)
class Piece:
    """Payload of a segment, or a gap, at its place in the stream.

    Attributes
    ----------
    position : int
        Sequence number of its first byte, without the wraparound.
    payload : bytes
        Captured bytes.
    lost : int
        Bytes behind them that were not captured.
    frame : int
        Frame number.
    time : int
        Capture time, ns.
    is_gap : bool
        No segment at all: these bytes are missing from the capture. `frame` and `time` are those of the next one.
    """

    position: int
    payload: bytes
    lost: int
    frame: int
    time: int
    is_gap: bool = False

    @property
    def end(self) -> int:
        """Position behind its last byte."""
        return self.position + len(self.payload) + self.lost

    def behind(self, position: int) -> Piece:
        """The rest of it from `position` on."""
        skip = max(0, position - self.position)
        lost = self.lost - max(0, skip - len(self.payload))
        return Piece(self.position + skip, self.payload[skip:], lost, self.frame, self.time, self.is_gap)


@dataclass(slots=True)
class Recognition:
    """What each direction of a connection has to know of the other: that this is IKE."""

    is_ike: bool = False


class _State(Enum):
    START = auto()  # nothing read yet
    FRAMES = auto()  # at a known place in a frame
    LOST = auto()  # somewhere in the stream, or not IKE at all
    BROKEN = auto()  # a length that RFC 9329 forbids: never read on


class Framing:
    """Cut the bytes of one direction into frames.

    Without ``IKETCP`` a direction is read from its start when the other one is IKE. Failing that, there and on port
    4500, it is read from the first segment that starts with a plausible frame: marker, IKEv2 header, lengths that
    agree.

    Parameters
    ----------
    flow : tuple
        The direction; written to its records.
    recognition : Recognition
        Shared by both directions of the connection.
    note : callable
        Takes the note on a stream that broke the framing rules.

    Attributes
    ----------
    from_start : bool
        The first piece is the start of the stream (its SYN was captured). For the caller to set.

    Examples
    --------
    >>> framing = Framing((b"client", b"server", 50000, 4500), Recognition(), print)
    >>> framing.feed(Piece(0, b"IKETCP" + b"\\0\\3", 0, frame=1, time=5))[0].kind
    'prefix'
    >>> record, = framing.feed(Piece(8, b"\\xff", 0, frame=2, time=9))
    >>> record.kind, record.frames
    ('keepalive', (1, 2))
    """

    __slots__ = (
        "_body",
        "_complete",
        "_contiguous",
        "_field",
        "_flow",
        "_frames",
        "_head",
        "_length",
        "_note",
        "_on_ike_port",
        "_recognition",
        "_remaining",
        "_state",
        "_time",
        "from_start",
    )

    def __init__(self, flow: Flow, recognition: Recognition, note: Callable[[Note], None]) -> None:
        self.from_start = False
        self._flow = flow
        self._on_ike_port = NAT_T_PORT in flow[2:]
        self._recognition = recognition
        self._note = note
        self._state = _State.START
        self._head: list[Piece] = []
        self._start_frame()

    @property
    def is_lost(self) -> bool:
        """Its place in the stream is not known, or this is no IKE: see :meth:`resumes_at`."""
        return self._state is _State.LOST

    def resumes_at(self, payload: bytes) -> bool:
        """Resume at a segment that starts with a plausible frame, where IKE is to be expected at all."""
        if (self._recognition.is_ike or self._on_ike_port) and _is_plausible(payload):
            self._begin()
        return self._state is _State.FRAMES

    def feed(self, piece: Piece) -> list[TcpRecord]:
        """Read on; `piece` follows the last one without a gap."""
        if self._state is _State.START:
            return self._recognise(piece)
        return self._read(piece) if self._state is _State.FRAMES else []

    def finish(self) -> list[TcpRecord]:
        """The stream ends here: an unfinished message as far as it came."""
        if self._state is not _State.FRAMES or self._length is None:
            return []
        self._complete = False
        record = self._record()
        self._lose()
        return [record] if record is not None else []

    def _recognise(self, piece: Piece) -> list[TcpRecord]:
        self._head.append(piece)
        start = b"".join(held.payload for held in self._head)
        if len(start) < len(STREAM_PREFIX) and STREAM_PREFIX.startswith(start) and not piece.lost:
            return []
        pieces, self._head = self._head, []
        records = []
        if start.startswith(STREAM_PREFIX):
            frames = tuple(dict.fromkeys(held.frame for held in pieces))
            time = pieces[0].time
            records.append(TcpRecord(self._flow, "prefix", STREAM_PREFIX, len(STREAM_PREFIX), frames, time))
            pieces = [piece.behind(pieces[0].position + len(STREAM_PREFIX))]
            self._begin()
        elif self._recognition.is_ike and self.from_start:
            self._begin()
        elif not self.resumes_at(start):
            self._lose()
            return []
        return records + [record for held in pieces for record in self._read(held)]

    def _begin(self) -> None:
        self._recognition.is_ike = True
        self._state = _State.FRAMES
        self._start_frame()

    def _lose(self) -> None:
        self._state = _State.LOST
        self._start_frame()

    def _start_frame(self) -> None:
        self._field = b""
        self._length: int | None = None
        self._remaining = 0
        self._body = bytearray()
        self._contiguous = True
        self._complete = True
        self._frames: list[int] = []
        self._time = 0

    def _read(self, piece: Piece) -> list[TcpRecord]:
        records: list[TcpRecord] = []
        at, size = 0, piece.end - piece.position
        while at < size:
            if not self._frames:
                self._time = piece.time
            if piece.is_gap:
                self._complete = False
            elif piece.frame not in self._frames[-1:]:
                self._frames.append(piece.frame)
            if self._length is None:
                if at >= len(piece.payload):
                    self._lose()
                    return records
                at += self._read_length(piece.payload[at : at + 2 - len(self._field)])
                if self._state is _State.BROKEN:
                    self._note(_forbidden_length(piece.frame))
                    return records
            else:
                step = min(self._remaining, size - at)
                self._read_body(piece.payload[at : at + step], step)
                at += step
            if self._length is not None and self._remaining == 0:
                record = self._record()
                if record is not None:
                    records.append(record)
                self._start_frame()
        return records

    def _read_length(self, part: bytes) -> int:
        self._field += part
        if len(self._field) == 2:
            length = int.from_bytes(self._field, "big")
            if length < 2:
                self._state = _State.BROKEN
            self._length = self._remaining = length - 2
        return len(part)

    def _read_body(self, captured: bytes, step: int) -> None:
        if self._contiguous:
            self._body += captured
            self._contiguous = len(captured) == step
        self._remaining -= step

    def _record(self) -> TcpRecord | None:
        """The frame as a record; None when it is none of the known kinds, or too little captured to tell."""
        body, length, marker = bytes(self._body), self._length or 0, NON_ESP_MARKER
        frames = tuple(self._frames)
        if length == len(_KEEPALIVE):
            return TcpRecord(self._flow, "keepalive", body, length, frames, self._time, self._complete)
        if len(body) < marker:
            return None
        if body.startswith(bytes(NON_ESP_MARKER)):
            return TcpRecord(self._flow, "ike", body[marker:], length - marker, frames, self._time, self._complete)
        return TcpRecord(self._flow, "esp", body, length, frames, self._time, self._complete)


def _is_plausible(payload: bytes) -> bool:
    """A frame with an IKEv2 message starts here: marker, major version 2, lengths that agree."""
    if len(payload) < _PLAUSIBLE_LENGTH or payload[2:6] != bytes(NON_ESP_MARKER) or payload[23] >> 4 != 2:
        return False
    length, ike_length = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[30:34], "big")
    return ike_length >= IKE_HEADER and length == ike_length + 6


def _forbidden_length(frame: int) -> Note:
    detail = "A length of 0 or 1 in an IKE-in-TCP stream is fatal (RFC 9329 section 3); the rest of it is not read."
    return Note("ike-in-tcp-damaged", detail, frame)
