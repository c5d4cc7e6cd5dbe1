"""Pings as a measurement of the path: bounds from the sizes that came back, and from those that never did."""

from __future__ import annotations

from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.seen.pings import PingSweep

#: A smaller packet that is answered is an ordinary ping: every IPv4 host takes 576 bytes (RFC 791 section 3.2).
MEASURING = 576


def clues(sweep: PingSweep | None, target: str) -> tuple[MtuClue, ...]:
    """What a sweep says about the path to its target.

    A size that was answered passed both ways. Of one that was not, either the request or the reply was lost; one lost
    ping may be bad luck, so it bounds the path only when two or more were.

    Parameters
    ----------
    sweep : PingSweep or None
    target : str
        Address of the host that was asked, for the text.

    Returns
    -------
    tuple of MtuClue
        At most one.
    """
    if sweep is None or sweep.passed is None:
        return ()
    passed, lost = sweep.passed, sweep.lost
    if lost is None and passed.ip_length < MEASURING:
        return ()
    text = f"pings to {target} with DF: {passed.ip_length:,} bytes of IP are answered"
    if lost is None:
        return (MtuClue("echo-sweep", "path", passed.ip_length, None, passed.frames, text),)
    many = sweep.lost_requests
    text += f", {lost.ip_length:,} and more are not ({many} {'try' if many == 1 else 'tries'})"
    frames = tuple(sorted({*passed.frames, *lost.frames}))
    if many < 2:
        text += ", which a single lost packet would explain as well"
        return (MtuClue("echo-sweep", "path", passed.ip_length, lost.ip_length - 1, frames, text, is_weak=True),)
    return (MtuClue("echo-sweep", "path", passed.ip_length, lost.ip_length - 1, frames, text),)
