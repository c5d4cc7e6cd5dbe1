"""Fragments for tests: made by hand, and one payload cut the way that Ethernet cuts it."""

from __future__ import annotations

from analyzer.packets.datagram import Datagram, Fragment

KEY = ("10.0.0.2", "203.0.113.7", 17, 0x1B1E)


def fragment(offset: int, data: bytes, more: bool, *, frame: int = 1, time: int = 0, length: int = -1) -> Fragment:
    size = len(data) if length < 0 else length
    return Fragment(frame, time, offset, size, more, 20 + size, data)


# A payload of 3480 bytes in IP packets of 1500, 1500 and 540, as of an IKE_AUTH of 3468 bytes (3468 + 8 + 4).
PAYLOAD = bytes(n % 251 for n in range(3480))
PARTS = ((0, 1480), (1480, 2960), (2960, 3480))


def parts(*which: int, time: int = 0) -> list[Fragment]:
    return [fragment(PARTS[n][0], PAYLOAD[slice(*PARTS[n])], n < 2, frame=10 * (n + 1), time=time + n) for n in which]


def first_arrival(datagram: Datagram) -> bytes:
    """Its captured bytes, counted byte by byte, with no ranges at all."""
    captured: dict[int, int] = {}
    for one in datagram.fragments + datagram.duplicates:
        for n, byte in enumerate(one.data):
            captured.setdefault(one.offset + n, byte)
    end = next((n for n in range(len(captured)) if n not in captured), len(captured))
    return bytes(captured[n] for n in range(end if datagram.total is None else min(end, datagram.total)))


def check_coverage(datagram: Datagram) -> None:
    """What is missing and what is there, against sets of byte numbers and no ranges at all."""
    seen = {byte for one in datagram.fragments for byte in range(one.offset, one.end)}
    total = next((one.end for one in datagram.fragments if not one.more), None)
    assert datagram.total == total
    end = max(seen, default=-1) + 1 if total is None else total
    holes = [range(start, end if stop == -1 else stop) for start, stop in datagram.missing]
    assert [byte for hole in holes for byte in hole] == [byte for byte in range(end) if byte not in seen]
    assert datagram.complete == (total is not None and all(byte in seen for byte in range(total)))
    assert (total is None) == (datagram.missing != () and datagram.missing[-1] == (end, -1))
    assert datagram.data == first_arrival(datagram)
