"""Which side is behind a NAT, from the NAT_DETECTION hashes (RFC 7296 section 2.23; docs/domain/nat.md).

Each IKE_SA_INIT message carries SHA-1(SPIi | SPIr | IP | port) of the addresses as its sender saw them. Compared with
the addresses in the trace, a mismatch says that something rewrote them between that sender and the capture point, or
that the sender wants UDP encapsulation and says so with a false hash. Libreswan then hashes its own address with port
0, strongSwan a made-up address with port 0: the first can be recognised, the second looks like a NAT from afar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha1

from analyzer.ike.registry import name, numbers
from analyzer.packets.addresses import address_bytes
from analyzer.protocol import IKE_PORT, NAT_T_PORT
from analyzer.relate.seen.exchange import Role
from analyzer.relate.seen.message import Message
from analyzer.relate.seen.yes_no_unknown import YesNoUnknown

#: What people call the two sides.
_PERSON: dict[Role, str] = {"initiator": "client", "responder": "server"}
_PORTS = 65536

#: Both sides must move to port 4500 when either finds a NAT (RFC 7296 section 2.23).
_UNUSED = (
    "Each side knows the other by another address or port than this trace shows, and yet IKE never moved to UDP 4500: "
    "the addresses in the trace may have been changed, so the hashes tell nothing of NATs."
)


@dataclass(frozen=True, slots=True)
class SourceHash:
    """What one side's messages say of their own source, against the trace.

    Attributes
    ----------
    fits : bool or None
        One of its source hashes is that of its address and port here; None when no such hash could be read.
    faked : bool
        One is that of its address here with port 0: UDP encapsulation is wanted, and the address is its own.
    several : bool
        A message carries more than one source hash, as hosts with several addresses may.
    rewritten : int or None
        A source port here that is neither 500 nor 4500; None when there is none.
    address : str
        Source address and port here, as text; empty without any message.
    """

    fits: bool | None = None
    faked: bool = False
    several: bool = False
    rewritten: int | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class NatDetection:
    """The hashes of one IKE SA against the trace: what each side says of itself, and of its peer (None: not read)."""

    initiator: SourceHash
    responder: SourceHash
    initiator_as_peer_sees: bool | None = None
    responder_as_peer_sees: bool | None = None


@dataclass(frozen=True, slots=True)
class NatView:
    """What the trace tells of NATs on the way of one IKE SA, seen from the capture point.

    Attributes
    ----------
    initiator, responder : YesNoUnknown
        Is that side behind a NAT?
    forced_encapsulation : tuple of Role
        Sides that ask for UDP encapsulation with a false hash of their own source, although no NAT made it false.
    floated : int or None
        Exchange type with which IKE moved from port 500 to 4500; None when it did not, or began there.
    port_rewritten : tuple of Role
        Sides whose source port here is neither 500 nor 4500 nor the one that they hashed: a NAT gave it.
    several_hashes : tuple of Role
        Sides that gave more than one hash of their own source.
    evidence : tuple of str
        One sentence for each statement.
    """

    initiator: YesNoUnknown = "unknown"
    responder: YesNoUnknown = "unknown"
    forced_encapsulation: tuple[Role, ...] = ()
    floated: int | None = None
    port_rewritten: tuple[Role, ...] = ()
    several_hashes: tuple[Role, ...] = ()
    evidence: tuple[str, ...] = ()


def read_nat_detection(requests: Sequence[Message], responses: Sequence[Message]) -> NatDetection:
    """Compare the hashes of an IKE SA's IKE_SA_INIT messages with the addresses in the trace.

    Parameters
    ----------
    requests, responses : sequences of Message
        Of one IKE SA; only those with their payloads captured count, and of responses those that choose a proposal.
    """
    asked = _once([m for m in requests if m.clear_complete])
    answered = _once([m for m in responses if m.clear_complete and numbers.SA in m.payloads])
    return NatDetection(
        initiator=_source_hash(asked, requests),
        responder=_source_hash(answered, answered),
        initiator_as_peer_sees=_target_fits(answered),
        responder_as_peer_sees=_target_fits(asked),
    )


def _once(messages: Sequence[Message]) -> Sequence[Message]:
    """Without repeats: the same bytes between the same ends say nothing new."""
    if len(messages) < 2:
        return messages
    return list({(m.digest, m.address_numbers, m.sport, m.dport): m for m in reversed(messages)}.values())[::-1]


def _source_hash(readable: Sequence[Message], sent: Sequence[Message]) -> SourceHash:
    fits: list[bool] = []
    faked = several = False
    for m in readable:
        hashes = m.notify_data(numbers.NAT_DETECTION_SOURCE_IP)
        if hashes:
            true = detection_hash(m.spi_i, m.spi_r, m.src, m.sport)
            fits.append(true in hashes)
            # A true hash that stands alone leaves no room for a false one.
            if hashes != [true] or m.sport == 0:
                faked = faked or detection_hash(m.spi_i, m.spi_r, m.src, 0) in hashes
            several = several or len(hashes) > 1
    return SourceHash(
        fits=any(fits) if fits else None,
        faked=faked,
        several=several,
        rewritten=next((m.sport for m in sent if m.sport not in (IKE_PORT, NAT_T_PORT)), None),
        address=f"{sent[0].src} port {sent[0].sport}" if sent else "",
    )


def _target_fits(messages: Sequence[Message]) -> bool | None:
    fits = []
    for m in messages:
        hashes = m.notify_data(numbers.NAT_DETECTION_DESTINATION_IP)
        if hashes:
            fits.append(detection_hash(m.spi_i, m.spi_r, m.dst, m.dport) in hashes)
    return any(fits) if fits else None


def nat_view(hashes: NatDetection, messages: Iterable[Message] = (), side: str = "unknown") -> NatView:
    """Draw the conclusions.

    Parameters
    ----------
    hashes : NatDetection
        Of :func:`read_nat_detection`.
    messages : iterable of Message
        All of the IKE SA, in the order of capture: for the move to port 4500.
    side : str
        Where the capture was taken: ``initiator``, ``responder``, ``middle`` or ``unknown``.

    Examples
    --------
    >>> seen = nat_view(NatDetection(SourceHash(fits=True), SourceHash(fits=True), False, True), side="initiator")
    >>> seen.initiator, seen.responder
    ('yes', 'no')
    >>> nat_text(seen)
    'The client is behind a NAT, the server is not.'
    """
    ends: tuple[tuple[Role, SourceHash, bool | None], ...] = (
        ("initiator", hashes.initiator, hashes.initiator_as_peer_sees),
        ("responder", hashes.responder, hashes.responder_as_peer_sees),
    )
    answers: dict[Role, YesNoUnknown] = {}
    evidence: list[str] = []
    for role, own, as_peer_sees in ends:
        answers[role], why = _combine(role, own, as_peer_sees, at_sender=side == role)
        evidence += why
    messages = tuple(messages)
    moved = floated_with(messages)
    if _cannot_be_used(hashes, messages):
        return NatView(evidence=(_UNUSED,))
    if moved is not None:
        evidence.append(f"IKE moved from UDP 500 to UDP 4500 with {name('exchange', moved)}.")
    return NatView(
        initiator=answers["initiator"],
        responder=answers["responder"],
        forced_encapsulation=tuple([r for r, own, _ in ends if own.faked or (own.fits is False and side == r)]),
        floated=moved,
        port_rewritten=tuple(
            [r for r, own, _ in ends if own.rewritten is not None and own.fits is False and side != r]
        ),
        several_hashes=tuple([r for r, own, _ in ends if own.several]),
        evidence=tuple(evidence),
    )


def _cannot_be_used(hashes: NatDetection, messages: Iterable[Message]) -> bool:
    """Each side knows the other by an address that is not here, and IKE took no notice of a NAT."""
    foreign = hashes.initiator_as_peer_sees is False and hashes.responder_as_peer_sees is False
    return foreign and not any(NAT_T_PORT in (m.sport, m.dport) or m.nat_t for m in messages)


def _combine(
    role: Role, own: SourceHash, as_peer_sees: bool | None, *, at_sender: bool
) -> tuple[YesNoUnknown, list[str]]:
    """One side's own idea of its address, and the other side's, each against what the trace shows."""
    who, peer = _PERSON[role], _PERSON["responder" if role == "initiator" else "initiator"]
    why: list[str] = []
    if own.faked:
        why.append(f"The {who} asks for UDP encapsulation: it hashed its own address {own.address} with port 0.")
    elif own.fits is False and at_sender:
        why.append(f"The {who} asks for UDP encapsulation: its source hash is false where its packets begin.")
    if as_peer_sees is False:
        why.append(f"The {peer} knows the {who} by another address or port than this trace shows: there is a NAT.")
        return "yes", why
    if own.fits is False and not own.faked and not at_sender:
        if own.rewritten is not None:
            why.append(f"The {who}'s source hash is not that of {own.address}, a port that a NAT gave.")
            return "yes", why
        why.append(f"The {who}'s source hash is not that of {own.address}: a NAT before here, or a false hash.")
        return "unknown", why
    if as_peer_sees and own.fits is not None:
        why.append(f"The {peer} knows the {who} by the address and port that this trace shows: no NAT.")
        return "no", why
    return "unknown", why


def floated_with(messages: Iterable[Message]) -> int | None:
    """The exchange type of the initiator's first message to port 4500, where it had begun on port 500."""
    began = False
    for m in messages:
        if m.is_initiator and not m.is_response:
            if m.dport == IKE_PORT:
                began = True
            elif m.dport == NAT_T_PORT:
                return m.exchange if began else None
    return None


