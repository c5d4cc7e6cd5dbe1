"""The framing of IKE in TCP: streams built by hand after RFC 9329 section 3, cut anywhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.formats.records import Note
from analyzer.packets.tcp_framing import Flow, Framing, Piece, Recognition, TcpRecord
from tests.packets.tcp_frames import CLIENT, DOWN, KEEPALIVE, MESSAGES, PREFIX, SERVER, UP, brief, esp, framed, ike


class Stream:
    """One direction, piece by piece in order: frames are numbered, time is the frame number."""

    def __init__(self, flow: Flow = UP, *, from_start: bool = True, recognition: Recognition | None = None) -> None:
        self.notes: list[Note] = []
        self.framing = Framing(flow, recognition or Recognition(), self.notes.append)
        self.framing.from_start = from_start
        self.position = 0
        self.frame = 0

    def send(self, payload: bytes, *, lost: int = 0) -> list[TcpRecord]:
        self.frame += 1
        return self.feed(Piece(self.position, payload, lost, self.frame, self.frame))

    def gap(self, size: int) -> list[TcpRecord]:
        """Bytes that were not captured at all; the next segment tells."""
        return self.feed(Piece(self.position, b"", size, self.frame + 1, self.frame + 1, is_gap=True))

    def feed(self, piece: Piece) -> list[TcpRecord]:
        self.position = piece.end
        return self.framing.feed(piece)


def test_every_kind() -> None:
    assert Stream().send(PREFIX + framed(ike(300)) + esp(40) + KEEPALIVE) == [
        TcpRecord(UP, "prefix", PREFIX, 6, (1,), 1),
        TcpRecord(UP, "ike", ike(300), 300, (1,), 1),
        TcpRecord(UP, "esp", esp(40)[2:], 40, (1,), 1),
        TcpRecord(UP, "keepalive", b"\xff", 1, (1,), 1),
    ]


def test_a_message_in_many_segments_names_its_frames() -> None:
    stream, sent = Stream(), PREFIX + framed(ike(3000))
    records = [record for at in range(0, len(sent), 1000) for record in stream.send(sent[at : at + 1000])]
    assert records[1] == TcpRecord(UP, "ike", ike(3000), 3000, (1, 2, 3, 4), 1)


def test_byte_by_byte() -> None:
    stream, sent = Stream(), PREFIX + framed(ike(40)) + KEEPALIVE + esp(20)
    records = [record for at in range(len(sent)) for record in stream.send(sent[at : at + 1])]
    assert [record.kind for record in records] == ["prefix", "ike", "keepalive", "esp"]
    assert [record.time for record in records] == [1, 7, 53, 56]
    assert records[0].frames == (1, 2, 3, 4, 5, 6)


def test_the_other_direction_needs_no_prefix() -> None:
    """Once one direction is IKE the other is read from its start, whatever comes first and on any port."""
    recognition = Recognition()
    down = (SERVER, CLIENT, 443, 50_000)
    assert Stream(down, recognition=recognition).send(esp(40)) == []
    Stream((CLIENT, SERVER, 50_000, 443), recognition=recognition).send(PREFIX)
    assert recognition.is_ike
    assert brief(Stream(down, recognition=recognition).send(esp(40))) == [("esp", esp(40)[2:], 40)]
    assert Stream(down, recognition=recognition, from_start=False).send(esp(40)) == [], "somewhere in the stream"


@pytest.mark.parametrize("flow", [UP, DOWN])
def test_port_4500_starts_at_a_plausible_frame(flow: Flow) -> None:
    stream = Stream(flow, from_start=False)
    assert brief(stream.send(framed(ike(100)) + esp(40))) == [("ike", ike(100), 100), ("esp", esp(40)[2:], 40)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda frame: frame[:23] + b"\x10" + frame[24:],  # IKEv1
        lambda frame: frame[:5] + b"\1" + frame[6:],  # no marker
        lambda frame: frame[:1] + bytes([frame[1] + 1]) + frame[2:],  # lengths do not agree
        lambda frame: frame[:33],  # header cut
    ],
)
def test_implausible_frames_do_not_start_a_stream(damage: Callable[[bytes], bytes]) -> None:
    stream = Stream(from_start=False)
    assert stream.send(damage(framed(ike(100)))) == []
    assert stream.framing.is_lost
    assert not stream.framing.resumes_at(damage(framed(ike(100))))
    assert stream.framing.resumes_at(framed(ike(100)))
    assert brief(stream.send(framed(ike(100)))) == [("ike", ike(100), 100)]


def test_a_prefix_that_turns_out_to_be_none() -> None:
    stream = Stream()
    assert stream.send(PREFIX[:4]) == []
    assert not stream.framing.is_lost, "it may still become one"
    assert stream.send(b"XX") == []
    assert stream.framing.is_lost


def test_bytes_behind_the_snaplen_are_counted() -> None:
    stream, first = Stream(), PREFIX + framed(ike(500))
    assert brief(stream.send(first[:60], lost=512 - 60)) == [("prefix", PREFIX, 6), ("ike", ike(500)[:48], 500)]
    assert brief(stream.send(framed(ike(40)))) == [("ike", ike(40), 40)]


def test_an_uncaptured_length_field_loses_the_place() -> None:
    stream = Stream()
    records = stream.send((PREFIX + framed(ike(100)))[:60], lost=153)
    assert brief(records) == [("prefix", PREFIX, 6), ("ike", ike(100)[:48], 100)]
    assert stream.framing.is_lost


def test_a_gap_shortens_the_message_and_is_in_no_frame() -> None:
    stream, first = Stream(), PREFIX + framed(ike(1000))
    stream.send(first[:300])
    assert brief(stream.gap(712)) == [("ike", ike(1000)[:288], 1000)]
    (whole,) = stream.send(framed(ike(50)))
    assert (whole.complete, whole.frames) == (True, (2,))

    stream = Stream()
    stream.send(first[:300])
    assert stream.gap(100) == []
    (cut,) = stream.send(first[400:])
    assert (cut.data, cut.wire_length, cut.complete, cut.frames) == (ike(1000)[:288], 1000, False, (1, 2))


def test_the_end_shows_the_unfinished_message() -> None:
    stream = Stream()
    stream.send((PREFIX + framed(ike(1000)))[:500])
    (cut,) = stream.framing.finish()
    assert (cut.kind, cut.data, cut.wire_length, cut.complete) == ("ike", ike(1000)[:488], 1000, False)
    assert stream.framing.finish() == []


@pytest.mark.parametrize("length", [0, 1])
def test_forbidden_lengths_are_the_end(length: int) -> None:
    stream = Stream()
    records = stream.send(PREFIX + KEEPALIVE + length.to_bytes(2, "big") + framed(ike(100)))
    assert [record.kind for record in records] == ["prefix", "keepalive"]
    assert [(note.id, note.frame) for note in stream.notes] == [("ike-in-tcp-damaged", 1)]
    assert stream.send(framed(ike(100))) == []
    assert not stream.framing.resumes_at(b""), "never read on"


def test_odd_lengths_are_skipped() -> None:
    records = Stream().send(PREFIX + b"\0\2" + b"\0\4ab" + b"\0\6\0\0\0\0" + KEEPALIVE)
    assert brief(records) == [("prefix", PREFIX, 6), ("ike", b"", 0), ("keepalive", b"\xff", 1)]


@settings(max_examples=100)
@given(MESSAGES, st.data())
def test_any_cuts_give_the_same_messages(sent: list[tuple[str, bytes]], data: st.DataObject) -> None:
    stream, whole = Stream(), PREFIX + b"".join(frame for _, frame in sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)) | {0, len(whole)})
    records = [record for at, end in itertools.pairwise(cuts) for record in stream.send(whole[at:end])]
    expected = [(kind, frame[6 if kind == "ike" else 2 :]) for kind, frame in sent]
    assert [(record.kind, record.data) for record in records] == [("prefix", PREFIX), *expected]
    assert stream.framing.finish() == []


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.binary(max_size=60), st.sampled_from([b"", PREFIX, PREFIX + framed(ike(40)), framed(ike(40))])
            ),
            st.integers(0, 80),
            st.booleans(),
        ),
        max_size=20,
    ),
    st.booleans(),
)
def test_any_pieces_never_raise(drawn: list[tuple[bytes, int, bool]], from_start: bool) -> None:
    stream = Stream(from_start=from_start)
    for payload, lost, is_gap in drawn:
        records = stream.gap(lost) if is_gap else stream.send(payload, lost=lost)
        assert all(len(record.data) <= record.wire_length for record in records)
