"""SAs that are called plain successes without a look at each are those that the rules call established."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.analysis import Capture
from tests.bench import dense
from tests.properties.altered import Record, pcapng, read, records_of

PACKETS = 400


@cache
def gateway() -> tuple[tuple[Record, ...], tuple[int, ...]]:
    """A gateway's trace: healthy IKE SAs, COOKIE rounds, SKF sets, fragments, silence."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "dense.pcap"
        dense.write(path, PACKETS)
        records, links = records_of(path.read_bytes())
    return tuple(records), tuple(links)


def contradicted(capture: Capture) -> list[int]:
    """Plain successes of which the rules say something else."""
    verdicts = {sa.number: capture.judgement.of_sa.of(sa) for sa in capture.sas_seen}
    return [n for n in capture.related.plain_successes if verdicts[n].id != "connected-ok" or verdicts[n].exit_status]


def test_most_of_a_healthy_gateway_is_plain_and_the_rules_agree():
    records, links = gateway()
    capture = read(pcapng(records, links))
    established = [v.id for v in capture.judgement.of_sa].count("connected-ok")
    assert contradicted(capture) == []
    # Nothing of it is odd: every success here is a plain one, and there are failures too.
    assert established == len(capture.related.plain_successes) > len(capture.sas_seen) // 2
    assert established < len(capture.sas_seen)


@settings(max_examples=60)
@given(st.data())
def test_whatever_is_lost_repeated_or_moved_the_rules_agree(data):
    records, links = gateway()
    chosen = list(records)
    spots = st.integers(0, len(chosen) - 1)
    for _ in range(data.draw(st.integers(1, 25), label="changes")):
        at = data.draw(spots) % len(chosen)
        change = data.draw(st.sampled_from(["lose", "repeat", "swap"]))
        if change == "lose" and len(chosen) > 1:
            del chosen[at]
        elif change == "repeat":
            chosen.insert(at, chosen[at])
        else:
            other = data.draw(spots) % len(chosen)
            chosen[at], chosen[other] = chosen[other], chosen[at]
    assert contradicted(read(pcapng(chosen, links))) == []
