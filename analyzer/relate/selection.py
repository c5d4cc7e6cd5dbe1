"""The IKE SAs that somebody asks for: by number, by client, by time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from analyzer.errors import UsageError
from analyzer.relate.build import Related
from analyzer.relate.sa import IkeSa
from analyzer.timestamp import utc

#: Clients named where none fits.
_NAMED = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def select(
    related: Related,
    *,
    numbers: Collection[int] = (),
    client: str | None = None,
    between: tuple[str, str] | None = None,
) -> tuple[int, ...]:
    """Indices of the IKE SAs that fit all that is said, in the order of appearance.

    Parameters
    ----------
    related : Related
        The capture.
    numbers : collection of int
        Numbers of IKE SAs, as reports tell them.
    client : str, optional
        Address of the initiator, or a network (``10.1.0.0/16``); of a chain that of its first IKE SA.
    between : (str, str), optional
        IKE SAs that were used between two times in UTC: ``10:40``, ``10:40:30``, or with a date,
        ``2024-01-15T10:40``; without one, on the day on which the capture begins.

    Raises
    ------
    UsageError
        Something is no number, address or time, or no IKE SA fits.
    """
    count = len(related.sas)
    for number in numbers:
        if not 1 <= number <= count:
            raise UsageError(f"no IKE SA {number} in this capture, which has {count}")
    network = None if client is None else _network(client)
    window = None if between is None else _window(between, related.capture.first)
    indices = [number - 1 for number in sorted(set(numbers))] if numbers else range(count)
    found = tuple([index for index in indices if _fits(related, index, network, window)])
    if not found:
        raise UsageError(f"no IKE SA fits: {_there_are(related)}")
    return found


def _fits(
    related: Related, index: int, network: IPv4Network | IPv6Network | None, window: tuple[int, int] | None
) -> bool:
    sa = related.sas[index]
    if network is not None and ip_address(_client(related, sa)) not in network:
        return False
    return window is None or (sa.start <= window[1] and sa.end >= window[0])


def _client(related: Related, sa: IkeSa) -> str:
    first = related.chains.first(sa.index)
    return (sa if first == sa.index else related.sas[first]).initiator.partition("%")[0]


def _network(client: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(client.strip("[]"), strict=False)
    except ValueError:
        raise UsageError(f"a client is an address or a network (10.1.0.7, 10.1.0.0/16), not {client!r}") from None


def _window(between: Sequence[str], first: int) -> tuple[int, int]:
    day = _EPOCH + timedelta(seconds=max(first, 0) // 10**9)
    begin, end = (_moment(text, day) for text in between)
    if end < begin:
        raise UsageError(f"{between[1]!r} is before {between[0]!r}")
    # What is said to the minute or second means all of it.
    return _ns(begin), _ns(end + _precision(between[1])) - 1


def _moment(text: str, day: datetime) -> datetime:
    try:
        if "-" in text:
            moment = datetime.fromisoformat(text.removesuffix("Z").removesuffix(" UTC"))
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return datetime.combine(day.date(), time.fromisoformat(text), tzinfo=UTC)
    except ValueError:
        raise UsageError(f"a time is 10:40, 10:40:30 or 2024-01-15T10:40:30 (UTC), not {text!r}") from None


def _precision(text: str) -> timedelta:
    return timedelta(minutes=1) if text.count(":") < 2 else timedelta(seconds=1)


def _ns(moment: datetime) -> int:
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 10**9 + passed.microseconds * 1000


def _there_are(related: Related) -> str:
    count = len(related.sas)
    if not count:
        return "there is none in this capture"
    clients = list(dict.fromkeys(sa.initiator for sa in related.sas[: 20 * _NAMED]))
    more = " and others" if len(clients) > _NAMED or count > 20 * _NAMED else ""
    last = max(sa.end for sa in (related.sas[0], related.sas[count - 1]))
    return f"there are {', '.join(clients[:_NAMED])}{more}, from {utc(related.sas[0].start)} to {utc(last)}"
