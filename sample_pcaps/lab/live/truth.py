"""What is true of a capture: from the daemons' logs, the fault, and arithmetic; never from the analyzer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sample_pcaps.lab.live.logs import Message, Story
from sample_pcaps.lab.live.network import DEFAULT_MTU
from sample_pcaps.lab.live.scenario import Scenario

#: There was no such message.
NONE = "none"
_FRAGMENTATION = "N(FRAG_SUP)"
_IPV4, _IPV6, _FRAGMENT_HEADER, _UDP, _MARKER = 20, 40, 8, 8, 4


def ip_fragments(ike_length: int, *, port: int, ipv6: bool, mtus: Iterable[int]) -> int:
    """Return the number of IP packets that carry an IKE message behind links of these MTUs.

    Parameters
    ----------
    ike_length : int
        Bytes of the IKE message.
    port : int
        On 4500 four zero bytes stand before it (RFC 3948 section 2.2).
    ipv6 : bool
        IPv6 is cut by its source alone, IPv4 by each router again.
    mtus : iterable of int
        MTUs of the links on its way, the sender's first.

    Examples
    --------
    3575 + 4 + 8 bytes over 1480 a packet:

    >>> ip_fragments(3575, port=4500, ipv6=False, mtus=[1500])
    3

    A router that must send over 1400 cuts each packet of 1480 bytes again:

    >>> ip_fragments(3575, port=4500, ipv6=False, mtus=[1500, 1400])
    5
    """
    pieces = [ike_length + _UDP + (_MARKER if port != 500 else 0)]
    whole = True
    for mtu in mtus:
        cut: list[int] = []
        for piece in pieces:
            header = _IPV6 if ipv6 else _IPV4
            if piece + header + (0 if whole or not ipv6 else _FRAGMENT_HEADER) <= mtu:
                cut.append(piece)
                continue
            room = (mtu - header - (_FRAGMENT_HEADER if ipv6 else 0)) // 8 * 8
            cut += [min(room, piece - at) for at in range(0, piece, room)]
        whole = whole and len(cut) == 1
        pieces = cut
    return len(pieces)


def facts(scenario: Scenario, point: str, story: Story) -> dict[str, Any]:
    """Return what a capture beside a daemon shows, from this daemon's own log.

    Parameters
    ----------
    scenario : Scenario
        Its links' MTUs, and what it says differs from the log.
    point : str
        Name of the point.
    story : Story
        The log of the daemon there.

    Returns
    -------
    dict
        ``fragmentation`` of ``initiator`` and ``responder``; ``request`` and ``response`` of the IKE_AUTH exchange that
        decides, with ``length``, ``attempts``, ``ip_fragments`` and ``skf_total``; :data:`NONE` where there was none.
        What is not in it is not claimed.
    """
    out: dict[str, Any] = {}
    if story.messages:
        out["fragmentation"] = {
            "initiator": _announced(m for m in story.messages if _is(m, "IKE_SA_INIT", "request")),
            "responder": _announced(
                m for m in story.messages if _is(m, "IKE_SA_INIT", "response") and "SA" in m.payloads
            ),
        }
        out |= _ike_auth(scenario, story.messages, at_server=scenario.points[point].host == "server")
    for key, told in scenario.shows[point].facts.items():
        known = out.pop(key, {})
        if told:
            out[key] = told if known == NONE or told == NONE else {**known, **told}
    return out


def _ike_auth(scenario: Scenario, messages: Sequence[Message], *, at_server: bool) -> dict[str, Any]:
    request = _deciding(messages)
    if request is None:
        return {"request": NONE, "response": NONE}
    out: dict[str, Any] = {"request": _described(scenario, request, at_server), "response": NONE}
    for message in messages:
        if _is(message, "IKE_AUTH", "response") and message.message_id == request.message_id:
            out["response"] = _described(scenario, message, at_server)
    return out


def _is(message: Message, exchange: str, kind: str) -> bool:
    return message.exchange == exchange and message.kind == kind


def _announced(messages: Iterable[Message]) -> str:
    said = [_FRAGMENTATION in message.payloads for message in messages]
    return ("yes" if said[-1] else "no") if said else "unknown"


def _deciding(messages: Sequence[Message]) -> Message | None:
    """The unanswered IKE_AUTH request, else the longest."""
    requests = [m for m in messages if _is(m, "IKE_AUTH", "request")]
    answered = {m.message_id for m in messages if _is(m, "IKE_AUTH", "response")}
    unanswered = [m for m in requests if m.message_id not in answered]
    return max(unanswered or requests, key=lambda m: sum(m.sizes.values()), default=None)


def _described(scenario: Scenario, message: Message, at_server: bool) -> dict[str, int]:
    links = [scenario.mtu.get(link, DEFAULT_MTU) for link in ("client", "middle", "server")]
    if at_server == message.sent:
        links.reverse()
    way = links[:1] if message.sent else links
    cut = [ip_fragments(size, port=message.port, ipv6=scenario.ipv6, mtus=way) for size in message.sizes.values()]
    out = {"length": sum(message.sizes.values()), "attempts": message.attempts, "skf_total": message.skf_total}
    return out | ({"ip_fragments": max(cut)} if cut else {})
