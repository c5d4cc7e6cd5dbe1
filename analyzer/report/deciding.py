"""The one log or capture that would decide what this trace leaves open."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Verdict

#: Where each product writes why it closed or refused a connection.
_LOGS = {
    "windows-client": "Event Viewer, Windows Logs, Application, source RasClient: events 20226 and 20227 with the code",
    "windows-rras": "Event Viewer, Windows Logs, System, source RemoteAccess; and the log of NPS",
    "strongswan": "journalctl -u strongswan, or -u strongswan-starter",
    "libreswan": "journalctl -u ipsec",
    "openiked": "the system log, lines of iked",
}
#: Rules that themselves say which capture is needed, or that no other capture helps.
_SAY_SO = ("CAP", "VER")


def decides(sa: IkeSa, verdict: Verdict) -> Iterator[str]:
    """What to get; nothing where the verdict is none of those that end in "cannot tell".

    Examples
    --------
    >>> import analyzer
    >>> cap = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
    >>> list(decides(cap.analysis.sas[0], cap.verdict))
    []
    """
    if verdict.confidence is not Confidence.CANNOT_TELL or verdict.rule.startswith(_SAY_SO):
        return
    if sa.reached == "init-answered" and sa.side != "initiator":
        yield (
            f"A trace at the client {sa.initiator} of the same attempt decides it: whole packets, no port filter. "
            "Either IKE_AUTH leaves there, or it does not."
        )
    elif sa.reached == "init-sent":
        yield (
            f"A trace at the gateway {sa.responder} of the same attempt decides it: either the request arrives there, "
            "or it does not."
        )
    else:
        yield f"The client's log of that minute decides it{_log(sa)}: it says who closed the connection, and why."


def _log(sa: IkeSa) -> str:
    found = [_LOGS[product] for product in sa.product_keys("initiator") if product in _LOGS]
    return f" ({found[0]})" if found else ""
