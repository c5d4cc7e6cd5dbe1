"""The vocabulary of the ladder notation: one table that reads and writes every ``key value`` word.

Each :class:`Word` knows how to take its value from a line and how to write it back, so that reading and printing cannot
drift apart. :mod:`analyzer.report.ladder.notation` puts the words together into lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from analyzer.report.ladder.model import Arp, Dns, Esp, Icmp, Keepalive, Tcp, Udp
from analyzer.report.ladder.values import (
    Line,
    address,
    flag,
    hexadecimal,
    instant,
    integer,
    ip_fragments,
    name,
    numbers,
    one_of,
    quoted,
    seconds,
    write_instant,
    write_numbers,
    write_seconds,
    write_sizes,
)

EXCHANGES = (
    "IKE_SA_INIT",
    "IKE_AUTH",
    "CREATE_CHILD_SA",
    "INFORMATIONAL",
    "IKE_SESSION_RESUME",
    "IKE_INTERMEDIATE",
    "IKE_FOLLOWUP_KE",
    "GSA_AUTH",
    "GSA_REGISTRATION",
    "GSA_REKEY",
    "GSA_INBAND_REKEY",
)
IKEV1_EXCHANGES = ("Main Mode", "Aggressive Mode", "Quick Mode", "Informational", "Transaction")
DIRECTIONS = ("request", "response")
OUTCOMES = ("answered", "unanswered", "superseded", "response-only", "open-at-end")
TCP_FLAGS = ("SYN", "SYN-ACK", "ACK", "FIN", "RST", "data")
ICMP_NAMES = (
    "net-unreachable",
    "host-unreachable",
    "protocol-unreachable",
    "port-unreachable",
    "fragmentation-needed",
    "packet-too-big",
    "admin-prohibited",
    "ttl-exceeded",
    "reassembly-timeout",
    "parameter-problem",
    "echo-request",
    "echo-reply",
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the notation, the attribute that it fills, and how its value is read and written."""

    key: str
    attribute: str
    read: Callable[[Line], Any]
    write: Callable[[Any], str] = str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of step that is not IKE: its class, the attributes that come first in fixed order, then its words."""

    make: type[Any]
    first: tuple[Word, ...]
    words: tuple[Word, ...]


def read_word(word: Word, line: Line, values: dict[str, Any]) -> None:
    """Take the value of ``word``, whose key was taken, into ``values``; each word is said once."""
    if word.attribute in values:
        line.fail(f"{word.key or word.attribute} is said twice")
    values[word.attribute] = word.read(line)


def phrases(value: Any, words: Sequence[Word]) -> list[str]:
    """Write those words of ``value`` whose attribute differs from its default."""
    defaults = {field.name: field.default for field in fields(value)}
    written = []
    for word in words:
        attribute = getattr(value, word.attribute)
        if attribute != defaults[word.attribute]:
            written.append(word.key if attribute is True else f"{word.key} {word.write(attribute)}")
    return written


_COUNT = Word("count", "count", integer)
_SIZE = Word("size", "size", integer)
_EVERY = Word("every", "every", seconds, write_seconds)
_MTU = Word("mtu", "mtu", integer)

HOST_WORDS = (Word("nat", "nat", address), _MTU, Word("os", "os", one_of("linux", "windows")))

OPTION_WORDS = (
    Word("at", "at", name),
    Word("start", "start", instant, write_instant),
    Word("link", "link", one_of("ethernet", "raw", "sll", "null")),
    Word("vlan", "vlan", integer),
    Word("snaplen", "snaplen", integer),
    Word("filter", "filter", quoted, lambda text: f'"{text}"'),
    Word("starts-late", "starts_late", seconds, write_seconds),
    Word("stops", "stops", seconds, write_seconds),
)

MESSAGE_WORDS = (
    Word("sa", "sa", integer),
    Word("mid", "mid", integer),
    Word("ip-fragments", "ip_fragments", ip_fragments, lambda pieces: f"{pieces.count}{write_sizes(pieces.sizes)}"),
    Word("lost", "lost", numbers, write_numbers),
    Word("order", "order", numbers, write_numbers),
    Word("tcp", "tcp", flag),
)

STEP_WORDS = (Word("dup", "duplicated", flag), Word("dropped", "dropped", flag))

KINDS = {
    "ESP": Kind(Esp, (), (Word("spi", "spi", hexadecimal, lambda spi: f"0x{spi:08x}"), _COUNT, _SIZE, _EVERY)),
    "keepalive": Kind(Keepalive, (), (_COUNT, _EVERY)),
    "ICMP": Kind(
        Icmp,
        (Word("", "name", one_of(*ICMP_NAMES)),),
        (_MTU, Word("quoting", "quoting", seconds, write_seconds), _SIZE, Word("df", "df", flag)),
    ),
    "TCP": Kind(Tcp, (Word("", "flags", one_of(*TCP_FLAGS)),), (Word("mss", "mss", integer), _COUNT, _SIZE, _EVERY)),
    "UDP": Kind(Udp, (), (_COUNT, _SIZE, _EVERY)),
    "DNS": Kind(
        Dns,
        (Word("", "direction", one_of("query", "response")), Word("", "name", name)),
        (Word("answer", "answer", address), Word("rcode", "rcode", one_of("NXDOMAIN", "SERVFAIL", "REFUSED"))),
    ),
    "ARP": Kind(Arp, (Word("", "direction", one_of("request", "reply")),), ()),
}
