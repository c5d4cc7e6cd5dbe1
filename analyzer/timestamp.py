"""Times for people and for JSON, from integer nanoseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000


def iso(ns: int) -> str | None:
    """ISO 8601 in UTC with nanoseconds kept; None when the packet had no time, or one that no calendar holds.

    Examples
    --------
    >>> iso(1_421_270_042_835_161_000)
    '2015-01-14T21:14:02.835161Z'
    >>> iso(1_421_270_042_835_161_001)
    '2015-01-14T21:14:02.835161001Z'
    """
    if ns < 0:
        return None
    seconds, rest = divmod(ns, _SECOND)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    fraction = f"{rest:09d}" if rest % 1000 else f"{rest // 1000:06d}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def utc(ns: int) -> str:
    """
    >>> utc(1_421_270_042_835_161_000)
    '2015-01-14 21:14:02 UTC'
    """
    text = iso(ns)
    return f"{text[:10]} {text[11:19]} UTC" if text else "time unknown"


def duration(ns: int) -> str:
    """
    >>> duration(2_075_000_000), duration(7_500_000_000_000)
    ('2.1 s', '2 h 5 min')
    """
    seconds = max(ns, 0) / _SECOND
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
