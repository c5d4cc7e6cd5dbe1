"""The ladder notation: a conversation as text that reports print and tests read.

::

    C = 10.0.0.2   S = 203.0.113.7   mtu 1460

    +0.000  C:500  > S:500   IKE_SA_INIT  request    880  N(NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP)
    +0.033  C:500  < S:500   IKE_SA_INIT  response   308  N(NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP)
    +0.075  C:4500 > S:4500  IKE_AUTH     request   3468  SK  ip-fragments 3  x3 at +1.000 +2.000  unanswered

One line is one step; steps may be written in any order of time. Empty lines and lines that begin with ``#`` say
nothing; one that begins with ``|`` goes on with the line before it. Words are separated by spaces; only ``()``, ``{}``
and ``""`` hold spaces inside. An unknown word is an error.

Grammar ([] optional, {} repeated, capitals explained below)::

    ladder    = {header} {step}
    header    = one or more on a line of:
                NAME = ADDRESS [(  [nat ADDRESS] [mtu N] [os linux|windows]  )]
                mtu N                           of every host that names none
                sa N spi HEX16 [HEX16]          SPIs of IKE SA number N: initiator's, responder's
                at NAME                         the host where the packets were captured
                start UTC                       wall-clock time of +0.000, as 2024-05-13T08:15:02Z
                link ethernet|raw|sll|null      vlan N      snaplen N      filter "TEXT"
                starts-late TIME                stops TIME
    step      = TIME NAME[:PORT] >|< NAME[:PORT]  what  [xN at {TIME}] [dup] [dropped] [OUTCOME] [#FRAMES]
    what      = message | traffic

    message   = EXCHANGE request|response [LENGTH] {payload} [protected]
                [sa N] [mid N] [ip-fragments N [(SIZE ...)]] [lost NUMBERS] [order NUMBERS] [tcp]
    payload   = SA[(SUITE ...)] | KE[(GROUP)] | No[(BYTES)] | N(notify ...) | V(VENDOR ...) | CERTREQ[(CAS)]
    notify    = (NAME | notify NUMBER) [NUMBER | 0xHEX]       NAME as in the RFC, or short as in strongSwan's log
    protected = SK[{TYPE}] | SKF[{TYPE}] NUMBERS/TOTAL [(LENGTH ...)]

    traffic   = ESP spi 0xHEX [count N] [size N] [every TIME]        with ports: in UDP; without: IP protocol 50
              | keepalive [count N] [every TIME]
              | ICMP NAME [mtu N] [quoting TIME] [size N] [df]       NAME as port-unreachable, fragmentation-needed
              | TCP SYN|SYN-ACK|ACK|FIN|RST|data [mss N] [count N] [size N] [every TIME]
              | UDP [count N] [size N] [every TIME]
              | DNS query|response DOMAIN [answer ADDRESS] [rcode NXDOMAIN|SERVFAIL|REFUSED]
              | ARP request|reply

- TIME is signed seconds from the ladder's zero, ``+0.075``, up to nanoseconds. The times after ``xN at`` count from the
  step's own first sending, so ``x3 at +1.000 +2.000`` is three sendings of the same bytes.
- EXCHANGE is the RFC's name, ``exchange 240`` for one without a name, or ``IKEv1 Main Mode`` and its like (where
  request and response stand for initiator and responder).
- Short names of notifies: NATD_S_IP, NATD_D_IP, FRAG_SUP, HASH_ALG, REDIR_SUP, CHDLESS_SUP, MULT_AUTH and IKE_INT_SUP
  (:mod:`analyzer.report.ladder.names`); every other notify has the RFC's name alone.
- LENGTH is that of the IKE header; of a set of SKF fragments the sum. SIZE is the length of an IP packet.
- ``SK{IDi}``: the clear type of the first inner payload; ``SK{}`` none. ``SKF 1-3/3``: fragments 1, 2 and 3 of 3,
  sent together; ``SKF 1,3/3``: the capture lacks the second.
- ``ip-fragments 3 lost 2,3``: cut into three, of which the capture lacks two. ``order 3,1,2``: in this order.
- ``dup``: the capture holds each packet twice. ``dropped``: the capturing host recorded that it dropped each of them.
- OUTCOME is answered, unanswered, superseded, response-only or open-at-end; FRAMES are frame numbers, ``#4,7-9``.
  Both are what an analysis adds.
- NUMBERS are ``2,3,7-9``; of FRAMES the list may go on behind a comma and a space, as a folded line has it.

``parse(render(x)) == x`` for every ladder that obeys the grammar, printed with short names or without, and
``render(parse(text))`` is the tidy form of ``text``: hosts in the order of their declaration, the first on the left of
each step, the RFC's names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from analyzer.report.ladder.model import Host, Ladder, Options, Sa, Step
from analyzer.report.ladder.names import briefly
from analyzer.report.ladder.step import align, read_step, write_step
from analyzer.report.ladder.values import Line, address, integer
from analyzer.report.ladder.words import HOST_WORDS, OPTION_WORDS, Word, phrases, read_word

_HOST_NAME = r"[A-Za-z][A-Za-z0-9_-]*"
_TIME = re.compile(r"[+-]\d")


def parse(text: str) -> Ladder:
    """Read a ladder.

    Parameters
    ----------
    text : str
        A ladder in the notation of this module.

    Returns
    -------
    Ladder

    Raises
    ------
    analyzer.errors.UsageError
        The text is not a ladder; the message names the line.

    Examples
    --------
    >>> ladder = parse('''
    ... C = 10.0.0.2  S = 203.0.113.7  mtu 1460
    ... +0.075  C:4500 > S:4500  IKE_AUTH request 3468  SK  ip-fragments 3  x3 at +1.000 +2.000  unanswered
    ... ''')
    >>> ladder.steps[0].what.length, ladder.steps[0].repeats
    (3468, (1000000000, 2000000000))
    """
    hosts: dict[str, Host] = {}
    sas: dict[int, Sa] = {}
    header: dict[str, Any] = {}
    steps: list[Step] = []
    for number, content in _lines(text):
        line = Line(content, number)
        if _TIME.match(content):
            steps.append(read_step(line, hosts))
        elif steps:
            line.fail(f"{line.peek()!r}: hosts and options come before the first step")
        else:
            _read_header(line, hosts, sas, header)
    mtu = header.pop("mtu", None)
    return Ladder(tuple(hosts.values()), tuple(steps), mtu, tuple(sas.values()), Options(**header))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line that says something with its number, what goes on with it joined to it."""
    begun: tuple[int, str] | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        content = raw.strip()
        if content.startswith("|") and begun is not None:
            begun = begun[0], f"{begun[1]} {content[1:].strip()}"
        elif content and not content.startswith("#"):
            if begun is not None:
                yield begun
            begun = number, content
    if begun is not None:
        yield begun


