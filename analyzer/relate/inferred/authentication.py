"""IKE_AUTH of one IKE SA as it looks from outside the encryption: rounds, sizes, first inner payloads.

What an answer says is encrypted. Its length, the cipher suite (in the clear in IKE_SA_INIT) and the type of its first
inner payload say how many bytes it can hold, and that is often enough to tell a refusal from a success
(docs/domain/encrypted-messages.md). Every conclusion from it is an inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from analyzer.cached_property import cached_property
from analyzer.ike.registry import numbers
from analyzer.protocol import IKE_HEADER
from analyzer.relate.inferred.cipher_suite import SK_HEADER, CipherSuite, agreed_suite, chosen_algorithms
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.message import Message

#: What an answer to IKE_AUTH looks like. ``refusal``: one or two notifies and nothing else. ``eap``: an EAP round.
#: ``eap-result``: EAP with room for nothing but Success or Failure. ``grant``: the shape of success.
#: ``without-child``: identity and AUTH, but no room for the payloads of a Child SA.
AuthAnswer = Literal["missing", "refusal", "eap", "eap-result", "grant", "without-child", "other"]

#: With one or two short notifies a message is at most this long in any suite (docs/domain/encrypted-messages.md no. 2).
SHORT_ANSWER = 112
#: Whatever the suite, a longer message has room for a Child SA: 161 bytes of payloads, AES-CBC, HMAC_SHA2_512_256.
LONG_ANSWER = 256
#: First inner payloads of an answer that grants; some gateways begin with a vendor ID.
GRANTING = (numbers.IDR, numbers.AUTH, numbers.V)

#: Payload bytes: one without data (a notify, EAP Success); two of them, padded to a block of 16, end below the third.
_ONE, _TWO = 8, 31
#: The least that an answer with a Child SA holds beside AUTH: SA with one proposal, TSi and TSr for IPv4 addresses.
_CHILD = 32 + 24 + 24
_LEAST_IDR, _AUTH_HEADER = 9, 8
#: Two notifies for NAT detection, 28 bytes each: checks and updates of MOBIKE carry them (RFC 4555 section 3.5).
_NAT_DETECTION = 56
#: Output of a PRF, bytes: the AUTH data of a pre-shared key.
_PRF_LENGTHS = {
    numbers.PRF_HMAC_MD5: 16,
    numbers.PRF_HMAC_SHA1: 20,
    numbers.PRF_AES128_XCBC: 16,
    numbers.PRF_HMAC_SHA2_256: 32,
    numbers.PRF_HMAC_SHA2_384: 48,
    numbers.PRF_HMAC_SHA2_512: 64,
    numbers.PRF_AES128_CMAC: 16,
}
_LEAST_PRF = min(_PRF_LENGTHS.values())

#: Who deletes Child SAs and the IKE SA one by one does so within this, ns; who takes a Child SA down at once, too.
AT_ONCE = 2_000_000_000


class Authentication:
    """The IKE_AUTH rounds of an IKE SA.

    Parameters
    ----------
    exchanges : sequence of Exchange
        All of one IKE SA.
    messages : sequence of Message
        Likewise; the cipher suite is looked up in them when a size is in question.

    Attributes
    ----------
    rounds : tuple of Exchange
        IKE_AUTH exchanges of the initiator; more than one with EAP (RFC 7296 section 2.16).
    later : tuple of Exchange
        CREATE_CHILD_SA and INFORMATIONAL exchanges of both sides.
    """

    def __init__(self, exchanges: Sequence[Exchange], messages: Sequence[Message]) -> None:
        self._messages = messages
        self.rounds = tuple([e for e in exchanges if e.exchange == numbers.IKE_AUTH and e.sender == "initiator"])
        self.later = tuple([e for e in exchanges if e.exchange in (numbers.CREATE_CHILD_SA, numbers.INFORMATIONAL)])

    @cached_property
    def cipher_suite(self) -> CipherSuite | None:
        """Cipher suite of the IKE SA; None when the trace does not show it."""
        return agreed_suite(self._messages)

    @cached_property
    def _prf(self) -> int:
        """Bytes of a pre-shared key's AUTH data; signatures are no shorter."""
        return _prf_length(self._messages)

    @property
    def last(self) -> Exchange | None:
        """The last round."""
        return self.rounds[-1] if self.rounds else None

    @property
    def answered_at(self) -> int | None:
        """Time of the first whole answer to the last round, ns."""
        whole = [a.time for a in self.rounds[-1].responses if a.complete] if self.rounds else []
        return whole[0] if whole else None

    @property
    def uses_eap(self) -> bool:
        """A message of either side begins with an EAP payload (the first answer begins with IDr all the same)."""
        return any(
            attempt is not None and attempt.inner_payload == numbers.EAP
            for e in self.rounds
            for attempt in (e.request, e.response)
        )

    @cached_property
    def outcome(self) -> AuthAnswer:
        """What the answer to the last round looks like."""
        return self.answer(self.rounds[-1]) if self.rounds else "missing"

    def answer(self, exchange: Exchange) -> AuthAnswer:
        """What the answer to one round looks like."""
        response = exchange.response
        if response is None or not response.complete:
            return "missing"
        inner, length = response.inner_payload, response.length
        if inner in GRANTING:
            return self._grant(inner, length, whole=not response.skf_total)
        if response.skf_total:
            return "eap" if inner == numbers.EAP else "other"
        if inner == numbers.N:
            return "refusal" if self.is_short(length) else "other"
        if inner == numbers.EAP:
            return "eap-result" if self._holds_one(length) else "eap"
        return "other"

    def is_short(self, length: int) -> bool:
        """A message of this length holds two notifies without data at most; true of an empty one too."""
        return self.cipher_suite.content(length)[1] <= _TWO if self.cipher_suite is not None else length <= SHORT_ANSWER

    def is_error_notify(self, exchange: Exchange) -> bool:
        """An INFORMATIONAL request that begins with a Notify and is as short as an error."""
        request = exchange.request
        return (
            exchange.exchange == numbers.INFORMATIONAL
            and request is not None
            and request.inner_payload == numbers.N
            and not request.skf_total
            and self.is_short(request.length)
        )

    def is_check(self, exchange: Exchange) -> bool:
        """An INFORMATIONAL request that asks whether the other side is there: empty, or with NAT detection (MOBIKE)."""
        request = exchange.request
        if exchange.exchange != numbers.INFORMATIONAL or request is None or request.skf_total:
            return False
        if request.inner_payload == numbers.N:
            if self.cipher_suite is None:
                return request.length > SHORT_ANSWER
            return self.cipher_suite.content(request.length)[1] >= _NAT_DETECTION
        return request.inner_payload == 0

    def makes_child(self, exchange: Exchange) -> bool:
        """A CREATE_CHILD_SA whose answer is more than a refusal: a notify may go before SA (USE_TRANSPORT_MODE)."""
        response = exchange.response
        if exchange.outcome != "answered" or response is None or response.inner_payload is None:
            return False
        return response.inner_payload != numbers.N or response.skf_total > 0 or not self.is_short(response.length)

    def shows_life(self, exchange: Exchange) -> bool:
        """An answered rekey, liveness check or address update: only an established IKE SA has them."""
        if exchange.outcome != "answered" or not exchange.responses or exchange.request is None:
            return False
        inner = exchange.request.inner_payload
        if exchange.exchange == numbers.INFORMATIONAL and inner == numbers.N:
            return self.is_check(exchange)
        # CREATE_CHILD_SA may begin with N(REKEY_SA).
        return inner not in (None, numbers.D) and (inner != numbers.N or exchange.exchange == numbers.CREATE_CHILD_SA)

    @cached_property
    def is_alive(self) -> bool:
        """Something after IKE_AUTH that only an established IKE SA has."""
        return any(self.shows_life(e) for e in self.later)

    @cached_property
    def deletion(self) -> Exchange | None:
        """The exchange that deleted the IKE SA, as far as can be told: a Delete after which nothing else follows.

        A Delete for a Child SA is answered with one (RFC 7296 section 1.4.1), or the IKE SA is used again later. Of
        several that follow each other at once it is the first: some products delete Child SAs and IKE SA one by one.
        """
        found: Exchange | None = None
        for e in reversed(self.later):
            if not _is_delete(e) or _is_answered_with_delete(e):
                break
            if found is not None and found.requests[0].time - e.requests[0].time > AT_ONCE:
                break
            found = e
        return found

    @cached_property
    def child_deletion(self) -> Exchange | None:
        """The first Delete for a Child SA: answered with one, or the IKE SA is used on. None without such."""
        for e in self.later:
            if e is self.deletion:
                return None
            if _is_delete(e):
                return e
        return None

    @cached_property
    def rejection(self) -> Exchange | None:
        """A short Notify of the initiator after what IKE_AUTH had granted, as a client sends that rejects it.

        None where the IKE SA was used before, or goes on: who rejects destroys it at once and neither asks nor answers
        any more (RFC 7296 section 2.21.2), and there is nothing to say back to it. A Delete tells no rejection from a
        hang-up.
        """
        answered = self.answered_at
        if answered is None or self.is_alive or self.outcome not in ("grant", "without-child"):
            return None
        for e in self.later:
            if e.sender == "initiator" and self.is_error_notify(e) and e.requests[0].time >= answered:
                says_back = e.response is not None and bool(e.response.inner_payload)
                return e if not says_back and not self._goes_on_after(e) else None
        return None

    def _goes_on_after(self, exchange: Exchange) -> bool:
        """The initiator asks for something else behind this request of it, or answers something."""
        behind = exchange.requests[0].messages[-1].row
        said = [
            a for e in self.later if e is not exchange for a in (e.requests if e.sender == "initiator" else e.responses)
        ]
        return any(a.messages[0].row > behind for a in said)

    def least_grant(self, inner: int | None) -> int:
        """IKE length from which an answer that begins with this payload has room for a Child SA; at most 256 bytes."""
        return self._least(inner, _CHILD)

    def _least(self, inner: int | None, beside: int) -> int:
        """IKE length of identity, AUTH and so many bytes beside them, without padding."""
        if self.cipher_suite is None:
            return SHORT_ANSWER + 1
        identity = 0 if inner == numbers.AUTH else _LEAST_IDR
        content = identity + _AUTH_HEADER + self._prf + beside
        return IKE_HEADER + SK_HEADER + self.cipher_suite.iv + content + 1 + self.cipher_suite.icv

    def _grant(self, inner: int | None, length: int, *, whole: bool) -> AuthAnswer:
        if not whole or length > LONG_ANSWER or length >= self.least_grant(inner):
            return "grant"
        return "without-child" if self.cipher_suite is not None and length >= self._least(inner, _ONE) else "other"

    def _holds_one(self, length: int) -> bool:
        """A message of this length can hold one payload of 8 bytes and no second one."""
        if self.cipher_suite is None:
            return False
        fewest, most = self.cipher_suite.content(length)
        return fewest <= _ONE <= most < 2 * _ONE


def _is_delete(exchange: Exchange) -> bool:
    request = exchange.request
    return exchange.exchange == numbers.INFORMATIONAL and request is not None and request.inner_payload == numbers.D


def _is_answered_with_delete(exchange: Exchange) -> bool:
    return exchange.response is not None and exchange.response.inner_payload == numbers.D


def _prf_length(messages: Sequence[Message]) -> int:
    """Output of the chosen PRF, bytes; the shortest of all when the trace does not show it."""
    prf = [a.id for a in chosen_algorithms(messages) if a.type == numbers.TRANSFORM_PRF]
    return _PRF_LENGTHS.get(prf[0], _LEAST_PRF) if len(prf) == 1 else _LEAST_PRF
