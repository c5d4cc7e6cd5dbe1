"""TCP connections that carry IKE and ESP (RFC 9329): the segments of a capture in, messages out.

Segments come out of order, more than once, overlapping, or not at all. Here each direction of each connection is put in
order by its sequence numbers, within bounds; :mod:`analyzer.packets.tcp_framing` reads what is in it.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from collections.abc import Callable

from analyzer.formats.records import Note
from analyzer.packets.tcp_framing import Flow, Framing, Piece, Recognition, TcpRecord

_SEQUENCE_SPACE = 1 << 32
#: What a held segment costs beside its bytes.
_SEGMENT_COST = 128
_MAX_NOTES = 100


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
            connection = self._connections[key] = _Connection(self._note)
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
    """Both directions of a connection."""

    __slots__ = ("_note", "_recognition", "directions")

    def __init__(self, note: Callable[[Note], None]) -> None:
        self._note = note
        self._recognition = Recognition()
        self.directions: dict[Flow, _Direction] = {}

    def direction(self, flow: Flow) -> _Direction:
        direction = self.directions.get(flow)
        if direction is None:
            direction = self.directions[flow] = _Direction(Framing(flow, self._recognition, self._note))
        return direction


class _Direction:
    """Put the segments of one direction in order, without repeats, and hand them to the framing."""

    __slots__ = ("_framing", "_isn", "_next", "_waiting", "held")

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._isn: int | None = None
        self._next: int | None = None
        self._waiting: list[Piece] = []
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
        piece = Piece(_unwrap(seq, self._next), payload, lost, frame, time)
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

    def _hold(self, piece: Piece) -> None:
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
        gap = Piece(position, b"", max(0, first.position - position), first.frame, first.time, is_gap=True)
        return self._consume(gap) + self._consume_waiting()

    def _consume(self, piece: Piece) -> list[TcpRecord]:
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


def _unwrap(seq: int, near: int) -> int:
    """The position nearest to `near` that has this 32-bit sequence number (RFC 9293 section 3.4)."""
    ahead = (seq - near) % _SEQUENCE_SPACE
    return near + (ahead if ahead < _SEQUENCE_SPACE // 2 else ahead - _SEQUENCE_SPACE)
