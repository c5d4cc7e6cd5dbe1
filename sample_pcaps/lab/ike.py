"""IKE messages of a ladder, built with struct from RFC 7296 and 7383; independent of the analyzer's own parser.

What the ladder leaves open is filled in:

- IKE_SA_INIT whose contents name none of SA, KE, No gets them: behind a leading N(COOKIE), else in front. A response
  of errors, COOKIE, REDIRECT or TICKET_NACK alone stays as it is, and has a zero responder SPI.
- Every other message without contents is ``SK`` with the usual inner type; its bytes are not a real encryption.
- The message has exactly the ladder's length: ciphertext is as long as that takes; in a clear message the nonce grows
  (up to 256 bytes, unless the ladder gives its length) and what is still missing becomes one more vendor ID.
- Message IDs count up for each sender of requests; SKF fragments after the first keep theirs.
- The same message written twice in a ladder (same IKE SA, sender, message ID, length) has the same bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from analyzer.errors import UsageError
from analyzer.report.ladder.model import Encrypted, Ladder, Message, Payload, Step
from sample_pcaps.lab import payloads
from sample_pcaps.lab.ip import packed
from sample_pcaps.lab.names import DEFAULT_PROPOSALS, EXCHANGES, FIRST_STATUS, IKEV1_PAYLOADS, PAYLOADS
from sample_pcaps.lab.payloads import Body, chain
from sample_pcaps.lab.seeded import seeded
from sample_pcaps.lab.view import View

INITIATOR, RESPONSE = 0x08, 0x20
INITIAL = ("IKE_SA_INIT", "IKE_SESSION_RESUME")
ALONE = ("COOKIE", "REDIRECT", "TICKET_NACK")

#: IKE length of a protected message of which the ladder gives none; all SKF fragments but the last have FULL.
LENGTHS = {"IKE_AUTH": 364, "CREATE_CHILD_SA": 236, "INFORMATIONAL": 80}
FULL, LAST, OTHER = 532, 276, 200

#: Room for an IV, a block or nothing, and an ICV: less is no protected message of any cipher.
LEAST_CIPHERTEXT = 17

_FIRST_INNER = {"IKE_INTERMEDIATE": "KE", "IKE_FOLLOWUP_KE": "KE", "CREATE_CHILD_SA": "SA", "INFORMATIONAL": ""}


@dataclass(slots=True)
class _Sa:
    """An IKE SA in the making. ``mids`` are the message IDs of each side's last request."""

    number: int
    spi_i: bytes
    spi_r: bytes
    initiator: str
    proposals: tuple[str, ...] = DEFAULT_PROPOSALS
    mids: dict[str, int] = field(default_factory=dict)
    ikev1_senders: set[str] = field(default_factory=set)


