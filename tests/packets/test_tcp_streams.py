"""IKE in TCP connections: segments shuffled, repeated, overlapping and lost in every way."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.packets.tcp_framing import Flow, TcpRecord
from analyzer.packets.tcp_streams import TcpStreams
from tests.packets.tcp_frames import CLIENT, DOWN, KEEPALIVE, MESSAGES, PREFIX, SERVER, UP, brief, esp, framed, ike


class Capture:
    """A connection being captured: frames are numbered, time is the frame number."""

    def __init__(self, streams: TcpStreams | None = None, isn: int = 1000) -> None:
        self.streams = streams or TcpStreams()
        self.isn = isn
        self.frame = 0

    def syn(self, flow: Flow = UP) -> list[TcpRecord]:
        return self.send(b"", -1, flow, syn=True)

    def send(
        self, payload: bytes, at: int, flow: Flow = UP, *, lost: int = 0, syn: bool = False, fin: bool = False
    ) -> list[TcpRecord]:
        """A segment whose payload starts at byte `at` of the stream."""
        self.frame += 1
        seq = (self.isn + 1 + at) % (1 << 32)
        return self.streams.add(flow, seq, payload, syn=syn, fin_rst=fin, frame=self.frame, time=self.frame, lost=lost)


def test_both_directions() -> None:
    capture, request, response = Capture(), ike(300), ike(200)
    assert capture.syn() == capture.syn(DOWN) == []
    up = capture.send(PREFIX + framed(request) + esp(40), 0)
    down = capture.send(framed(response) + KEEPALIVE, 0, DOWN)
    assert up == [
        TcpRecord(UP, "prefix", PREFIX, 6, (3,), 3),
        TcpRecord(UP, "ike", request, 300, (3,), 3),
        TcpRecord(UP, "esp", esp(40)[2:], 40, (3,), 3),
    ]
    assert down == [
        TcpRecord(DOWN, "ike", response, 200, (4,), 4),
        TcpRecord(DOWN, "keepalive", b"\xff", 1, (4,), 4),
    ]
    assert capture.streams.flush() == []


def test_any_port_when_the_start_was_seen() -> None:
    capture = Capture()
    up, down = (CLIENT, SERVER, 50_000, 443), (SERVER, CLIENT, 443, 50_000)
    capture.syn(up)
    capture.syn(down)
    assert [record.kind for record in capture.send(PREFIX + framed(ike(28)), 0, up)] == ["prefix", "ike"]
    assert [record.kind for record in capture.send(framed(ike(28)), 0, down)] == ["ike"]


@pytest.mark.parametrize(
    "payload", [b"GET / HTTP/1.1\r\n\r\n", b"IKETCX" + framed(ike(28))[1:], b"\x16\x03\x01\x02\0\1"]
)
@pytest.mark.parametrize("port", [4500, 443])
def test_other_protocols_are_left_alone(payload: bytes, port: int) -> None:
    capture, flow = Capture(), (CLIENT, SERVER, 50_000, port)
    capture.syn(flow)
    assert capture.send(payload, 0, flow) == []
    assert capture.send(bytes(100_000), 200_000, flow) == [], "what comes out of order is not held"
    assert capture.streams._held == 0
    assert capture.streams.flush() == []


def test_other_ports_need_the_prefix() -> None:
    assert Capture().send(framed(ike(100)), 0, (CLIENT, SERVER, 50_000, 443)) == []


def test_start_not_captured() -> None:
    capture = Capture()
    assert capture.send(bytes(range(200)), 0) == []
    assert brief(capture.send(framed(ike(100)) + esp(40), 200)) == [("ike", ike(100), 100), ("esp", esp(40)[2:], 40)]
    assert brief(capture.send(framed(ike(60)), 0, DOWN)) == [("ike", ike(60), 60)]


def test_snaplen_keeps_the_framing() -> None:
    """Segments cut to 60 bytes: each message is as long on the wire as its length field says."""
    capture = Capture()
    stream = PREFIX + framed(ike(500)) + framed(ike(300))
    capture.syn()
    assert brief(capture.send(stream[:60], 0, lost=512 - 60)) == [("prefix", PREFIX, 6), ("ike", ike(500)[:48], 500)]
    assert brief(capture.send(stream[512:572], 512, lost=306 - 60)) == [("ike", ike(300)[:54], 300)]
    assert capture.send(stream[500:572], 500, lost=306 - 60) == [], "sent again, from a little before"
    assert brief(capture.send(framed(ike(40)), len(stream))) == [("ike", ike(40), 40)]


def test_overlap_with_bytes_that_were_not_captured() -> None:
    """The repeat starts within the uncaptured part: what is new of it is counted, and not captured either."""
    capture, message = Capture(), ike(500)
    stream = PREFIX + framed(message) + framed(ike(40))
    capture.syn()
    capture.send(stream[:60], 0, lost=240)
    assert brief(capture.send(stream[100:110], 100, lost=402)) == [("ike", message[:48], 500)]
    assert brief(capture.send(stream[512:], 512)) == [("ike", ike(40), 40)]


def test_uncaptured_length_field_resumes_at_the_next_segment() -> None:
    capture = Capture()
    stream = PREFIX + framed(ike(100)) + framed(ike(100, 1)) + framed(ike(100, 2))
    capture.syn()
    records = capture.send(stream[:60], 0, lost=152) + capture.send(stream[212:262], 212)
    assert brief(records) == [("prefix", PREFIX, 6), ("ike", ike(100)[:48], 100)], "the next two are cut"
    assert brief(capture.send(stream[262:], 262)) == []
    assert capture.send(stream[6:] + KEEPALIVE, 6) == [], "a repeat of what was read already is no place to go on"
    assert brief(capture.send(framed(ike(80)), len(stream))) == [("ike", ike(80), 80)]


def test_retransmissions_and_overlaps_are_read_once() -> None:
    capture, message = Capture(), ike(200)
    stream = PREFIX + framed(message) + KEEPALIVE
    capture.syn()
    records = capture.send(stream[:100], 0) + capture.send(stream[:100], 0) + capture.send(stream[50:150], 50)
    records += capture.send(stream, 0) + capture.send(stream[100:], 100)
    assert [record.kind for record in records] == ["prefix", "ike", "keepalive"]
    assert records[1].data == message


def test_sequence_numbers_wrap() -> None:
    capture, message = Capture(isn=(1 << 32) - 100), ike(400)
    stream = PREFIX + framed(message)
    capture.syn()
    records = capture.send(stream[200:], 200) + capture.send(stream[:120], 0) + capture.send(stream[120:200], 120)
    assert brief(records) == [("prefix", PREFIX, 6), ("ike", message, 400)]


def test_gap_inside_a_message_shortens_it() -> None:
    capture, message = Capture(), ike(1000)
    stream = PREFIX + framed(message) + framed(ike(50))
    capture.syn()
    assert brief(capture.send(stream[:300], 0)) == [("prefix", PREFIX, 6)]
    assert capture.send(stream[400:], 400) == [], "the segment between may still come"
    records = capture.streams.flush()
    assert brief(records) == [("ike", message[:288], 1000), ("ike", ike(50), 50)]
    assert [record.complete for record in records] == [False, True]
    assert [record.frames for record in records] == [(2, 3), (3,)]


def test_gap_up_to_the_end_of_a_message() -> None:
    capture, message = Capture(), ike(1000)
    stream = PREFIX + framed(message) + framed(ike(50))
    capture.syn()
    capture.send(stream[:300], 0)
    capture.send(stream[1012:], 1012)
    records = capture.streams.flush()
    assert brief(records) == [("ike", message[:288], 1000), ("ike", ike(50), 50)]
    assert [record.frames for record in records] == [(2,), (3,)], "a gap is in no frame"


def test_gap_over_a_length_field_resumes_at_a_plausible_segment() -> None:
    capture = Capture()
    stream = PREFIX + framed(ike(100)) + framed(ike(100, 1)) + framed(ike(100, 2))
    capture.syn()
    capture.send(stream[:50], 0)
    capture.send(stream[150:218], 150)
    capture.send(stream[218:], 218)
    assert brief(capture.streams.flush()) == [("ike", ike(100)[:38], 100), ("ike", ike(100, 2), 100)]


def test_too_much_waiting_counts_as_lost() -> None:
    capture = Capture(TcpStreams(max_held=20_000))
    capture.syn()
    capture.send(PREFIX, 0)
    at, records = 206, []
    for n in range(40):
        assert capture.streams._held <= 20_000
        records += capture.send(framed(ike(1000, n)), at)
        at += 1006
    assert len(records) >= 20
    assert records[0].data == ike(1000, 0)


def test_end_of_stream_shows_the_unfinished_message() -> None:
    capture, message = Capture(), ike(1000)
    capture.syn()
    records = capture.send((PREFIX + framed(message))[:500], 0) + capture.send(b"", 500, fin=True)
    assert brief(records) == [("prefix", PREFIX, 6), ("ike", message[:488], 1000)]
    assert [record.complete for record in records] == [True, False]
    assert capture.streams.flush() == []


@pytest.mark.parametrize("length", [0, 1])
def test_forbidden_lengths_stop_the_stream(length: int) -> None:
    capture = Capture()
    capture.syn()
    stream = PREFIX + KEEPALIVE + length.to_bytes(2, "big") + framed(ike(100))
    assert [record.kind for record in capture.send(stream, 0)] == ["prefix", "keepalive"]
    assert capture.send(framed(ike(100)), len(stream)) == []
    assert [(note.id, note.frame) for note in capture.streams.notes] == [("ike-in-tcp-damaged", 2)]
    capture.syn(DOWN)
    assert brief(capture.send(framed(ike(60)), 0, DOWN)) == [("ike", ike(60), 60)], "the other direction goes on"


def test_ports_used_again() -> None:
    capture = Capture()
    capture.syn()
    capture.send((PREFIX + framed(ike(1000)))[:500], 0)
    again = Capture(capture.streams, isn=777_777)
    assert brief(again.syn()) == [("ike", ike(1000)[:488], 1000)]
    assert again.syn() == [], "a repeated SYN starts nothing"
    assert brief(again.send(PREFIX + framed(ike(50)), 0)) == [("prefix", PREFIX, 6), ("ike", ike(50), 50)]


def test_bounds_on_connections_and_bytes() -> None:
    streams = TcpStreams(max_flows=10)
    for port in range(100):
        Capture(streams).syn((CLIENT, SERVER, port, 4500))
    assert (len(streams._connections), streams.evicted) == (10, 90)

    streams = TcpStreams(max_bytes=50_000)
    for port in range(100):
        capture = Capture(streams)
        flow = (CLIENT, SERVER, port, 4500)
        capture.syn(flow)
        capture.send(bytes(1400), 5000, flow)
        assert streams._held <= 50_000
    streams.flush()
    assert streams._held == 0


def test_a_flood_of_segments_comes_to_its_end() -> None:
    """50,000 segments in reverse; were the work quadratic, this would take minutes."""
    capture = Capture()
    capture.syn()
    for n in range(50_000):
        capture.send(b"x", 2 * (50_000 - n))
    capture.send(PREFIX + b"\0\2" * 30_000, 0)
    capture.streams.flush()
    assert capture.streams._held == 0


@settings(max_examples=150)
@given(MESSAGES, st.integers(1, 70), st.integers(0, (1 << 32) - 1), st.randoms(use_true_random=False))
def test_any_order_and_any_repeats_give_the_same_messages(
    sent: list[tuple[str, bytes]], size: int, isn: int, rng: random.Random
) -> None:
    capture = Capture(isn=isn)
    stream = PREFIX + b"".join(frame for _, frame in sent)
    capture.syn()
    cuts = [(at, stream[at : at + size]) for at in range(0, len(stream), size)]
    cuts += [(at, stream[at : at + rng.randrange(1, 99)]) for at in rng.choices(range(len(stream)), k=4)]
    rng.shuffle(cuts)
    records = [record for at, payload in cuts for record in capture.send(payload, at)]
    assert capture.streams.flush() == []
    assert [record.kind for record in records] == ["prefix"] + [kind for kind, _ in sent]
    bodies = [frame[6 if kind == "ike" else 2 :] for kind, frame in sent]
    assert [record.data for record in records[1:]] == bodies
    assert [record.wire_length for record in records[1:]] == [len(body) for body in bodies]
    assert capture.streams._held == 0


segments = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(-3, 300),
        st.one_of(st.binary(max_size=60), st.just(PREFIX), st.just(PREFIX + framed(ike(40))), st.just(framed(ike(40)))),
        st.booleans(),
        st.booleans(),
        st.integers(-5, 80),
    ),
    max_size=20,
)


@settings(max_examples=200)
@given(segments)
def test_any_segments_never_raise(drawn: list[tuple[bool, int, bytes, bool, bool, int]]) -> None:
    capture = Capture(TcpStreams(max_held=2000))
    for up, at, payload, syn, fin, lost in drawn:
        for record in capture.send(payload, at, UP if up else DOWN, syn=syn, fin=fin, lost=lost):
            assert len(record.data) <= record.wire_length
    for record in capture.streams.flush():
        assert len(record.data) <= record.wire_length
    assert capture.streams._held == 0
