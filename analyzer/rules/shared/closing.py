"""Deletes that end what a login had granted: whose end it is, and what that says."""

from __future__ import annotations

from analyzer.relate.inferred.closing import Closing
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange

#: Seconds after the login from which a server's Delete is how sessions end (docs/domain/root-causes.md no. 27).
_EARLY = 120.0
#: Seconds after the login: who closes a connection in use so soon hardly came to use it, and later ends it.
_SOON = 10.0
#: Seconds after which an IKE SA that is still there would mostly have been used again.
_QUIET = 1.0


def is_early(closing: Closing) -> bool:
    """The server ends a session that has hardly begun, and that no newer one replaces."""
    return closing.by == "responder" and closing.after <= _EARLY and not closing.replaced


def is_soon(closing: Closing) -> bool:
    """So soon after the login that hardly anybody came to use it."""
    return closing.after <= _SOON


def tells_the_end(sa: IkeSa) -> bool:
    """How it ended is what there is to say of it: it was closed soon, or without any sign that it served."""
    closing = sa.closing
    if closing is None or sa.rejection is not None or closing.replaced:
        return False
    return not sa.was_used or (is_soon(closing) and not is_early(closing))


def is_quiet(sa: IkeSa, deletion: Exchange) -> bool:
    """That it was the IKE SA shows in what does not come after it."""
    return bool(deletion.responses) and (sa.capture.last - deletion.responses[0].time) / 1e9 >= _QUIET