class Messages:
    """Builds the messages of a ladder, step by step in the order of time."""

    def __init__(self, ladder: Ladder, view: View) -> None:
        self._view = view
        self._declared = {sa.number: sa for sa in ladder.sas}
        self._sas: dict[int, _Sa] = {}

    def build(self, step: Step, message: Message) -> list[bytes]:
        """Return the IKE messages of a step: one, or one for each SKF fragment."""
        sa = self._sas.get(message.sa) or self._new_sa(step, message)
        if message.exchange.startswith("IKEv1"):
            return [self._ikev1(step, message, sa)]
        mid = self._message_id(step, message, sa)
        contents = _complete(message)
        bodies = [body for payload in contents for body in self._body(payload, step, message, sa)]
        encrypted = message.encrypted
        if encrypted is None and not contents:
            encrypted = Encrypted()
        if encrypted is None:
            return [self._clear(bodies, contents, step, message, sa, mid)]
        return self._protected(bodies, encrypted, step, message, sa, mid)

    def _new_sa(self, step: Step, message: Message) -> _Sa:
        number = message.sa
        declared = self._declared.get(number)
        spi_i = bytes.fromhex(declared.spi_i) if declared else seeded(8, "spi_i", number)
        spi_r = bytes.fromhex(declared.spi_r) if declared and declared.spi_r else seeded(8, "spi_r", number)
        # The request is the original initiator's, unless the capture starts with an answer.
        initiator = step.sender if message.direction == "request" else step.receiver
        self._sas[number] = _Sa(number, spi_i, spi_r, initiator)
        return self._sas[number]

    def _message_id(self, step: Step, message: Message, sa: _Sa) -> int:
        responding = message.direction == "response"
        requester = step.receiver if responding else step.sender
        last = sa.mids.get(requester, 0 if requester == sa.initiator else -1)
        continued = message.encrypted is not None and message.encrypted.total and 1 not in message.encrypted.numbers
        if message.mid is not None:
            mid = message.mid
        elif message.exchange in INITIAL:
            mid = 0
        else:
            mid = max(last, 0) if responding or continued else last + 1
        if not responding:
            sa.mids[requester] = mid
        return mid

    def _header(self, step: Step, message: Message, sa: _Sa, mid: int, first: int, length: int, spi_r: bytes) -> bytes:
        exchange = message.exchange
        number = int(exchange.split()[1]) if exchange.startswith("exchange ") else EXCHANGES[exchange]
        flags = (INITIATOR if step.sender == sa.initiator else 0) | (RESPONSE if message.direction == "response" else 0)
        return struct.pack("!8s8sBBBBII", sa.spi_i, spi_r, first, 0x20, number, flags, mid, length)

    def _spi_r(self, contents: Sequence[Payload], message: Message, sa: _Sa) -> bytes:
        unchosen = message.exchange in INITIAL and (message.direction == "request" or _alone(contents))
        return bytes(8) if unchosen else sa.spi_r

    def _clear(
        self, bodies: list[Body], contents: Sequence[Payload], step: Step, message: Message, sa: _Sa, mid: int
    ) -> bytes:
        grows = any(payload == Payload("No") for payload in contents)
        bodies = _stretched(bodies, message, grows, sa.number, step.sender)
        data = chain(bodies)
        head = self._header(step, message, sa, mid, bodies[0].type, 28 + len(data), self._spi_r(contents, message, sa))
        return head + data

    def _protected(
        self, bodies: list[Body], encrypted: Encrypted, step: Step, message: Message, sa: _Sa, mid: int
    ) -> list[bytes]:
        inner = encrypted.inner if encrypted.inner is not None else _usual_inner(message)
        built = []
        for number, length in zip(encrypted.numbers or (0,), _lengths(message, encrypted), strict=True):
            clear = bodies if number <= 1 else []
            kind = PAYLOADS["SKF" if number else "SK"]
            room = length - 28 - len(chain(clear)) - (8 if number else 4)
            if room < LEAST_CIPHERTEXT:
                raise UsageError(f"{message.exchange} {message.direction}: {length} bytes are too few")
            label = (sa.number, step.sender, message.exchange, message.direction, mid, number, encrypted.total, length)
            inside = _payload_number(inner) if number <= 1 else 0
            fragment = struct.pack("!HH", number, encrypted.total) if number else b""
            body = fragment + seeded(room, "ciphertext", *label)
            head = self._header(step, message, sa, mid, clear[0].type if clear else kind, length, sa.spi_r)
            built.append(head + chain(clear, kind) + struct.pack("!BBH", inside, 0, 4 + len(body)) + body)
        return built

    def _body(self, payload: Payload, step: Step, message: Message, sa: _Sa) -> list[Body]:
        arguments = payload.arguments
        first = arguments[0] if arguments else None
        label = (sa.number, step.sender)
        if payload.name == "SA":
            if message.direction == "request":
                sa.proposals = arguments or DEFAULT_PROPOSALS
                return [payloads.sa(sa.proposals)]
            chosen = arguments or sa.proposals[:1]
            numbers = [sa.proposals.index(one) + 1 if one in sa.proposals else 1 for one in chosen]
            sa.proposals = (*chosen, *sa.proposals)
            return [payloads.sa(chosen, numbers)]
        if payload.name == "KE":
            return [payloads.key_exchange(int(first) if first else payloads.first_group(sa.proposals), *label)]
        if payload.name == "No":
            return [payloads.nonce(int(first) if first else payloads.NONCE, *label)]
        if payload.name == "V":
            return [payloads.vendor_id(first, *label)]
        if payload.name == "CERTREQ":
            return [payloads.certreq(int(first or 1), *label)]
        name = arguments[0]
        data: str | bytes | None = arguments[1] if len(arguments) > 1 else None
        if data is None and name.startswith("NAT_DETECTION_"):
            spi_r = self._spi_r(message.contents, message, sa)
            data = self._nat_hash(name, step, sa.spi_i + spi_r)
        # A cookie is made by the responder and comes back as it was.
        return [payloads.notify(name, data, sa.number)]

    def _nat_hash(self, name: str, step: Step, spis: bytes) -> bytes:
        """SHA-1 over SPIs, address and port as the sender knows them (RFC 7296 section 2.23)."""
        if step.sport is None or step.dport is None:
            raise UsageError(f"N({name}) needs the ports of both hosts")
        if name == "NAT_DETECTION_SOURCE_IP":
            mapped = self._view.host(step.sender).nat and self._view.at != step.sender
            address, port = self._view.host(step.sender).address, step.dport if mapped else step.sport
        else:
            address, port = self._view.outer(step.receiver), step.dport
        return hashlib.sha1(spis + packed(address) + struct.pack("!H", port)).digest()

    def _ikev1(self, step: Step, message: Message, sa: _Sa) -> bytes:
        """Build an IKEv1 message: as the ladder says, else SA and a vendor ID from each side, then encrypted bytes."""
        opening = step.sender not in sa.ikev1_senders
        sa.ikev1_senders.add(step.sender)
        phase1 = message.exchange.endswith(("Main Mode", "Aggressive Mode"))
        spi_r = bytes(8) if opening and step.sender == sa.initiator else sa.spi_r
        mid = message.mid
        if mid is None:
            mid = 0 if phase1 else int.from_bytes(seeded(4, "mid", sa.number, message.exchange), "big")
        if message.contents or (opening and phase1):
            contents = message.contents or (Payload("SA"), Payload("V", ("RFC-3947",)))
            bodies = [body for payload in contents for body in self._ikev1_body(payload, step, message, sa)]
            bodies = _stretched(bodies, message, False, sa.number, step.sender, IKEV1_PAYLOADS["V"])
            first, encrypted, data = bodies[0].type, 0, chain(bodies)
        else:
            length = (message.length or 28 + 40) - 28
            if length < 8:
                raise UsageError(f"{message.exchange}: {length + 28} bytes are too few")
            label = (sa.number, step.sender, message.exchange, mid, length)
            first, encrypted, data = IKEV1_PAYLOADS["ID"], 1, seeded(length, "ikev1", *label)
        return (
            struct.pack(
                "!8s8sBBBBII",
                *(sa.spi_i, spi_r, first, 0x10, EXCHANGES[message.exchange], encrypted, mid, 28 + len(data)),
            )
            + data
        )

    def _ikev1_body(self, payload: Payload, step: Step, message: Message, sa: _Sa) -> list[Body]:
        if payload.name == "SA":
            return [payloads.ikev1_sa()]
        data = [body.data for body in self._body(payload, step, message, sa)]
        skip = 4 if payload.name == "KE" else 0
        head = struct.pack("!I", 1) if payload.name == "N" else b""
        return [Body(IKEV1_PAYLOADS[payload.name], head + one[skip:]) for one in data]


