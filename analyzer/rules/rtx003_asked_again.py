"""The answer reaches the client's host, and the client asks again as if it had none.

What it means
    Between the client's network card and its IKE service the answer is dropped: a host firewall, a second VPN client or
    filter driver, a limit of the service (the number of IKE fragments). Where the answer comes in IP fragments, it is
    mostly the host's own firewall, which passes no fragments.
Seen as
    In a trace taken at the client, an IKE_AUTH answer that is there whole, and the same request twice more after it.
Not to be confused with
    An answer of which a part is missing (FRG002, FRG009). The same seen at the server, where the answer is only seen to
    leave (FRG002, NET002). A client that does not accept the answer has read it and does not ask again (AUT002).
    IKE_SA_INIT (AUT006).
Certain when
    The client's host records the drop (NET014). Without that it is an inference.
References
    RFC 7296 section 2.1; docs/domain/retransmission.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames, init_frames, pieces, times


def check(sa: IkeSa) -> Iterator[Observation]:
    """The last IKE_AUTH exchange, seen at the client."""
    authentication = sa.authentication
    last = authentication.last
    if last is None or not is_repeated_after_answer(last) or sa.side != "initiator":
        return
    if authentication.later or sa.esp_i_to_r or sa.esp_r_to_i:
        return
    response = last.response
    if response is None or not response.complete or response.inner_payload is None:
        return
    # Another node's answer is none to the client (NET010).
    if response.messages[0].src == sa.responder:
        yield _asked_on(sa, last)


def _asked_on(sa: IkeSa, last: Exchange) -> Observation:
    response = last.response
    assert response is not None
    again = sum(a.time > last.responses[0].time for a in last.requests)
    cut = response.is_ip_fragmented
    suspect = "its own firewall drops IP fragments" if cut else "its own host drops the answer"
    return Observation(
        title=(
            f"The server's whole answer to IKE_AUTH ({response.length:,} bytes, {pieces(response)}) reached the "
            f"client's host, and the client sent the same request {times(again)} more: {suspect}, most likely."
        ),
        detail=(
            "A client repeats a request only as long as it has no answer (RFC 7296 section 2.1); one that does not "
            "accept the answer has read it and asks no more. Look at the host's firewall, a second VPN client, filter "
            f"drivers{', and at how many IKE fragments the client holds' if response.skf_total else ''}."
        ),
        frames=frames(init_frames(sa), last.frames),
        # A set of IKE fragments may be more than the client holds (FRG010).
        confidence=Confidence.POSSIBLE if response.skf_total else Confidence.PROBABLE,
    )


RULE = Rule(
    code="RTX003",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.AUTH_ANSWER,
    ceiling=Confidence.PROBABLE,
    remedies=("host-firewall",),
)
