"""What a strongSwan daemon's log says that it sent and received, and how its IKE SAs fared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_LINE = re.compile(r"^(?P<time>[\d:.]+) (?P<thread>\d+)\[(?P<group>\w+)\] (?P<text>.*)$")
_MESSAGE = re.compile(
    r"^(?P<act>generating|parsed) (?P<exchange>\w+) (?P<kind>request|response) (?P<mid>\d+) \[(?P<payloads>.*)\]"
)
_PACKET = re.compile(
    r"^(?P<act>sending|received) packet: from \S+\[(?P<sport>\d+)\] to \S+\[\d+\] \((?P<size>\d+) bytes\)"
)
_RETRANSMIT = re.compile(r"^retransmit \d+ of request with message ID (\d+)")
_REPEATED = re.compile(r"^received retransmit of request with ID (\d+)")
_FRAGMENT = re.compile(r"EF\((\d+)/(\d+)\)")
_SPIS = re.compile(r"SPIs ([0-9a-f]{16})_i ([0-9a-f]{16})_r")


@dataclass(slots=True)
class Message:
    """One IKE message, as one end saw it.

    Attributes
    ----------
    sent : bool
        Sent by this end (else received).
    exchange, kind, message_id, payloads
        As the log prints them.
    port : int
        The sender's port.
    sizes : dict of int to int
        Number of each part and its IKE length in bytes; one part, unless it was sent as SKF messages.
    skf_total : int
        Number of SKF messages that carry it, arrived or not; 0 when it went whole.
    attempts : int
        Times that it was sent or received.
    """

    sent: bool
    exchange: str
    kind: str
    message_id: int
    payloads: list[str]
    port: int = 0
    sizes: dict[int, int] = field(default_factory=dict)
    skf_total: int = 0
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Story:
    """All that one end's log tells; ``established`` and ``children`` count IKE SAs and CHILD_SAs that came up."""

    messages: list[Message]
    spis: list[tuple[str, str]]
    established: int
    children: int
    telling: list[str]


#: Lines worth keeping beside a capture: they say why.
_TELLING = re.compile(
    r"established|failed|giving up|no proposal|NO_PROP|INVAL_KE|COOKIE|AUTH_FAILED|retransmit \d|error|"
    r"splitting|reassembled fragmented|no trusted|constraint check|EAP.*(fail|succ)|deleting|deleted|"
    r"received [A-Z_]+ notify|unreachable|behind NAT|peer didn't|not acceptable|MAC mismatched|updat",
    re.IGNORECASE,
)
_MOST_TELLING = 10


def read(log: Iterable[str]) -> Story:
    """Read a log.

    Parameters
    ----------
    log : iterable of str
        Lines with time, thread and group, at level 1 (``mgr`` at 2: it names the SPIs).

    Returns
    -------
    Story

    Examples
    --------
    >>> story = read([
    ...     "08:00:00.000 12[ENC] generating IKE_SA_INIT request 0 [ SA KE No N(FRAG_SUP) ]",
    ...     "08:00:00.001 12[NET] sending packet: from 192.0.2.10[500] to 203.0.113.10[500] (296 bytes)",
    ... ])
    >>> story.messages[0].payloads, story.messages[0].sizes
    (['SA', 'KE', 'No', 'N(FRAG_SUP)'], {1: 296})
    """
    threads: dict[str, _Thread] = {}
    messages: list[Message] = []
    spis: dict[str, str] = {}
    established, children = 0, 0
    telling: list[str] = []
    for line in log:
        parts = _LINE.match(line)
        if parts is None:
            continue
        text = parts["text"]
        threads.setdefault(parts["thread"], _Thread(messages)).hear(text)
        if found := _SPIS.search(text):
            spis[found[1]] = found[2] if int(found[2], 16) else spis.get(found[1], found[2])
        established += bool(re.match(r"IKE_SA \S+ established between", text))
        children += bool(re.match(r"CHILD_SA \S+ established with", text))
        if _TELLING.search(text) and parts["group"] not in ("MGR", "CFG", "LIB") and text not in telling[-3:]:
            telling.append(text)
    if len(telling) > _MOST_TELLING:
        telling = telling[: _MOST_TELLING // 2] + ["..."] + telling[-_MOST_TELLING // 2 :]
    return Story(messages, list(spis.items()), established, children, telling)


@dataclass(slots=True)
class _Thread:
    """One thread of the daemon works on one message at a time."""

    messages: list[Message]
    sending: Message | None = None
    arrived: int = 0
    port: int = 0

    def hear(self, text: str) -> None:
        if packet := _PACKET.match(text):
            if packet["act"] == "sending":
                self._sent(int(packet["size"]), int(packet["sport"]))
            else:
                self.arrived, self.port, self.sending = int(packet["size"]), int(packet["sport"]), None
        elif message := _MESSAGE.match(text):
            self._message(message)
        elif again := _RETRANSMIT.match(text):
            self._again("request", int(again[1]), sent=True)
        elif again := _REPEATED.match(text):
            self._again("request", int(again[1]), sent=False)
            self._again("response", int(again[1]), sent=True)

    def _sent(self, size: int, port: int) -> None:
        if self.sending is not None:
            self.sending.sizes[len(self.sending.sizes) + 1] = size
            self.sending.skf_total = len(self.sending.sizes) if len(self.sending.sizes) > 1 else 0
            self.sending.port = port

    def _again(self, kind: str, message_id: int, *, sent: bool) -> None:
        self.sending = None
        for message in reversed(self.messages):
            if (message.sent, message.kind, message.message_id) == (sent, kind, message_id):
                message.attempts += 1
                return

    def _message(self, found: re.Match[str]) -> None:
        payloads = found["payloads"].split()
        part = _FRAGMENT.search(found["payloads"])
        sent = found["act"] == "generating"
        key = (sent, found["exchange"], found["kind"], int(found["mid"]))
        if part and sent:
            return
        if part:
            self._part(key, int(part[1]), int(part[2]), payloads)
            return
        if not sent and (last := self._open(key)):
            last.payloads = payloads
            return
        message = Message(*key, payloads, 0 if sent else self.port, {} if sent else {1: self.arrived})
        self.messages.append(message)
        self.sending = message if sent else None

    def _part(self, key: tuple[bool, str, str, int], number: int, total: int, payloads: list[str]) -> None:
        """Note an SKF message that arrived; another thread may have seen the one before."""
        if (last := self._open(key)) is None:
            self.messages.append(last := Message(*key, payloads, self.port, skf_total=total))
        if number == min(last.sizes, default=0):
            last.attempts += 1
        last.sizes[number] = self.arrived

    def _open(self, key: tuple[bool, str, str, int]) -> Message | None:
        """Return the received message of which parts are held, when the whole has not been read."""
        for message in reversed(self.messages):
            if (message.sent, message.exchange, message.kind, message.message_id) == key:
                return message if any(p.startswith("EF(") for p in message.payloads) else None
        return None