def _alone(contents: Sequence[Payload]) -> bool:
    """Say whether these are the contents of a refusal: only errors, COOKIE, REDIRECT or TICKET_NACK."""
    return bool(contents) and all(
        payload.name == "N"
        and (payloads.notify_number(payload.arguments[0]) < FIRST_STATUS or payload.arguments[0] in ALONE)
        for payload in contents
    )


def _complete(message: Message) -> tuple[Payload, ...]:
    """Return the clear payloads, with the ones that an initial exchange cannot lack."""
    contents = message.contents
    refusal = message.direction == "response" and _alone(contents)
    if message.exchange not in INITIAL or refusal or any(p.name in ("SA", "KE", "No") for p in contents):
        return contents
    usual = [Payload("SA"), Payload("KE"), Payload("No")]
    if message.exchange == "IKE_SESSION_RESUME":
        usual = [Payload("No")]
        if message.direction == "request" and not contents:
            usual.append(Payload("N", ("TICKET_OPAQUE",)))
    cookie = [p for p in contents[:1] if p.name == "N" and p.arguments[0] == "COOKIE"]
    return (*cookie, *usual, *contents[len(cookie) :])


def _stretched(
    bodies: list[Body], message: Message, grows: bool, sa: int, sender: str, vendor: int = PAYLOADS["V"]
) -> list[Body]:
    """Return clear payloads that fill the message's length: a longer nonce, then one more vendor ID."""
    if message.length is None:
        return bodies
    missing = message.length - 28 - len(chain(bodies))
    grown = min(missing, payloads.LONGEST_NONCE - payloads.NONCE) if grows else 0
    if 0 < missing - grown < 5:
        grown = max(grown - 5, 0)
    rest = missing - grown
    if missing < 0 or 0 < rest < 5:
        raise UsageError(
            f"{message.exchange} {message.direction}: these contents take {message.length - missing} bytes, "
            f"which cannot be made {message.length}"
        )
    if grown:
        longer = payloads.nonce(payloads.NONCE + grown, sa, sender)
        bodies = [longer if body.type == PAYLOADS["No"] else body for body in bodies]
    if rest:
        bodies = [*bodies, Body(vendor, seeded(rest - 4, "filler", sa, sender))]
    return bodies


def _lengths(message: Message, encrypted: Encrypted) -> tuple[int, ...]:
    """Return the IKE length of each message: as said, or full fragments and a shorter last one."""
    if not encrypted.total:
        return (message.length or LENGTHS.get(message.exchange, OTHER),)
    count = len(encrypted.numbers)
    if encrypted.lengths:
        if message.length is not None and sum(encrypted.lengths) != message.length:
            raise UsageError(f"{message.exchange}: SKF lengths add up to {sum(encrypted.lengths)}")
        return encrypted.lengths
    if message.length is None:
        return tuple(LAST if number == encrypted.total else FULL for number in encrypted.numbers)
    full = -(-message.length // count)
    return (full,) * (count - 1) + (message.length - full * (count - 1),)


def _usual_inner(message: Message) -> str:
    if message.exchange == "IKE_AUTH":
        return "IDi" if message.direction == "request" else "IDr"
    return _FIRST_INNER.get(message.exchange, "")


def _payload_number(name: str) -> int:
    """Return the number of an inner payload: a name, a number, or empty for none."""
    if not name or name.isdecimal():
        return min(int(name or 0), 255)
    if name not in PAYLOADS:
        raise UsageError(f"SK{{{name}}}: no such payload")
    return PAYLOADS[name]
