"""What became of pings with DF, by size; ``ping -f -l N`` makes N + 28 bytes of IP."""

from __future__ import annotations

from typing import Any

from analyzer.packets.tables import EchoRow
from analyzer.relate.seen.pings import PingSweep, ping_sweeps
from tests.relate.captures import INIT, capture, pings

C, S = "10.0.0.2", "203.0.113.7"
SECOND = 10**9


def sweep(*sizes: tuple[int, bool], until: str = "+600 C:40000 > S:9 UDP\n", **options: Any) -> PingSweep:
    return capture(INIT, pings(*sizes, **options), until).analysis.related.capture.ping_sweeps[C, S]


def bracket(sizes: PingSweep) -> tuple[int | None, int | None]:
    return (sizes.passed.ip_length if sizes.passed else None, sizes.lost.ip_length if sizes.lost else None)


def test_a_search_from_both_sides():
    # What mtupath.exe does: 1500 fails, 1000 passes, 1250 passes, 1375 passes, 1438 fails, 1407 fails.
    found = sweep((1500, False), (1000, True), (1250, True), (1375, True), (1438, False), (1407, False))
    assert bracket(found) == (1375, 1407)
    assert found.lost_requests == 3


def test_without_a_smaller_answer_nothing_is_known():
    assert bracket(sweep((1000, False), (1400, False))) == (None, None)


def test_a_size_that_was_answered_once_passes():
    assert bracket(sweep((1400, False), (1400, True), (1500, False))) == (1400, 1500)


def test_a_smaller_size_that_was_lost_is_bad_luck():
    assert bracket(sweep((1000, False), (1400, True))) == (1400, None)


def test_without_df_nothing_is_measured():
    assert capture(INIT, pings((1400, True), df=False)).analysis.related.capture.ping_sweeps == {}


def test_what_the_end_of_the_capture_left_open_is_not_lost():
    assert bracket(sweep((1000, True), (1400, False), until="")) == (1000, None)


def test_a_reply_of_another_length_answers_nothing():
    short = "+24 C < S ICMP echo-reply size 1000\n+60 C:40000 > S:9 UDP\n"
    assert bracket(sweep((1000, True), (1400, False), until=short)) == (1000, 1400)


def test_a_reply_before_its_request_answers_nothing():
    rows = [EchoRow(1, 0, S, C, True, 1, 1, 1400, False), EchoRow(2, 1, C, S, False, 1, 1, 1400, True)]
    assert bracket(ping_sweeps(rows, 10 * SECOND)[C, S]) == (None, None)


def test_copies_that_the_capture_holds_twice_count_once():
    request = EchoRow(1, 0, C, S, False, 1, 1, 1400, True)
    found = ping_sweeps([request, EchoRow(2, 3, C, S, False, 1, 1, 1400, True)], 10 * SECOND)
    assert [size.sent for size in found[C, S].sizes] == [1]
