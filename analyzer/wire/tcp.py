"""IKE and ESP inside TCP (RFC 9329, domain.md section 1.3): segments in, messages out.

The initiator sends ``IKETCP`` once; then both sides send frames: a 16-bit length that counts itself, and four zero
bytes with an IKE message, or an ESP packet, or the keepalive byte 0xFF. Bytes that the capture lacks (snaplen, lost
packets) are carried along as a count, so that the framing survives them as long as no length field is among them;
otherwise reading resumes at the next segment that starts with a plausible IKE frame.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from analyzer.capture.records import Note

STREAM_PREFIX = b"IKETCP"
IKE_TCP_PORT = 4500

_NON_ESP_MARKER = bytes(4)
_KEEPALIVE = b"\xff"
_IKE_HEADER_LENGTH = 28
#: Bytes of a frame up to the end of its IKE header: length field, marker, header.
_PLAUSIBLE_LENGTH = 2 + len(_NON_ESP_MARKER) + _IKE_HEADER_LENGTH
_SEQUENCE_SPACE = 1 << 32
#: What a held segment costs beside its bytes.
_SEGMENT_COST = 128
_MAX_NOTES = 100

#: Source address, destination address, source port, destination port: one direction of a connection.
Flow = tuple[bytes, bytes, int, int]
_TakeNote = Callable[[Note], None]


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


class TcpStreams:
    """Follow many TCP connections in the order of capture and read those that carry IKE.

    A connection carries IKE when one direction starts with ``IKETCP``, or, on port 4500 and for want of the start,
    when a segment starts with a plausible frame (marker, IKEv2 header, lengths that agree). Anything else costs a look
    at the start of each segment and is not stored.

    Parameters
    ----------
    max_flows : int
        Connections at once; the one that has been silent longest makes room.
    max_held : int
        Bytes of out-of-order segments held per direction; beyond it, the bytes they wait for count as lost.
    max_bytes : int
        Bytes held over all connections.

    Attributes
    ----------
    notes : list of Note
        Streams that broke the framing rules.
    evicted : int
        Connections given up because of a bound.

    Examples
    --------
    >>> streams = TcpStreams()
    >>> flow = (b"client", b"server", 50000, 4500)
    >>> streams.add(flow, 99, b"", syn=True, fin_rst=False, frame=1, time=0)
    []
    >>> records = streams.add(flow, 100, b"IKETCP" + b"\\0\\3\\xff", syn=False, fin_rst=False, frame=2, time=7)
    >>> [record.kind for record in records]
    ['prefix', 'keepalive']
    """

    def __init__(self, *, max_flows: int = 4096, max_held: int = 256 << 10, max_bytes: int = 64 << 20) -> None:
        self.max_flows = max_flows
        self.max_held = max_held
        self.max_bytes = max_bytes
        self.notes: list[Note] = []
        self.evicted = 0
        self._connections: OrderedDict[Flow, _Connection] = OrderedDict()
        self._held = 0

    def add(
        self,
        flow: Flow,
        seq: int,
        payload: bytes,
        *,
        syn: bool,
        fin_rst: bool,
        frame: int,
        time: int,
        lost: int = 0,
    ) -> list[TcpRecord]:
        """Take in the next segment of the capture.

        Parameters
        ----------
        flow : tuple
            (src, dst, sport, dport) of the segment.
        seq : int
            Sequence number of the segment.
        payload : bytes
            Captured payload.
        syn, fin_rst : bool
            SYN is set; FIN or RST is set.
        frame : int
            Frame number.
        time : int
            Capture time, ns.
        lost : int
            Bytes at the end of the payload that were not captured.

        Returns
        -------
        list of TcpRecord
            What this segment completes, in stream order; also what is left of connections that it replaces.
        """
        key = min(flow, (flow[1], flow[0], flow[3], flow[2]))
        records: list[TcpRecord] = []
        connection = self._connections.get(key)
        if connection is not None and syn and connection.direction(flow).is_other_start(seq):
            records += self._close(key)
            connection = None
        if connection is None:
            connection = self._connections[key] = _Connection(IKE_TCP_PORT in flow[2:], self._note)
        self._connections.move_to_end(key)
        direction = connection.direction(flow)
        held = direction.held
        records += direction.add(seq, payload, max(0, lost), syn, fin_rst, frame, time, self.max_held)
        self._held += direction.held - held
        while len(self._connections) > self.max_flows or (self._connections and self._held > self.max_bytes):
            self.evicted += 1
            records += self._close(next(iter(self._connections)))
        return records

    def flush(self) -> list[TcpRecord]:
        """At the end of the capture: what waits for lost segments, and messages whose end was not captured."""
        return [record for key in list(self._connections) for record in self._close(key)]

    def _close(self, key: Flow) -> list[TcpRecord]:
        connection = self._connections.pop(key)
        self._held -= sum(direction.held for direction in connection.directions.values())
        return [record for direction in connection.directions.values() for record in direction.finish()]

    def _note(self, note: Note) -> None:
        if len(self.notes) < _MAX_NOTES:
            self.notes.append(note)


class _Connection:
    """Both directions of a connection, and what one has to know of the other: whether this is IKE."""

    __slots__ = ("directions", "is_ike", "note", "on_ike_port")

    def __init__(self, on_ike_port: bool, note: _TakeNote) -> None:
        self.on_ike_port = on_ike_port
        self.note = note
        self.is_ike = False
        self.directions: dict[Flow, _Direction] = {}

    def direction(self, flow: Flow) -> _Direction:
        direction = self.directions.get(flow)
        if direction is None:
            direction = self.directions[flow] = _Direction(_Framing(flow, self))
        return direction


@dataclass(slots=True, order=True)
class _Piece:
    """Payload of a segment, or a gap; ``position`` is its sequence number without the wraparound."""

    position: int
    payload: bytes
    lost: int
    frame: int
    time: int
    is_gap: bool = False

    @property
    def end(self) -> int:
        return self.position + len(self.payload) + self.lost

    def behind(self, position: int) -> _Piece:
        """The rest of it from `position` on."""
        skip = max(0, position - self.position)
        lost = self.lost - max(0, skip - len(self.payload))
        return _Piece(self.position + skip, self.payload[skip:], lost, self.frame, self.time, self.is_gap)


class _Direction:
    """Put the segments of one direction in order, without repeats, and hand them to the framing."""

    __slots__ = ("_framing", "_isn", "_next", "_waiting", "held")

    def __init__(self, framing: _Framing) -> None:
        self._framing = framing
        self._isn: int | None = None
        self._next: int | None = None
        self._waiting: list[_Piece] = []
        self.held = 0

    def is_other_start(self, isn: int) -> bool:
        """A SYN with this sequence number starts another connection than the one that is followed here."""
        return self._next is not None and self._isn != isn

    def add(
        self, seq: int, payload: bytes, lost: int, syn: bool, fin_rst: bool, frame: int, time: int, max_held: int
    ) -> list[TcpRecord]:
        if syn:
            self._isn, seq = seq, seq + 1
            self._framing.from_start = True
        if self._next is None and (syn or payload or lost):
            self._next = seq % _SEQUENCE_SPACE
        if self._next is None:
            return []
        piece = _Piece(_unwrap(seq, self._next), payload, lost, frame, time)
        records: list[TcpRecord] = []
        if piece.end > piece.position and piece.end > self._next:
            if piece.position > self._next and not self._framing.is_lost:
                self._hold(piece)
            else:
                records += self._consume(piece)
            records += self._consume_waiting()
            while self.held > max_held:
                records += self._give_up_gap()
        if fin_rst and piece.end == self._next and not self._waiting:
            records += self._framing.finish()
        return records

    def finish(self) -> list[TcpRecord]:
        """No more segments will come."""
        records: list[TcpRecord] = []
        while self._waiting:
            records += self._give_up_gap()
        return records + self._framing.finish()

    def _hold(self, piece: _Piece) -> None:
        insort(self._waiting, piece)
        self.held += len(piece.payload) + _SEGMENT_COST

    def _consume_waiting(self) -> list[TcpRecord]:
        records: list[TcpRecord] = []
        done = 0
        while done < len(self._waiting):
            piece = self._waiting[done]
            if not self._framing.is_lost and self._next is not None and piece.position > self._next:
                break
            records += self._consume(piece)
            self.held -= len(piece.payload) + _SEGMENT_COST
            done += 1
        del self._waiting[:done]
        return records

    def _give_up_gap(self) -> list[TcpRecord]:
        """Count the bytes before the first waiting segment as lost, and go on with it."""
        first = self._waiting[0]
        position = first.position if self._next is None else self._next
        gap = _Piece(position, b"", max(0, first.position - position), first.frame, first.time, is_gap=True)
        return self._consume(gap) + self._consume_waiting()

    def _consume(self, piece: _Piece) -> list[TcpRecord]:
        position = piece.position if self._next is None else self._next
        if self._framing.is_lost:
            if piece.position < position or not self._framing.resumes_at(piece.payload):
                return []
        else:
            piece = piece.behind(position)
            if piece.end <= piece.position:
                return []
        self._next = piece.end
        return self._framing.feed(piece)


class _State(Enum):
    START = auto()  # nothing read yet
    FRAMES = auto()  # at a known place in a frame
    LOST = auto()  # somewhere in the stream, or not IKE at all
    BROKEN = auto()  # a length that RFC 9329 forbids: never read on


class _Framing:
    """Cut the bytes of one direction into frames."""

    __slots__ = (
        "_body",
        "_complete",
        "_connection",
        "_contiguous",
        "_field",
        "_flow",
        "_frames",
        "_head",
        "_length",
        "_remaining",
        "_state",
        "_time",
        "from_start",
    )

    def __init__(self, flow: Flow, connection: _Connection) -> None:
        self.from_start = False
        self._flow = flow
        self._connection = connection
        self._state = _State.START
        self._head: list[_Piece] = []
        self._start_frame()

    @property
    def is_lost(self) -> bool:
        return self._state is _State.LOST

    def resumes_at(self, payload: bytes) -> bool:
        """Resume at a segment that starts with a plausible frame, where IKE is to be expected at all."""
        if (self._connection.is_ike or self._connection.on_ike_port) and _is_plausible(payload):
            self._begin()
        return self._state is _State.FRAMES

    def feed(self, piece: _Piece) -> list[TcpRecord]:
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

    def _recognise(self, piece: _Piece) -> list[TcpRecord]:
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
        elif self._connection.is_ike and self.from_start:
            self._begin()
        elif not self.resumes_at(start):
            self._lose()
            return []
        return records + [record for held in pieces for record in self._read(held)]

    def _begin(self) -> None:
        self._connection.is_ike = True
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

    def _read(self, piece: _Piece) -> list[TcpRecord]:
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
                    self._connection.note(_forbidden_length(piece.frame))
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
        body, length, marker = bytes(self._body), self._length or 0, len(_NON_ESP_MARKER)
        frames = tuple(self._frames)
        if length == len(_KEEPALIVE):
            return TcpRecord(self._flow, "keepalive", body, length, frames, self._time, self._complete)
        if len(body) < marker:
            return None
        if body.startswith(_NON_ESP_MARKER):
            return TcpRecord(self._flow, "ike", body[marker:], length - marker, frames, self._time, self._complete)
        return TcpRecord(self._flow, "esp", body, length, frames, self._time, self._complete)


def _is_plausible(payload: bytes) -> bool:
    """A frame with an IKEv2 message starts here: marker, major version 2, lengths that agree."""
    if len(payload) < _PLAUSIBLE_LENGTH or payload[2:6] != _NON_ESP_MARKER or payload[23] >> 4 != 2:
        return False
    length, ike_length = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[30:34], "big")
    return ike_length >= _IKE_HEADER_LENGTH and length == ike_length + 6


def _unwrap(seq: int, near: int) -> int:
    """The position nearest to `near` that has this 32-bit sequence number (RFC 9293 section 3.4)."""
    ahead = (seq - near) % _SEQUENCE_SPACE
    return near + (ahead if ahead < _SEQUENCE_SPACE // 2 else ahead - _SEQUENCE_SPACE)


def _forbidden_length(frame: int) -> Note:
    detail = "A length of 0 or 1 in an IKE-in-TCP stream is fatal (RFC 9329 section 3); the rest of it is not read."
    return Note("ike-in-tcp-damaged", detail, frame)
