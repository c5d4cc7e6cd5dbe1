"""What was seen of a message that travels as SKF fragments, all its sendings together (RFC 7383 sections 2.5, 2.6).

A receiver keeps fragments until it has them all, whichever sending they come from, so what counts is which numbers were
ever seen, and how often each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.relate.seen.exchange import Attempt


@dataclass(frozen=True, slots=True)
class SkfSets:
    """Sendings of one set of SKF fragments.

    Attributes
    ----------
    total : int
        Fragments of the set.
    seen : tuple of int
        How often each was seen: the first number's, the second's and so on.
    largest_packet : int
        Largest IP packet that carried one, bytes.
    ip_fragmented : bool
        IP cut some of them again.
    """

    total: int
    seen: tuple[int, ...]
    largest_packet: int
    ip_fragmented: bool

    @property
    def sendings(self) -> int:
        """How often the set was sent, as far as can be seen."""
        return max(self.seen)

    @property
    def whole(self) -> int:
        """How often each of its fragments was seen: so many sendings came whole."""
        return min(self.seen)

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers that were never seen."""
        return tuple([k for k, count in enumerate(self.seen, 1) if not count])

    @property
    def is_same_each_time(self) -> bool:
        """Each number was seen in every sending or in none: what is missing is not missing by chance."""
        return bool(self.missing) and set(self.seen) == {0, self.sendings}

    @property
    def only_last_seen(self) -> bool:
        """Only the last fragment, which is as a rule the short one, was seen: the full-size ones do not pass."""
        return self.total > 1 and self.seen[-1] > 0 and not any(self.seen[:-1])


def skf_sets(attempts: Sequence[Attempt]) -> SkfSets | None:
    """The set that was sent last, with all its sendings; None when the last sending is no SKF set of several.

    A set of another total is another message (RFC 7383 section 2.5.2: smaller fragments after a refragmentation).

    Parameters
    ----------
    attempts : sequence of Attempt
        Sendings of one request, or of one response.
    """
    total = attempts[-1].skf_total if attempts else 0
    if total < 2:
        return None
    of_set = [m for a in attempts if a.skf_total == total for m in a.messages]
    counts = Counter(m.skf_number for m in of_set)
    return SkfSets(
        total,
        tuple([counts[k] for k in range(1, total + 1)]),
        max(m.largest_ip_packet for m in of_set),
        any(m.is_ip_fragmented for m in of_set),
    )
