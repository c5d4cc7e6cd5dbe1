"""SAs that are called plain successes without a look at each are those that the rules call established."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture import Capture
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make
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
    verdicts = {sa.index: capture.analysis.judgement.of_sa.of(sa) for sa in capture.analysis.sas}
    return [
        n
        for n in capture.analysis.related.plain_successes
        if verdicts[n].id != "connected-ok" or verdicts[n].exit_status
    ]


def test_most_of_a_healthy_gateway_is_plain_and_the_rules_agree():
    records, links = gateway()
    capture = read(pcapng(records, links))
    established = [v.id for v in capture.analysis.judgement.of_sa].count("connected-ok")
    assert contradicted(capture) == []
    # Nothing of it is odd: every success here is a plain one, and there are failures too.
    assert established == len(capture.analysis.related.plain_successes) > len(capture.analysis.sas) // 2
    assert established < len(capture.analysis.sas)


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


_SUITES = ("aes256gcm16-prfsha384-ecp384", "aes256-sha256-modp2048", "aes256-sha512-modp2048", "3des-sha1-modp1024")
_MESSAGES = (
    "C:4500 > S:4500 CREATE_CHILD_SA request 245 SK{SA}",
    "C:4500 < S:4500 CREATE_CHILD_SA request 245 SK{SA}",
    # Answered by the same: a refusal.
    "C:4500 > S:4500 CREATE_CHILD_SA request 80 SK{N}",
    "C:4500 < S:4500 INFORMATIONAL request 120 SK{}",
    "C:4500 > S:4500 INFORMATIONAL request 120 SK{N}",
    "C:4500 > S:4500 INFORMATIONAL request 80 SK{N}",
    "C:4500 > S:4500 INFORMATIONAL request 80 SK{D}",
    "C:4500 < S:4500 INFORMATIONAL request 80 SK{D}",
)
_ESP = ("C:4500 > S:4500 ESP spi 0x11111111", "C:4500 < S:4500 ESP spi 0x22222222")


@st.composite
def conversations(draw: st.DrawFn) -> str:
    """An IKE SA whose login may be granted, with EAP rounds, whatever follows, and ESP one way, both ways or none."""
    lines = [
        "C = 10.0.0.2  S = 203.0.113.7",
        f"+0.00 C:500 > S:500 IKE_SA_INIT request SA({draw(st.sampled_from(_SUITES))}) KE No",
        "+0.03 C:500 < S:500 IKE_SA_INIT response",
    ]
    sizes = st.integers(90, 300)
    for number in range(draw(st.integers(1, 3))):
        inner = draw(st.sampled_from(["IDr", "AUTH", "EAP", "N", "V"]))
        lines.append(f"+{number + 0.1:.1f} C:4500 > S:4500 IKE_AUTH request 300 SK{{EAP}}")
        lines.append(f"+{number + 0.2:.1f} C:4500 < S:4500 IKE_AUTH response {draw(sizes)} SK{{{inner}}}")
    for place, request in enumerate(draw(st.lists(st.sampled_from(_MESSAGES), max_size=3))):
        answer = request.replace("request", "response").translate(str.maketrans("<>", "><"))
        lines.append(f"+{4 + place}.0 {request}")
        lines.append(f"+{4 + place}.1 {answer}")
    for flow in draw(st.sets(st.sampled_from(_ESP))):
        lines.append(f"+3.5 {flow} count {draw(st.integers(1, 30))} every +0.200")
    lines.append("+60 C:40000 > S:9 UDP")
    return "\n".join(lines) + "\n"


@settings(max_examples=150)
@given(conversations())
def test_whatever_the_login_looks_like_the_rules_agree(ladder):
    assert contradicted(read(make(parse(ladder)))) == []
