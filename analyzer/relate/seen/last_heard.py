"""When each address was last heard on the ports of IKE: columns, since a flood has a new address in every packet."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Set

import numpy as np

from analyzer.columns import Ints, Narrow
from analyzer.ike.tables import Wire
from analyzer.packets.addresses import Addresses
from analyzer.protocol import IKE_PORT, NAT_T_PORT


class LastHeard(Mapping[tuple[str, int], int]):
    """When each address last sent anything from its UDP port 500 or 4500, ns, by address and port.

    Examples
    --------
    >>> import analyzer
    >>> heard = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis.related.capture.last_heard
    >>> len(heard), ("192.0.2.99", 500) in heard, ("no address", 500) in heard
    (3, False, False)
    """

    def __init__(self, wire: Wire) -> None:
        m, flows = wire.messages, [f for f in wire.flows if f.sport in (IKE_PORT, NAT_T_PORT)]
        rows = np.flatnonzero(np.isin(m.sport, (IKE_PORT, NAT_T_PORT)) & (m.tcp == 0))
        keys = np.concatenate([_key(m.src[rows], m.sport[rows]), _ints([f.src << 16 | f.sport for f in flows])])
        times = np.concatenate([m.time[rows], _ints([f.last for f in flows])])
        order = np.lexsort((times, keys))
        keys = keys[order]
        last = np.flatnonzero(np.r_[keys[1:] != keys[:-1], np.ones(min(len(keys), 1), np.bool_)])
        self._addresses: Addresses = wire.addresses
        self._keys, self._times = keys[last], times[order[last]]

    def __getitem__(self, ends: tuple[str, int]) -> int:
        place = self._place(ends)
        if place is None:
            raise KeyError(ends)
        return int(self._times[place])

    def __contains__(self, ends: object) -> bool:
        return isinstance(ends, tuple) and self._place(ends) is not None

    def _place(self, ends: tuple[str, int]) -> int | None:
        address, port = ends
        number = self._addresses.find(address)
        if number is None:
            return None
        key = number << 16 | port
        at = bisect_left(self._keys.data, key)
        return at if at < len(self._keys) and self._keys[at] == key else None

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return ((self._addresses.text(key >> 16), key & 0xFFFF) for key in self._keys.tolist())

    def __len__(self) -> int:
        return len(self._keys)


class HeardFrom(Set[str]):
    """The addresses that were heard on one port."""

    def __init__(self, heard: Mapping[tuple[str, int], int], port: int) -> None:
        self._heard = heard
        self._port = port

    def __contains__(self, address: object) -> bool:
        return (address, self._port) in self._heard

    def __iter__(self) -> Iterator[str]:
        return (address for address, port in self._heard if port == self._port)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None


def _key(address: Narrow, port: Narrow) -> Ints:
    key: Ints = address.astype(np.int64) << 16 | port
    return key


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
