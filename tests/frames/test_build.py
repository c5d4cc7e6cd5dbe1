"""Columns that are worked out when the frame is made, and frames at work in pandas."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analyzer
from analyzer.capture import Capture
from tests.relate.captures import GOES_ON, INIT, capture, of_packets, raw_packets


def rows(frame: pd.DataFrame) -> list[Any]:
    """Rows as named tuples."""
    return list(frame.itertuples())


@cache
def sample(folder: Path, name: str) -> Capture:
    return analyzer.read(folder / f"{name}.pcapng")


class TestDuplicateOf:
    def test_whole_packets(self):
        packets = capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 400 dup\n").packets
        assert packets.duplicate_of.tolist() == [pd.NA, pd.NA, pd.NA, 3]

    def test_fragments_copied_one_by_one(self):
        # Each fragment is followed by its copy: the six packets are one datagram to whoever puts it together.
        packets = capture("+0.1 C:500 > S:500 IKE_AUTH request 3468 mid 1 dup\n").packets
        by_offset = packets.groupby("fragment_offset")
        assert by_offset.size().tolist() == [2, 2, 2]
        assert by_offset.duplicate_of.count().tolist() == [1, 1, 1]
        for copy in rows(packets[packets.duplicate_of.notna()]):
            original = packets[packets.frame == copy.duplicate_of].iloc[0]
            assert original.fragment_offset == copy.fragment_offset and original.frame < copy.frame

    def test_fragments_copied_as_a_whole(self):
        fragments = raw_packets("+0.1 C:500 > S:500 IKE_AUTH request 3468 mid 1\n")
        packets = of_packets([*fragments, *((time + 1_000_000, data) for time, data in fragments)]).packets
        assert packets.duplicate_of.tolist() == [pd.NA, pd.NA, pd.NA, 1, 2, 3]

    def test_a_retransmission_is_none(self):
        packets = capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 3468 x3 at +1 +3\n").packets
        assert packets.duplicate_of.isna().all()


class TestMissingRanges:
    def test_of_a_response_whose_later_fragments_never_came(self, samples):
        # By hand: IKE length 3184, 4 of marker, 8 of UDP: 3196 bytes of IP payload; the first fragment held 1480.
        datagrams = sample(samples, "response-fragments-lost").datagrams
        cut = datagrams[~datagrams.complete]
        assert len(cut) == 4
        assert cut.fragments.tolist() == [1] * 4
        # The end is known to nobody: no last fragment was seen.
        assert cut.missing.tolist() == [((1480, -1),)] * 4

    def test_in_the_middle(self):
        (datagram,) = rows(capture("+0 C:500 > S:500 IKE_AUTH request 3468 mid 1 lost 2\n").datagrams)
        assert datagram.missing == ((1480, 2960),)
        assert (datagram.frames, datagram.fragments, datagram.complete) == ((1, 2), 2, False)

    def test_at_the_start(self):
        # Without ports it is known by its addresses only: those of an IKE SA.
        *_, datagram = rows(capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 3468 lost 1\n").datagrams)
        assert (datagram.missing, datagram.frames, datagram.complete) == (((0, 1480),), (3, 4), False)

    def test_nowhere_when_they_come_in_disorder(self):
        cap = capture("+0 C:500 > S:500 IKE_AUTH request 3468 mid 1 order 3,1,2\n")
        (datagram,) = rows(cap.datagrams)
        assert (datagram.missing, datagram.complete, datagram.frames) == ((), True, (1, 2, 3))
        assert cap.packets.fragment_offset.tolist() == [2960, 0, 1480]


class TestMessages:
    def test_a_cut_message_is_known_to_be_incomplete(self, samples):
        messages = sample(samples, "pktmon-128-bytes").messages
        init = messages[messages.exchange_name == "IKE_SA_INIT"]
        assert init.complete.all() and not init.clear_complete.any()
        assert init.malformed.eq("").all()  # short is not wrong
        assert init.notifies.tolist() == [(), ()]
        assert init.length.tolist() == [544, 408]

    def test_a_malformed_one_says_why(self, shared_captures):
        messages = analyzer.read(
            shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec-ikev1-payload-bad-length.pcap"
        ).messages
        assert len(messages) == 1 and messages.malformed[0]

    def test_over_tcp(self):
        cap = capture("+0 C:41000 > S:4500 IKE_SA_INIT request tcp\n+0.1 C:41000 < S:4500 IKE_SA_INIT response tcp\n")
        assert cap.messages.transport.tolist() == ["tcp", "tcp"]
        assert cap.messages.datagram.isna().all()

    def test_unknown_numbers_survive(self):
        cap = capture(
            "+0 C:500 > S:500 exchange 200 request 200\n+1 C:500 > S:500 IKE_SA_INIT request N(notify 40999)\n"
        )
        assert cap.messages.exchange_name.tolist() == ["exchange 200", "IKE_SA_INIT"]
        assert 40999 in cap.messages.notifies[1]


class TestExchanges:
    def test_retries_have_rows_of_their_own(self, samples):
        exchanges = sample(samples, "invalid-ke-then-ok").exchanges
        init = exchanges[exchanges.exchange_name == "IKE_SA_INIT"]
        assert init.retry.tolist() == [0, 1]
        assert init.retry_reason.tolist() == ["", "invalid_ke"]
        assert init.outcome.tolist() == ["superseded", "answered"]

    def test_skf(self, samples):
        exchanges = sample(samples, "809-fixed").exchanges
        (auth,) = rows(exchanges[exchanges.exchange_name == "IKE_AUTH"])
        assert (auth.request_length, auth.request_skf_total, auth.request_ip_fragments) == (3692, 7, 1)
        assert (auth.response_length, auth.response_skf_total, auth.response_complete) == (2128, 4, True)

    def test_times_are_those_of_the_ladder(self, samples):
        exchanges = sample(samples, "809-fragments-lost").exchanges
        (auth,) = rows(exchanges[exchanges.exchange_name == "IKE_AUTH"])
        assert auth.gaps == pytest.approx((1.002, 2.003, 4.004))
        assert [(t - auth.times[0]) / 10**9 for t in auth.times] == pytest.approx([0, 1.002, 3.005, 7.009])


class TestPandasIdioms:
    """What a notebook does first."""

    def test_filter(self, samples):
        messages = sample(samples, "809-fragments-lost").messages
        auth = messages[(messages.exchange_name == "IKE_AUTH") & ~messages.is_response]
        assert auth.length.tolist() == [3440] * 4
        assert messages.query("exchange == 34 and is_response").length.tolist() == [408]

    def test_filter_on_a_column_with_missing_values(self, samples):
        packets = sample(samples, "809-fragments-lost").packets
        assert len(packets[packets.dport == 4500]) == 4  # first fragments only; <NA> selects nothing
        assert len(packets[packets.sport.isna()]) == 8

    def test_group(self, samples):
        packets = sample(samples, "809-fragments-lost").packets
        sizes = packets[packets.mf | (packets.fragment_offset > 0)].groupby("datagram").ip_length.agg(list)
        assert sizes.tolist() == [[1500, 1500, 512]] * 4

    def test_merge_packets_datagrams_messages(self, samples):
        cap = sample(samples, "809-fragments-lost")
        merged = cap.packets.merge(cap.datagrams, on="datagram").merge(
            cap.messages, on="datagram", suffixes=("", "_message")
        )
        assert len(merged) == len(cap.packets)
        auth = merged[merged.exchange_name == "IKE_AUTH"]
        assert auth.groupby("message").ip_length.sum().tolist() == [1500 + 1500 + 512] * 4
        # IP headers of 20 bytes, UDP header of 8, non-ESP marker of 4.
        assert (auth.groupby("message").ip_length.sum() - 3 * 20 - 8 - 4).tolist() == [3440] * 4

    def test_times(self, samples):
        messages = sample(samples, "809-fragments-lost").messages
        gaps = messages[messages.exchange_name == "IKE_AUTH"].time.diff().dt.total_seconds().dropna()
        assert gaps.tolist() == pytest.approx([1.002, 2.003, 4.004])

    def test_explode(self, samples):
        exploded = sample(samples, "809-fragments-lost").datagrams.explode("frames")
        assert len(exploded) == len(sample(samples, "809-fragments-lost").packets)

    def test_many_captures_in_one_table(self, samples):
        table = pd.concat(
            [sample(samples, n).sas.assign(capture=n) for n in ("connected-ok", "no-response", "809-fixed")],
            ignore_index=True,
        )
        assert table.groupby("verdict").capture.count().to_dict() == {"connected-ok": 2, "no-response-ike-sa-init": 1}

    def test_to_csv_and_parquet_like_types(self, samples, tmp_path):
        sample(samples, "connected-ok").packets.to_csv(tmp_path / "packets.csv", index=False)
        back = pd.read_csv(tmp_path / "packets.csv")
        assert back.frame.tolist() == sample(samples, "connected-ok").packets.frame.tolist()

    def test_a_frame_is_made_once(self, samples):
        cap = sample(samples, "connected-ok")
        assert cap.messages is cap.messages


def test_frames_of_a_whole_session():
    steps = "".join(
        f"+{10 + i}.0 C:500 > S:500 INFORMATIONAL request  57 SK{{}}\n"
        f"+{10 + i}.1 C:500 < S:500 INFORMATIONAL response 57 SK{{}}\n"
        for i in range(20)
    )
    cap = capture(INIT, steps, GOES_ON)
    assert cap.exchanges.message_id.tolist() == [0, *range(1, 21)]
    assert cap.exchanges.rtt.dropna().iloc[1:].round(6).eq(0.1).all()