def render(ladder: Ladder, *, brief: bool = False, width: int | None = None) -> str:
    """Write a ladder; :func:`parse` reads it back.

    Parameters
    ----------
    ladder : Ladder
        Its texts (names, addresses, vendor IDs) must obey the grammar: what came from a capture is escaped before.
    brief : bool
        Write well-known notifies by their short names, and SPIs and start on one line: for a screen.
    width : int, optional
        Fold lines that are longer (a word that is longer by itself stays whole).

    Returns
    -------
    str
        Lines, each ended by a newline.

    Examples
    --------
    >>> ladder = parse("C = 10.0.0.2 S = 203.0.113.7\\n+0 S:500 > C:500 IKE_SA_INIT response 36 N(COOKIE)")
    >>> print(render(ladder), end="")
    C = 10.0.0.2   S = 203.0.113.7
    <BLANKLINE>
    +0.000  C:500 < S:500  IKE_SA_INIT  response  36  N(COOKIE)
    """
    header = [_host(host) for host in ladder.hosts] + ([f"mtu {ladder.mtu}"] if ladder.mtu is not None else [])
    sas = [f"sa {sa.number} spi {sa.spi_i} {sa.spi_r}".rstrip() for sa in ladder.sas]
    options = phrases(ladder.options, OPTION_WORDS)
    lines = ["   ".join(header), *(["   ".join([*sas, *options])] if brief else [*sas, "   ".join(options)])]
    lines = [line for line in lines if line]
    if ladder.steps:
        names = [host.name for host in ladder.hosts]
        steps = map(briefly, ladder.steps) if brief else ladder.steps
        lines += [""] * bool(lines) + align([write_step(step, names) for step in steps])
    if width is not None:
        lines = [part for line in lines for part in _folded(line, width)]
    return "".join(f"{line}\n" for line in lines)


