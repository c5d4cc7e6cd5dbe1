"""What changed in time: the same client failed and then connected, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.build import Related
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Role
from analyzer.rules.overview.traits import largest
from analyzer.rules.shared.wording import pieces
from analyzer.timestamp import utc

#: Fewer bytes more are another name or padding.
_GREW = 100
_SIDES: tuple[tuple[Role, str], ...] = (("initiator", "its IKE_AUTH"), ("responder", "the answer to its IKE_AUTH"))


def turn(related: Related, before: int, after: int, *, healthy: bool) -> str:
    """One sentence on a client whose luck changed between two IKE SAs (by index); ``healthy``: the later connects."""
    old, new = related.sas[before], related.sas[after]
    changes = list(_changes(old, new))
    was, now = ("failed", "connected") if healthy else ("connected", "failed")
    said = f"{old.initiator} {was} at {_clock(old.start, new.start)} and {now} at {utc(new.start)}"
    return f"{said}: {'; '.join(changes)}." if changes else f"{said}."


def _clock(time: int, later: int) -> str:
    """Without the date where the later time has the same."""
    date, clock, zone = utc(time).split(" ") if utc(time).endswith("UTC") else (utc(time), "", "")
    return clock if clock and utc(later).startswith(date) else f"{date} {clock} {zone}".strip()


def _changes(old: IkeSa, new: IkeSa) -> Iterator[str]:
    began = [who for who, was, now in _announced(old, new) if (was, now) == ("no", "yes")]
    ended = [who for who, was, now in _announced(old, new) if (was, now) == ("yes", "no")]
    for sides, adverb in ((began, "now"), (ended, "no longer")):
        if sides:
            verb = "announce" if len(sides) > 1 else "announces"
            yield f"{' and '.join(sides)} {adverb} {verb} IKE fragmentation (notify 16430)"
    for role, what in _SIDES:
        sent, sends = largest(old, role), largest(new, role)
        if sent is None or sends is None:
            continue
        if (sent.skf_total > 0, sent.is_ip_fragmented) != (sends.skf_total > 0, sends.is_ip_fragmented):
            yield f"{what} went as {pieces(sent)} and now goes as {pieces(sends)}"
            continue
        grown = sends.length - sent.length
        if not sent.skf_total and abs(grown) >= _GREW:
            yield f"{what} is {abs(grown):,} bytes {'larger' if grown > 0 else 'smaller'} ({sends.length:,})"
    if old.proposals and new.proposals and old.proposals != new.proposals:
        yield "the client offers other proposals"
    if old.init is not None and new.init is not None and _is_over_tcp(old) != _is_over_tcp(new):
        yield f"IKE now goes over {'TCP' if _is_over_tcp(new) else 'UDP'}"


def _announced(old: IkeSa, new: IkeSa) -> Iterator[tuple[str, str, str]]:
    yield "the client", old.fragmentation_i, new.fragmentation_i
    yield "the server", old.fragmentation_r, new.fragmentation_r


def _is_over_tcp(sa: IkeSa) -> bool:
    return any(m.over_tcp for m in sa.messages if m.exchange == numbers.IKE_SA_INIT)