def nat_text(seen: NatView) -> str:
    """One sentence for the report.

    Examples
    --------
    >>> nat_text(NatView("yes", "no", floated=35))
    'The client is behind a NAT, the server is not; IKE moved to UDP 4500 with IKE_AUTH.'
    >>> nat_text(NatView("no", "unknown", forced_encapsulation=("initiator",)))
    'The client is not behind a NAT, of the server it cannot be told; the client asks for UDP encapsulation.'
    >>> nat_text(NatView())
    'Whether a NAT is on the way cannot be told.'
    """
    if seen.initiator == seen.responder:
        said = {
            "yes": "Client and server are both behind a NAT",
            "no": "There is no NAT on the way",
            "unknown": "Whether a NAT is on the way cannot be told",
        }[seen.initiator]
    else:
        client = {"yes": "The client is behind a NAT", "no": "The client is not behind a NAT"}
        server = {"yes": "the server is", "no": "the server is not", "unknown": "of the server it cannot be told"}
        if seen.initiator == "unknown":
            whole = {"yes": "The server is behind a NAT", "no": "The server is not behind a NAT"}[seen.responder]
            said = f"{whole}, of the client it cannot be told"
        else:
            said = f"{client[seen.initiator]}, {server[seen.responder]}"
    asking = [f"the {_PERSON[role]}" for role in seen.forced_encapsulation]
    if asking:
        said += f"; {' and '.join(asking)} {'asks' if len(asking) == 1 else 'ask'} for UDP encapsulation"
    if seen.floated is not None:
        said += f"; IKE moved to UDP 4500 with {name('exchange', seen.floated)}"
    return f"{said}."


