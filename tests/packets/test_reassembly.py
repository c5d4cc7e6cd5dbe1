"""Reassembly in every order, with repeats and reused IP IDs, against tshark on real captures, and against floods."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.packets.datagram import Datagram, Fragment
from analyzer.packets.reassembly import MILLISECOND, SECOND, Reassembler
from tests.packets.fragments import KEY, PAYLOAD, check_coverage, fragment, parts


def one_datagram(reassembler: Reassembler, *fragments: Fragment) -> Datagram:
    """The datagram that the fragments make, complete or not; there must be one alone."""
    complete = [done for one in fragments if (done := reassembler.add(KEY, one)) is not None]
    (datagram,) = complete + reassembler.flush()
    return datagram


def test_in_order() -> None:
    datagram = one_datagram(Reassembler(), *parts(0, 1, 2))
    assert datagram.data == PAYLOAD
    assert (datagram.total, datagram.missing, datagram.complete, datagram.overlap) == (3480, (), True, False)
    assert (datagram.in_order, datagram.oversize, datagram.ended_at, datagram.key) == (True, False, 2, KEY)
    assert [one.frame for one in datagram.fragments] == [10, 20, 30]
    assert datagram.first_fragment is datagram.fragments[0]


def test_ethernet_padding_is_no_data() -> None:
    first, last = fragment(0, b"abcdefgh", True), fragment(8, b"ij" + bytes(16), False, length=2)
    assert one_datagram(Reassembler(), first, last).data == b"abcdefghij"


def test_one_empty_fragment_is_an_empty_datagram() -> None:
    datagram = one_datagram(Reassembler(), fragment(0, b"", False))
    assert (datagram.complete, datagram.total, datagram.data) == (True, 0, b"")


def test_capture_duplicates_are_kept_apart() -> None:
    """Each fragment is seen at two components: the copies of the last one arrive when the datagram is complete."""
    reassembler = Reassembler()
    once, again = parts(0, 1, 2), parts(0, 1, 2)
    returned = [reassembler.add(KEY, one) for pair in zip(once, again, strict=True) for one in pair]
    (datagram,) = [one for one in returned if one is not None]
    assert (datagram.fragments, datagram.duplicates) == (once, again)
    assert (datagram.data, datagram.overlap) == (PAYLOAD, False)
    assert reassembler.flush() == []


def test_whole_copy_of_a_datagram_within_the_window() -> None:
    reassembler = Reassembler()
    returned = [reassembler.add(KEY, one) for one in parts(0, 1, 2) + parts(0, 1, 2, time=99 * MILLISECOND)]
    assert [one is not None for one in returned] == [False, False, True, False, False, False]
    assert returned[2] is not None and len(returned[2].duplicates) == 3
    assert reassembler.flush() == []


def test_a_copy_captured_longer_adds_its_bytes() -> None:
    cut, whole = fragment(0, b"ab", True, length=8), fragment(0, b"abcdefgh", True)
    datagram = one_datagram(Reassembler(), cut, whole, fragment(8, b"i", False))
    assert (datagram.data, datagram.duplicates, datagram.overlap) == (b"abcdefghi", [whole], False)


def test_retransmission_with_the_same_ip_id() -> None:
    """+0, +1, +2 s with one IP ID: three datagrams, complete or not."""
    reassembler = Reassembler()
    complete = [reassembler.add(KEY, one) for n in range(3) for one in parts(0, 1, 2, time=n * SECOND)]
    assert [one.data for one in complete if one is not None] == [PAYLOAD] * 3
    for n in range(3, 6):
        assert reassembler.add(KEY, parts(0, time=n * SECOND)[0]) is None
    first_only = reassembler.flush()
    assert [(one.missing, len(one.fragments), one.duplicates) for one in first_only] == [(((1480, -1),), 1, [])] * 3


def test_first_fragment_that_does_not_fit_opens_a_new_datagram() -> None:
    reassembler = Reassembler()
    reassembler.add(KEY, fragment(0, b"old old ", True, frame=1))
    reassembler.add(KEY, fragment(0, b"new new ", True, frame=2))
    new = reassembler.add(KEY, fragment(8, b"tail", False, frame=3))
    assert new is not None and new.data == b"new new tail"
    (old,) = reassembler.flush()
    assert ([one.frame for one in old.fragments], old.overlap) == ([1], False)


def test_refragmented_copy_is_the_same_datagram_and_an_overlap() -> None:
    whole, half = fragment(0, b"abcdefghijklmnop", True), fragment(0, b"abcdefgh", True)
    datagram = one_datagram(Reassembler(), whole, half, fragment(16, b"q", False))
    assert (datagram.overlap, datagram.complete, datagram.data) == (True, True, b"abcdefghijklmnopq")
    assert datagram.fragments[:2] == [whole, half]


def test_oversize_is_marked_and_not_stored() -> None:
    datagram = one_datagram(Reassembler(), fragment(65_528, bytes(1480), False))
    assert (datagram.oversize, datagram.complete, len(datagram.fragments[0].data)) == (True, False, 7)
    assert datagram.missing == ((0, 65_528), (65_535, 67_008))
    far = one_datagram(Reassembler(), fragment(10**9, bytes(1480), True))
    assert (far.oversize, far.fragments[0].data, far.data) == (True, b"", b"")


def test_timeout_after_thirty_seconds() -> None:
    reassembler = Reassembler()
    reassembler.add(KEY, parts(0)[0])
    reassembler.add((*KEY, "other"), parts(0, time=30 * SECOND)[0])
    assert reassembler.drain() == []
    reassembler.add((*KEY, "another"), parts(0, time=30 * SECOND + 1)[0])
    assert reassembler.drain() == []  # the next fragment may stand in the wrong order
    reassembler.add((*KEY, "another"), parts(1, time=30 * SECOND + 1)[0])
    (timed_out,) = reassembler.drain()
    assert timed_out.key == KEY
    assert reassembler.add(KEY, parts(1, time=30 * SECOND + 2)[0]) is None
    assert [(one.key, one.missing[0]) for one in reassembler.flush()] == [
        ((*KEY, "other"), (1480, -1)),
        ((*KEY, "another"), (2960, -1)),
        (KEY, (0, 1480)),
    ]
    assert reassembler.evicted == 0


def test_flush_is_sorted_by_first_frame_and_empties() -> None:
    reassembler = Reassembler()
    for frame in (30, 10, 20):
        reassembler.add((frame,), fragment(0, b"", True, frame=frame))
    assert [one.fragments[0].frame for one in reassembler.flush()] == [10, 20, 30]
    assert reassembler.flush() == []


def test_discarded_datagrams_are_swallowed() -> None:
    reassembler = Reassembler()
    reassembler.add(KEY, parts(0)[0])
    reassembler.discard(KEY)
    reassembler.discard(KEY)
    assert [reassembler.add(KEY, one) for one in parts(1, 2) + parts(0, 1, 2)] == [None] * 5
    assert reassembler.flush() == []
    later = [reassembler.add(KEY, one) for one in parts(0, 1, 2, time=SECOND)]
    assert later[2] is not None and later[2].data == PAYLOAD


def test_discarded_and_never_completed() -> None:
    reassembler = Reassembler()
    reassembler.add(KEY, parts(0)[0])
    reassembler.discard(KEY)
    assert reassembler.add(KEY, parts(1, time=29 * SECOND)[0]) is None
    assert reassembler.flush() == []
    again = [reassembler.add(KEY, one) for one in parts(0, 1, 2, time=29 * SECOND)]
    assert again[2] is not None, "the IP ID is used again: its first fragment tells"


def test_discarding_a_completed_datagram_swallows_its_copies() -> None:
    reassembler = Reassembler()
    datagram = one_datagram(reassembler, *parts(0, 1, 2))
    reassembler.discard(KEY)
    assert [reassembler.add(KEY, one) for one in parts(0, 1, 2)] == [None] * 3
    assert (datagram.duplicates, reassembler.flush()) == ([], [])


def test_discarding_with_the_fragment_that_tells() -> None:
    reassembler = Reassembler()
    for one in parts(0, 0):
        reassembler.discard(KEY, one)
    assert [reassembler.add(KEY, one) for one in parts(1, 2, 1)] == [None] * 3
    reassembler.discard(KEY, parts(0)[0])
    assert [reassembler.add(KEY, one) for one in parts(1, 2, time=99 * MILLISECOND)] == [None] * 2
    assert [reassembler.add(KEY, one) for one in parts(1, 2, time=SECOND)] == [None] * 2
    (next_one,) = reassembler.flush()
    assert len(next_one.fragments) == 2, "the discarded datagram was complete: this is another"


def test_discarding_the_unseen() -> None:
    """The caller saw a first fragment, added nothing, and wants no more of it."""
    reassembler = Reassembler()
    reassembler.discard(KEY)
    reassembler.discard(KEY)
    assert [reassembler.add(KEY, one) for one in parts(1, 2, time=SECOND)] == [None] * 2
    assert reassembler.flush() == []
    reassembler.discard(KEY)
    again = [reassembler.add(KEY, one) for one in parts(0, 1, 2, time=SECOND)]
    assert again[2] is not None, "a first fragment that is added is another datagram's"
    reassembler.discard((*KEY, "other"))
    reassembler.add((*KEY, "other"), parts(1, time=2 * SECOND)[0])
    reassembler.add((*KEY, "other"), parts(1, time=63 * SECOND)[0])
    assert [one.key for one in reassembler.flush()] == [(*KEY, "other")], "not for ever"


def test_a_wanted_first_fragment_ends_the_swallowing() -> None:
    for unwanted in (parts(0), parts(0, 1, 2)):
        reassembler = Reassembler()
        for one in unwanted:
            reassembler.add(KEY, one)
        reassembler.discard(KEY)
        reassembler.add(KEY, fragment(0, b"other port", True, time=MILLISECOND))
        done = reassembler.add(KEY, fragment(10, b"!", False, time=MILLISECOND))
        assert done is not None and done.data == b"other port!"


def test_a_datagram_with_the_same_ip_id_right_behind() -> None:
    """Another first fragment, the same tail: the tail belongs to the datagram that lacks it."""
    reassembler = Reassembler()
    first = one_datagram(reassembler, fragment(0, b"one head", True), fragment(8, b"tail", False))
    second = [reassembler.add(KEY, one) for one in (fragment(0, b"a second", True), fragment(8, b"tail", False))]
    assert (first.data, first.duplicates) == (b"one headtail", [])
    assert second[1] is not None and second[1].data == b"a secondtail"
    reassembler._expire(SECOND)
    assert reassembler._live_bytes == 0


def test_the_window_holds_where_times_run_backwards() -> None:
    reassembler = Reassembler()
    for one in parts(0, 1, 2, time=SECOND):
        reassembler.add((*KEY, "ahead"), one)
    for one in parts(0, 1, 2):
        reassembler.add(KEY, one)
    again = [reassembler.add(KEY, one) for one in parts(0, 1, 2, time=SECOND // 2)]
    assert again[2] is not None


def test_bounds() -> None:
    reassembler = Reassembler(max_open=10)
    for n in range(25):
        reassembler.add((n,), fragment(0, bytes(8), True, frame=n))
    assert reassembler.evicted == 15
    assert [one.key for one in reassembler.flush()] == [(n,) for n in range(25)]

    reassembler = Reassembler(max_bytes=100_000)
    for n in range(1000):
        reassembler.add((n,), fragment(0, bytes(1480), True, frame=n))
        assert reassembler._live_bytes <= 100_000 and reassembler._incomplete_bytes <= 100_000
    kept = reassembler.flush()
    assert reassembler.forgotten + len(kept) == 1000
    assert kept[-1].key == (999,)

    reassembler = Reassembler(max_fragments=16)
    for n in range(40):
        reassembler.add(KEY, fragment(8 * n, bytes(8), True))
    assert [len(one.fragments) for one in reassembler.flush()] == [16, 16, 8]
    assert reassembler.evicted == 2

    for _ in range(100):
        reassembler.add(KEY, fragment(0, b"the same", True))
    (datagram,) = reassembler.flush()
    assert len(datagram.duplicates) == 16


def test_accounts_return_to_zero() -> None:
    reassembler = Reassembler()
    for n in range(50):
        for one in parts(0, 1, 2, 1, time=n * SECOND):
            reassembler.add((n % 5,), one)
        reassembler.add((n,), parts(0, time=n * SECOND)[0])
        reassembler.discard((n - 1,))
    reassembler.flush()
    reassembler._expire(10**15)
    assert (reassembler._live_bytes, reassembler._incomplete_bytes) == (0, 0)


@pytest.mark.parametrize("step", [8, -8, 16])
def test_a_flood_of_fragments_stays_bounded(step: int) -> None:
    """100,000 fragments that never make a datagram, in one and in many: quadratic work would take minutes."""
    reassembler = Reassembler()
    for n in range(50_000):
        reassembler.add(KEY, fragment(n * step % 65_536, b"", True, length=8))
        reassembler.add((n,), fragment(8, b"", True, length=60_000))
    assert len(reassembler._open) <= 4096


pieces = st.lists(
    st.tuples(st.integers(-9, 80), st.integers(-3, 40), st.booleans(), st.binary(max_size=40), st.integers(0, 200)),
    max_size=12,
)


@settings(max_examples=200)
@given(pieces)
def test_random_fragments_never_raise_and_missing_is_the_complement(
    drawn: list[tuple[int, int, bool, bytes, int]],
) -> None:
    reassembler = Reassembler()
    datagrams = []
    for n, (offset, length, more, data, time) in enumerate(drawn):
        done = reassembler.add(KEY, Fragment(n, time * MILLISECOND, offset, length, more, 0, data))
        datagrams += [] if done is None else [done]
    for datagram in datagrams + reassembler.flush():
        check_coverage(datagram)


@settings(max_examples=150)
@given(st.data())
def test_any_order_with_any_repeats_gives_the_same_data(data: st.DataObject) -> None:
    payload = data.draw(st.binary(min_size=1, max_size=200))
    inner = data.draw(st.sets(st.integers(1, max(1, (len(payload) - 1) // 8)), max_size=6))
    cuts = sorted({8 * cut for cut in inner if 8 * cut < len(payload)})
    ranges = list(zip([0, *cuts], [*cuts, len(payload)], strict=True))
    sent = data.draw(st.lists(st.sampled_from(ranges), max_size=3)) + ranges
    order = data.draw(st.permutations(sent))
    reassembler = Reassembler()
    returned = [
        reassembler.add(KEY, fragment(start, payload[start:end], end < len(payload), frame=n, time=n))
        for n, (start, end) in enumerate(order)
    ]
    (datagram,) = [one for one in returned if one is not None]
    last_new = max(order.index(part) for part in ranges)
    assert returned[last_new] is datagram, "complete exactly when the last byte is covered"
    assert (datagram.data, datagram.complete, datagram.overlap, datagram.missing) == (payload, True, False, ())
    assert (len(datagram.fragments), len(datagram.duplicates)) == (len(ranges), len(sent) - len(ranges))
    firsts = sorted(ranges, key=order.index)
    assert datagram.in_order == (firsts == ranges)
    assert reassembler.flush() == []


@pytest.mark.parametrize(
    "capture, version",
    [
        ("corelight+zeek-spicy-ipsec/ipsec_client.pcap", 4),
        ("seladb+PcapPlusPlus/ip4_fragments.pcap", 4),
        ("nfstream+nfstream/dns_fragmented.pcap", 4),
        ("zeek+zeek/ipv6-fragmented-dns.pcap", 6),
        ("seladb+PcapPlusPlus/ip6_fragments.pcap", 6),
    ],
)
def test_same_datagrams_as_tshark(shared_captures: Path, tshark: Path, capture: str, version: int) -> None:
    file = shared_captures / "dev" / capture
    complete = {
        tuple(int(frame) for frame in row[0].split(",")): int(row[1])
        for row in fields(tshark, file, version, True, f"{['ip', 'ipv6'][version // 6]}.fragment", REASSEMBLED[version])
        if row[0] and row[1]
    }
    reassembler, seen = Reassembler(), {}
    for row in fields(tshark, file, version, False, "frame.number", "frame.time_epoch", *FRAGMENT[version]):
        number, seconds, src, dst, protocol, ident, offset, more, length, header = row
        if not ident or not (int(offset) or more == "1"):
            continue
        size = int(length) - (int(header) if version == 4 else 8)
        moment = int(seconds.replace(".", ""))
        one = Fragment(int(number), moment, 8 * int(offset), size, more == "1", int(length), bytes(size))
        done = reassembler.add((src, dst, protocol, ident), one)
        if done is not None:
            seen[tuple(sorted(part.frame for part in done.fragments + done.duplicates))] = done.total
    assert seen == {tuple(sorted(frames)): length for frames, length in complete.items()}
    assert seen


REASSEMBLED = {4: "ip.reassembled.length", 6: "ipv6.reassembled.length"}
FRAGMENT_HEADER = ("fraghdr.nxt", "fraghdr.ident", "fraghdr.offset", "fraghdr.more")
#: frame, time, src, dst, protocol, IP ID, offset, more fragments, length, header length (IPv6: anything).
FRAGMENT = {
    4: ("ip.src", "ip.dst", "ip.proto", "ip.id", "ip.frag_offset", "ip.flags.mf", "ip.len", "ip.hdr_len"),
    6: tuple(f"ipv6.{name}" for name in ("src", "dst", *FRAGMENT_HEADER, "plen", "hlim")),
}


def fields(tshark: Path, file: Path, version: int, whole: bool, *names: str) -> list[list[str]]:
    """Rows of tshark's fields; tab separated, several occurrences of a list joined by commas."""
    options = [f"{layer}.defragment:{'TRUE' if whole else 'FALSE'}" for layer in ("ip", "ipv6")]
    occurrence = "a" if whole else "f"
    arguments = ["-n", "-r", str(file), "-T", "fields", "-E", f"occurrence={occurrence}"]
    arguments += [part for option in options for part in ("-o", option)]
    arguments += [part for name in names for part in ("-e", name)]
    if not whole:
        # Fragments quoted inside ICMP errors are not the capture's own.
        arguments += ["-Y", f"{'ip' if version == 4 else 'ipv6'} and not icmp and not (icmpv6.type in {{1, 2, 3, 4}})"]
    output = subprocess.run([tshark, *arguments], capture_output=True, check=True).stdout.decode()
    return [line.split("\t") for line in output.splitlines()]
