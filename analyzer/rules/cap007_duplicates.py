"""The capture holds packets more than once.

What it means
    Each was sent once and is counted once: these are no retransmissions. Numbers taken from the file by other means
    (packet counts, Wireshark's "duplicate" remarks) are too high.
Seen as
    The same IKE bytes again within 5 ms; or under the same IP identification within half a second; or with a lower TTL
    within 0.3 s (the other side of a router); or a repeated IP fragment of one datagram.
Not to be confused with
    Retransmissions, which come 0.3 s later at the earliest, with the first one's TTL and a new IP identification.
Certain when
    Interface, identification or TTL tell; the same bytes at the same moment leave little doubt either.
References
    docs/domain/root-causes.md no. 41, docs/domain/retransmission.md, docs/domain/windows-traces.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.build import Related
from analyzer.relate.seen.duplicates import count_duplicates
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames


def check(related: Related) -> Iterator[Observation]:
    """The whole capture."""
    seen = count_duplicates(related.table.wire, related.duplicate_of)
    if not seen.messages and not seen.fragments:
        return
    what = []
    if seen.messages:
        what.append(f"{seen.messages:,} IKE {'message' if seen.messages == 1 else 'messages'}")
    if seen.fragments:
        what.append(f"{seen.fragments:,} IP {'fragment' if seen.fragments == 1 else 'fragments'}")
    signs = [
        f"{count:,} {text}"
        for count, text in (
            (seen.other_interface, "on another interface or component"),
            (seen.routed, "with a lower TTL, as behind a router"),
            (seen.same_identification, "under the same IP identification"),
        )
        if count
    ]
    yield Observation(
        title=f"The capture holds {' and '.join(what)} more than once; they were left aside, so each counts once.",
        detail=(
            "They are copies, made by the capture or on the way, and no retransmissions: the same bytes come too soon "
            f"to be sent again{' (' + ', '.join(signs) + ')' if signs else ''}. Capture at one place."
        ),
        frames=frames(seen.frames),
        confidence=Confidence.STRONG,
        remedies=("capture-once",),
    )


RULE = Rule(
    code="CAP007",
    severity=Severity.INFORMATION,
    check=check,
    scope="capture",
    ceiling=Confidence.STRONG,
    is_verdict=False,
    topics=("capture-once",),
)
