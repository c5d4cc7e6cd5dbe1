"""Packets were cut short by the capture.

What it means
    The capture kept only the first bytes of each packet (pktmon: 128 by default), so payloads behind them cannot be
    read. Sizes still come from the IP header.
Seen as
    Captured length below the length on the wire, for IKE messages with clear payloads.
Not to be confused with
    IP fragments, each of which is whole.
Certain when
    Each packet record says both lengths.
References
    docs/domain/root-causes.md no. 43, docs/domain/windows-traces.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """Messages whose clear payloads the capture cut."""
    cut = [
        m
        for m in sa.messages
        if m.is_cut_by_capture and m.exchange in (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)
    ]
    if cut:
        yield Observation(
            title=(
                "The capture cut packets short, so the notifies of IKE_SA_INIT cannot be read: whether the sides "
                "offered IKE "
                "fragmentation is unknown."
            ),
            detail=(
                f"{len(cut)} IKE_SA_INIT {'message was' if len(cut) == 1 else 'messages were'} captured only in part. "
                "Take whole packets: --pkt-size 0 of pktmon, -s 0 of tcpdump."
            ),
            frames=frames(m.frame for m in cut),
            confidence=Confidence.CANNOT_TELL,
            remedies=("better-trace",),
        )


RULE = Rule(
    code="CAP001",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.CANNOT_TELL,
    versions=(1, 2),
    topics=("better-trace",),
)
