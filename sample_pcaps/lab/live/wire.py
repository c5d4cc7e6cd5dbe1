"""A wire in user space, for what a kernel without netem and 8021q cannot do: it loses, copies and tags single packets.

::

    near ---- trunk0 ==== trunk1 ---- far         near faces the client, far the server
              (what passes here is tagged)

Run inside the namespace ``wire``: ``python -m sample_pcaps.lab.live.wire RULE...``. Rules: ``lose skf/2 c2s once``,
``lose IKE_AUTH s2c always``, ``copy IKE_AUTH c2s``, ``swap skf/1 c2s`` (the packet goes after the next one),
``tag vlan``, ``tag pppoe``.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from sample_pcaps.lab.live.shell import LabError

_ETHERNET, _ALL, _OUTGOING = 14, 3, 4
_IPV4, _IPV6, _UDP, _SKF = 0x0800, 0x86DD, 17, 53
_EXCHANGES = {34: "IKE_SA_INIT", 35: "IKE_AUTH", 36: "CREATE_CHILD_SA", 37: "INFORMATIONAL"}
_VLAN = struct.pack("!HH", 0x8100, 100)
_PPPOE, _PPP = 0x8864, {_IPV4: 0x0021, _IPV6: 0x0057}


def ike_of(frame: bytes) -> bytes:
    """Return the IKE message of an untagged Ethernet frame, or nothing (other traffic, later fragments).

    >>> ike_of(bytes(60))
    b''
    """
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    if ethertype == _IPV4:
        protocol, offset = frame[23], struct.unpack_from("!H", frame, 20)[0] & 0x1FFF
        udp = _ETHERNET + 4 * (frame[14] & 15)
    elif ethertype == _IPV6:
        protocol, offset, udp = frame[20], 0, _ETHERNET + 40
    else:
        return b""
    if protocol != _UDP or offset or len(frame) < udp + 8:
        return b""
    ports = struct.unpack_from("!HH", frame, udp)
    data = frame[udp + 8 :]
    if 4500 in ports:
        return data[4:] if data[:4] == bytes(4) else b""
    return data if 500 in ports else b""


def names_of(frame: bytes) -> set[str]:
    """Return the words by which a rule can mean a frame: its exchange, ``mid/NUMBER``, ``skf/NUMBER``."""
    ike = ike_of(frame)
    if len(ike) < 36:
        return set()
    names = {_EXCHANGES.get(ike[18], ""), f"mid/{struct.unpack_from('!I', ike, 20)[0]}"}
    if ike[16] == _SKF:
        names.add(f"skf/{struct.unpack_from('!H', ike, 32)[0]}")
    return names


def tagged(frame: bytes, tag: str) -> bytes:
    """Put a frame into VLAN 100 or into a PPPoE session (RFC 2516 section 6); frames without IP go as they are.

    >>> tagged(bytes(12) + bytes.fromhex("0800 45"), "vlan").hex()[24:]
    '81000064080045'
    >>> tagged(bytes(12) + bytes.fromhex("0800 45"), "pppoe").hex()[24:]
    '8864110000010003002145'
    """
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    if tag == "vlan":
        return frame[:12] + _VLAN + frame[12:]
    if tag == "pppoe" and ethertype in _PPP:
        data = struct.pack("!H", _PPP[ethertype]) + frame[_ETHERNET:]
        return frame[:12] + struct.pack("!HBBHH", _PPPOE, 0x11, 0, 1, len(data)) + data
    return frame


def untagged(frame: bytes, tag: str) -> bytes:
    """Undo :func:`tagged`; a VLAN tag has been taken off by the kernel before.

    >>> frame = bytes(12) + bytes.fromhex("0800 45")
    >>> untagged(tagged(frame, "pppoe"), "pppoe") == frame
    True
    """
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    if tag == "vlan" and ethertype == 0x8100:
        return frame[:12] + frame[16:]
    if tag == "pppoe" and ethertype == _PPPOE:
        (protocol,) = struct.unpack_from("!H", frame, 20)
        inner = next(ether for ether, ppp in _PPP.items() if ppp == protocol)
        return frame[:12] + struct.pack("!H", inner) + frame[22:]
    return frame


@dataclass(slots=True)
class Rules:
    """What the wire does to packets; ``done`` counts how often each rule fired."""

    rules: Sequence[str]
    tag: str = ""
    done: dict[str, int] = field(default_factory=dict)
    held: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule in self.rules:
            match rule.split():
                case ["tag", ("vlan" | "pppoe") as tag]:
                    self.tag = tag
                case ["lose", _, "c2s" | "s2c", "once" | "always"] | ["copy" | "swap", _, "c2s" | "s2c"]:
                    pass
                case _:
                    raise LabError(f"no such rule of the wire: {rule}")

    def passing(self, frame: bytes, direction: str) -> list[bytes]:
        """Return what leaves the wire when a frame enters.

        >>> Rules(["lose IKE_AUTH c2s always"]).passing(bytes(60), "c2s") == [bytes(60)]
        True
        """
        names, out = names_of(frame), [frame]
        for rule in self.rules:
            act, what, *rest = rule.split()
            if act == "tag" or rest[0] != direction or what not in names:
                continue
            count = self.done[rule] = self.done.get(rule, 0) + 1
            if act == "lose" and (rest[1] == "always" or count == 1):
                out = []
            elif act == "copy":
                out = [frame, frame]
            elif act == "swap":
                self.held[direction], out = frame, []
        if out and direction in self.held:
            out.append(self.held.pop(direction))
        return out


def _socket(device: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    opened.bind((device, 0))
    return opened


def forward(rules: Rules) -> None:
    """Forward frames between the four devices until the process is ended."""
    near, trunk0, trunk1, far = (_socket(device) for device in ("near", "trunk0", "trunk1", "far"))
    print("forwarding", flush=True)
    while True:
        for ready in select.select([near, trunk0, trunk1, far], [], [])[0]:
            frame, address = ready.recvfrom(65_535)
            if address[2] == _OUTGOING:
                continue
            if ready is near or ready is far:
                direction, out = ("c2s", trunk0) if ready is near else ("s2c", trunk1)
                for passed in rules.passing(frame, direction):
                    out.send(tagged(passed, rules.tag))
            else:
                (near if ready is trunk0 else far).send(untagged(frame, rules.tag))


if __name__ == "__main__":
    forward(Rules(sys.argv[1:]))