def detection_hash(spi_i: int, spi_r: int, address: str, port: int) -> bytes:
    """The hash that RFC 7296 section 2.23 defines.

    Examples
    --------
    >>> detection_hash(1, 0, "192.0.2.1", 500).hex()
    '0934223bb4f4d438722fa2188be64e95136198be'
    """
    return sha1(_hashed(spi_i, spi_r, address) + port.to_bytes(2, "big"), usedforsecurity=False).digest()


def hashed_port(hashes: Iterable[bytes], spi_i: int, spi_r: int, address: str) -> int | None:
    """The port in a NAT_DETECTION hash, for an address that is known: all 65,536 are tried, so ask only when needed.

    Parameters
    ----------
    hashes : iterable of bytes
        Data of NAT_DETECTION notifies of one message.
    spi_i, spi_r : int
        The SPIs in the header of that message.
    address : str
        The address that is thought to be in one of them.

    Returns
    -------
    int or None
        None when no port fits: the address is another one, or the hash is made up.

    Examples
    --------
    >>> hashed_port([detection_hash(1, 0, "192.0.2.1", 1027)], 1, 0, "192.0.2.1")
    1027
    """
    wanted = frozenset(hashes)
    before = sha1(_hashed(spi_i, spi_r, address), usedforsecurity=False)
    for port in range(_PORTS if wanted else 0):
        tried = before.copy()
        tried.update(port.to_bytes(2, "big"))
        if tried.digest() in wanted:
            return port
    return None


def _hashed(spi_i: int, spi_r: int, address: str) -> bytes:
    return spi_i.to_bytes(8, "big") + spi_r.to_bytes(8, "big") + address_bytes(address)
