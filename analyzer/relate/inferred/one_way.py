"""Does the trace hold one direction only? Then silence in the other says nothing (docs/domain/root-causes.md no. 1).

A mirror port may copy what one side sends and not what it gets; so does a filter such as ``src host``. A host that is
not answered looks alike, so more is asked for than silence: an act of one end that only a packet of the other explains.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from analyzer.ike.registry import numbers
from analyzer.packets.tables import EspFlow
from analyzer.relate.seen.capture_facts import CaptureFacts
from analyzer.relate.seen.message import Message

_FIRST = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)
#: A filter that names a direction.
_NAMES_A_DIRECTION = re.compile(r"\b(src|dst|inbound|outbound)\b")
#: One answer without its request may belong to a request from before the trace; several do not.
_ENOUGH_ANSWERS = 2
#: Who asks on has an answer (a window of one, RFC 7296 section 2.3); a last farewell may go out without.
_ENOUGH_QUESTIONS = 3


def why_one_way(messages: Sequence[Message], flows: Sequence[EspFlow], capture: CaptureFacts) -> str:
    """Why the trace is thought to hold one direction of an IKE SA only.

    Parameters
    ----------
    messages : sequence of Message
        Of one IKE SA.
    flows : sequence of EspFlow
        Its ESP and keepalives.
    capture : CaptureFacts
        What is known of other traffic and of the capture filter.

    Returns
    -------
    str
        A clause; empty where both directions are there, or nothing shows that one is hidden.
    """
    src, dst = messages[0].address_numbers
    if any(m.address_numbers[0] != src for m in messages) or any(flow.src == dst for flow in flows):
        return ""
    unasked = {m.exchange_key for m in messages if m.is_response}
    asked = [m for m in messages if not m.is_response]
    if messages[0].version == 2:
        if not asked and len(unasked) >= _ENOUGH_ANSWERS:
            return f"{len(unasked)} answers are in it and not one of the requests that they answer"
        began = any(m.exchange in _FIRST and m.message_id == 0 and not m.spi_r for m in asked)
        if began and not unasked and any(m.spi_r for m in asked if m.is_initiator):
            return "requests in it carry the responder's SPI, which only an answer can have told, and it holds none"
        if not unasked and len({m.message_id for m in asked}) >= _ENOUGH_QUESTIONS:
            return "requests in it go on from one message ID to the next, as only answers allow, and it holds none"
    if capture.one_way_tcp:
        count = capture.one_way_tcp
        return f"TCP between {count} {'pair' if count == 1 else 'pairs'} of hosts is seen in one direction only, too"
    if _NAMES_A_DIRECTION.search(capture.capture_filter):
        return f'it was taken with the filter "{capture.capture_filter}", which names a direction'
    return ""