#: How far what goes on with a line stands behind its beginning.
_BEHIND = " " * 8 + "| "
#: Between the runs of a list of frames, which may be long.
_RUN = re.compile(r"(?<=\d),(?=\d)")


def _folded(line: str, width: int) -> Iterator[str]:
    """A line as several, none longer than the width where its words allow it.

    >>> print("\\n".join(_folded("+0.078  C:4500 > S:4500  IKE_AUTH  request  unanswered  #21-23,27-29,33-35", 50)))
    +0.078  C:4500 > S:4500  IKE_AUTH  request
            | unanswered  #21-23, 27-29, 33-35
    """
    if len(line) <= width:
        yield line
        return
    head, mark, frames = line.partition("  #")
    words = re.findall(r"\S+ *", f"{head}{mark}{_RUN.sub(', ', frames)}")
    so_far = ""
    for word in words:
        if so_far.strip("| ") and len(f"{so_far}{word.rstrip()}") > width:
            yield so_far.rstrip()
            so_far = _BEHIND
        so_far += word
    yield so_far.rstrip()


def _host(host: Host) -> str:
    words = " ".join(phrases(host, HOST_WORDS))
    return f"{host.name} = {host.address}" + (f" ({words})" if words else "")


def _read_header(line: Line, hosts: dict[str, Host], sas: dict[int, Sa], header: dict[str, Any]) -> None:
    options = {word.key: word for word in OPTION_WORDS} | {"mtu": Word("mtu", "mtu", integer)}
    while line:
        key = line.take("a host or an option")
        if line.peek() == "=":
            line.take("=")
            if not re.fullmatch(_HOST_NAME, key) or key in hosts:
                line.fail(f"{key!r} is no new name for a host")
            hosts[key] = _read_host(key, line)
        elif key == "sa":
            sa = _read_sa(line)
            if sa.number in sas:
                line.fail(f"sa {sa.number} is said twice")
            sas[sa.number] = sa
        elif key in options:
            read_word(options[key], line, header)
            if key == "at" and header["at"] not in hosts:
                line.fail(f"at {header['at']}: no host of this name is declared before")
        else:
            line.fail(f"{key!r} is neither a host nor an option")


def _read_host(name: str, line: Line) -> Host:
    own = address(line)
    values: dict[str, Any] = {}
    if line.peek().startswith("("):
        inside = Line(line.take("")[1:-1], line.number)
        words = {word.key: word for word in HOST_WORDS}
        while inside:
            key = inside.take("")
            if key not in words:
                inside.fail(f"{key!r} says nothing about a host")
            read_word(words[key], inside, values)
    return Host(name, own, **values)


def _read_sa(line: Line) -> Sa:
    number = integer(line)
    spi = r"[0-9a-f]{16}"
    if line.take("spi") != "spi" or not re.fullmatch(spi, line.peek()):
        line.fail("an IKE SA is 'sa N spi' and 16 hex digits, or twice 16")
    spi_i = line.take("an SPI")
    return Sa(number, spi_i, line.take("an SPI") if re.fullmatch(spi, line.peek()) else "")
