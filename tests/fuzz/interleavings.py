"""Messages of several IKE SAs between one pair of hosts, in any order, with ICMP errors, lone fragments and copies.

Any bytes are such a capture: three of them are a step (who, what, when). Beside the pair there is another one, whose
packets the capture holds or not: then neutral packets stand in their places, so that frames and times are the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.fuzz import hostile
from tests.fuzz.conversations import chosen, init, request, response
from tests.fuzz.hostile import AUTH, INFORMATIONAL, ip, udp

#: Steps that are taken at most; a step is three bytes.
_MOST, _STEP = 80, 3
#: The pair in question, the other pair, and two hosts that talk of something else.
_PAIRS = ((b"\x0a\0\0\2", b"\xcb\0\x71\7"), (b"\x0a\1\0\2", b"\xc6\x33\x64\7"))
_OTHERS = (b"\x0a\2\0\1", b"\x0a\2\0\2")
#: IKE SAs of each pair, and where the SPIs of the other pair begin.
_SAS, _STRANGERS = 4, 64
#: Microseconds: a unit of time between two steps, and the silence after the last.
_UNIT, _SILENCE = 7_000, 20_000_000
_MARKER = bytes(4)


class _Talk:
    """What one pair of hosts says: packets by what is asked for, each depending on those before."""

    def __init__(self, hosts: tuple[bytes, bytes], first_spi: int) -> None:
        self.client, self.server = hosts
        self.first_spi = first_spi
        self.message_ids = [1] * _SAS
        self.last = self._packet(b"", out=True, who=0)

    def packet(self, who: int, what: int) -> bytes:
        """The next packet: ``who`` says which IKE SA, port and IP identification, ``what`` what it is."""
        number = who % _SAS
        act = _ACTS[what % len(_ACTS)]
        made = act(self, self.first_spi + number, number, who)
        if act not in _ABOUT_THE_LAST:
            self.last = made
        return made

    def _packet(self, message: bytes, *, out: bool, who: int, piece: int | None = None) -> bytes:
        port = 4500 if who & 4 else 500
        datagram = udp((_MARKER if who & 4 else b"") + message, port, port)
        ends = (self.client, self.server) if out else (self.server, self.client)
        # 0: with DF there needs to be none (RFC 6864); 1: some hosts give each packet the same.
        identification = (0, 1, 1 + hash_of(message) % 65_000, 1 + hash_of(message) % 65_000)[who >> 3 & 3]
        if piece is None:
            return ip(datagram, *ends, number=identification)
        body, fragment = ((datagram[:96], 0x2000), (datagram[96:], 12))[piece]
        return ip(body, *ends, number=identification or 1, fragment=fragment)

    def asks_first(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(init(spi), out=True, who=who)

    def answers_first(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(chosen(spi), out=False, who=who)

    def logs_in(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(request(spi, AUTH, 1), out=True, who=who)

    def begins_to_log_in(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(request(spi, AUTH, 1), out=True, who=who, piece=0)

    def ends_to_log_in(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(request(spi, AUTH, 1), out=True, who=who, piece=1)

    def grants(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(response(spi, AUTH, 1, bytes(300)), out=False, who=who)

    def ends_to_grant(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(response(spi, AUTH, 1, bytes(300)), out=False, who=who, piece=1)

    def checks(self, spi: int, number: int, who: int) -> bytes:
        self.message_ids[number] += 1
        return self._packet(request(spi, INFORMATIONAL, self.message_ids[number], b"", inner=0), out=True, who=who)

    def checks_again(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(request(spi, INFORMATIONAL, self.message_ids[number], b"", inner=0), out=True, who=who)

    def is_alive(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(response(spi, INFORMATIONAL, self.message_ids[number], b"", inner=0), out=False, who=who)

    def asks_back(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(request(spi, INFORMATIONAL, number, bytes(8), inner=42, flags=0), out=False, who=who)

    def sends_esp(self, spi: int, number: int, who: int) -> bytes:
        return self._packet(struct.pack("!II", 256 + spi, 1) + bytes(32), out=bool(who & 8), who=0)

    def is_reported(self, spi: int, number: int, who: int) -> bytes:
        code = (1, 3, 4, 13)[who & 3]
        quoted = self.last[: 28 if who & 4 else 60]
        back = self.last[12:16]
        return ip(struct.pack("!BBHHH", 3, code, 0, 0, 1300 if code == 4 else 0) + quoted, self.server, back, 1)

    def is_copied(self, spi: int, number: int, who: int) -> bytes:
        return self.last

    def is_half_of_something(self, spi: int, number: int, who: int) -> bytes:
        ends = (self.client, self.server) if who & 4 else (self.server, self.client)
        return ip(bytes(48), *ends, number=who, fragment=100 + 8 * (who & 3))


_ACTS: tuple[Callable[[_Talk, int, int, int], bytes], ...] = (
    _Talk.asks_first, _Talk.answers_first, _Talk.logs_in, _Talk.begins_to_log_in, _Talk.ends_to_log_in, _Talk.grants,
    _Talk.ends_to_grant, _Talk.checks, _Talk.checks_again, _Talk.is_alive, _Talk.asks_back, _Talk.sends_esp,
    _Talk.is_reported, _Talk.is_copied, _Talk.is_half_of_something,
)  # fmt: skip
_ABOUT_THE_LAST = (_Talk.is_reported, _Talk.is_copied, _Talk.is_half_of_something)


def hash_of(message: bytes) -> int:
    """A number that stands for a message, the same in each run."""
    return int.from_bytes(message[-12:], "big") ^ int.from_bytes(message[:28], "big")


def with_and_without_strangers(data: bytes) -> tuple[bytes, bytes]:
    """Two captures of the same times and frames: with what the other pair says, and with something else in its place.

    Examples
    --------
    >>> together, alone = with_and_without_strangers(bytes((0, 0, 10, 128, 0, 10)))
    >>> len(together) > len(alone)
    True
    """
    # Fragments both ways: the capture is neither filtered nor of one direction, whatever else is in it.
    other = [
        ip(udp(bytes(64)), *ends, number=7, fragment=fragment)
        for ends in (_OTHERS, _OTHERS[::-1])
        for fragment in (0x2000, 9)
    ]
    time = 0
    together = [(time, packet) for packet in other]
    alone = list(together)
    talks = _Talk(_PAIRS[0], 1), _Talk(_PAIRS[1], _STRANGERS)
    for at in range(0, min(len(data), _MOST * _STEP) - _STEP + 1, _STEP):
        who, what, wait = data[at : at + _STEP]
        time += wait * _UNIT
        is_stranger = who >= 128
        packet = talks[is_stranger].packet(who, what)
        together.append((time, packet))
        alone.append((time, ip(udp(b"neutral", 40_000, 9), *_OTHERS) if is_stranger else packet))
    end = (time + _SILENCE, other[0])
    return _pcap([*together, end]), _pcap([*alone, end])


def _pcap(packets: list[tuple[int, bytes]]) -> bytes:
    parts = [hostile.pcap([])]
    for time, packet in packets:
        seconds, micros = divmod(time, hostile.SECOND)
        parts += [struct.pack("<IIII", 1_705_309_200 + seconds, micros, len(packet), len(packet)), packet]
    return b"".join(parts)


def seeds() -> list[bytes]:
    """Logins of all IKE SAs one after the other, by turns, with errors and fragments between, and with strangers."""
    login = (0, 1, 2, 5, 7, 9)
    one_by_one = [(number | 24, what, 30) for number in range(_SAS) for what in login]
    by_turns = [(number | 24, what, 30) for what in login for number in range(_SAS)]
    in_vain = [(number, what, 150) for what in (0, 12, 1, 3, 12, 14, 2, 12) for number in (16, 17, 20)]
    disturbed = [
        step
        for who, what, wait in (*in_vain[::2], *by_turns[:8])
        for step in ((who, what, wait), (who | 128, what, 1), (who, 12, 2), (who, 14, 1))
    ]
    return [bytes(byte for step in steps for byte in step) for steps in (one_by_one, by_turns, in_vain, disturbed)]
