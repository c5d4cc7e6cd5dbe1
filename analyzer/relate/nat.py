"""Which side is behind a NAT, from the NAT_DETECTION hashes (RFC 7296 section 2.23; domain.md section 6).

Each IKE_SA_INIT message carries SHA-1(SPIi | SPIr | IP | port) of the addresses as its sender saw them. Compared with
the addresses in the trace, a mismatch says that something rewrote them between that sender and the capture point.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from hashlib import sha1

from analyzer.capture.select import IKE_PORT, NAT_T_PORT
from analyzer.relate.facts import Answer
from analyzer.relate.message import Message
from analyzer.wire.registry import numbers


def behind_nat(
    requests: Sequence[Message], responses: Sequence[Message], side: str = "unknown"
) -> tuple[Answer, Answer]:
    """Initiator and responder behind a NAT: yes, no or unknown.

    Parameters
    ----------
    requests, responses : sequences of Message
        IKE_SA_INIT messages of one SA; only those with their payloads captured count.
    side : str
        Where the capture was taken: ``initiator``, ``responder``, ``middle`` or ``unknown``.

    Notes
    -----
    A sender's own source hash that does not fit its address has two causes: a NAT between it and the capture point, or
    a wish to force UDP encapsulation. A rewritten port speaks for the NAT; at the sender itself there is no NAT yet.
    """
    request_source = _matches([m for m in requests if m.clear_complete], numbers.NAT_DETECTION_SOURCE_IP, source=True)
    request_target = _matches(
        [m for m in requests if m.clear_complete], numbers.NAT_DETECTION_DESTINATION_IP, source=False
    )
    full = [m for m in responses if m.clear_complete and numbers.SA in m.payloads]
    response_source = _matches(full, numbers.NAT_DETECTION_SOURCE_IP, source=True)
    response_target = _matches(full, numbers.NAT_DETECTION_DESTINATION_IP, source=False)
    return (
        _combine(request_source, response_target, at_sender=side == "initiator", rewritten=_rewritten(requests)),
        _combine(response_source, request_target, at_sender=side == "responder", rewritten=_rewritten(full)),
    )


def _combine(own: bool | None, seen_by_peer: bool | None, *, at_sender: bool, rewritten: bool) -> Answer:
    """One side's own idea of its address, and the other side's, each against what the trace shows."""
    if seen_by_peer is False:
        return "yes"
    if own is False and not at_sender:
        return "yes" if rewritten else "unknown"
    return "no" if seen_by_peer and own is not None else "unknown"


def _rewritten(messages: Sequence[Message]) -> bool:
    """The source port is none that an IKE daemon sends from."""
    return any(m.sport not in (IKE_PORT, NAT_T_PORT) for m in messages)


def _matches(messages: Sequence[Message], kind: int, *, source: bool) -> bool | None:
    """Does any hash of the kind fit the address and port in the trace? None when there is no hash."""
    answers = []
    for message in messages:
        hashes = message.notify_data(kind)
        if hashes:
            address, port = (message.src, message.sport) if source else (message.dst, message.dport)
            answers.append(detection_hash(message.spi_i, message.spi_r, address, port) in hashes)
    return any(answers) if answers else None


def detection_hash(spi_i: int, spi_r: int, address: str, port: int) -> bytes:
    """The hash that RFC 7296 section 2.23 defines.

    Examples
    --------
    >>> detection_hash(1, 0, "192.0.2.1", 500).hex()
    '0934223bb4f4d438722fa2188be64e95136198be'
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    ip = socket.inet_pton(family, address)
    return sha1(
        spi_i.to_bytes(8, "big") + spi_r.to_bytes(8, "big") + ip + port.to_bytes(2, "big"), usedforsecurity=False
    ).digest()
