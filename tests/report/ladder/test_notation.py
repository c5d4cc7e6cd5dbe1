"""The ladder notation: print -> parse -> print loses nothing, and a user's slip names its line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer.report.ladder.notation
from analyzer.errors import UsageError
from analyzer.ike.registry import number
from analyzer.report.ladder.model import (
    Arp,
    Dns,
    Encrypted,
    Esp,
    Host,
    Icmp,
    IpFragments,
    Keepalive,
    Ladder,
    Message,
    Options,
    Payload,
    Sa,
    Step,
    Tcp,
    Udp,
)
from analyzer.report.ladder.names import rfc_name
from analyzer.report.ladder.notation import parse, render
from analyzer.report.ladder.words import EXCHANGES, ICMP_NAMES, IKEV1_EXCHANGES, OUTCOMES, TCP_FLAGS

SECOND = 10**9

# A sketch written by hand, spaces and all.
SKETCH = """\
C = 10.0.0.2   S = 203.0.113.7   mtu 1460
+0.000  C:500  > S:500   IKE_SA_INIT  request   880   N(NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP)
+0.033  C:500  < S:500   IKE_SA_INIT  response  308   N(NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP)
+0.075  C:4500 > S:4500  IKE_AUTH     request   3468  SK  ip-fragments 3   x3 at +1.000 +2.000   unanswered
"""


def test_sketch_of_the_design() -> None:
    ladder = parse(SKETCH)
    assert ladder.hosts == (Host("C", "10.0.0.2"), Host("S", "203.0.113.7"))
    assert ladder.mtu == 1460
    assert ladder.steps[1].sender == "S"
    assert ladder.steps[2] == Step(
        75_000_000,
        "C",
        "S",
        Message("IKE_AUTH", "request", 3468, (), Encrypted(), ip_fragments=IpFragments(3)),
        4500,
        4500,
        repeats=(SECOND, 2 * SECOND),
        outcome="unanswered",
    )
    tidy = render(ladder)
    assert [" ".join(line.split()) for line in tidy.splitlines() if line] == [
        " ".join(line.split()) for line in SKETCH.splitlines()
    ]


def test_columns_stand_below_each_other() -> None:
    lines = render(parse(SKETCH)).splitlines()[2:]
    assert {line.index("request") for line in lines if "request" in line} == {lines[1].index("response")}
    assert len({line.index("IKE_") for line in lines}) == 1


WORDS = """\
# a comment
C = 10.0.0.2 (nat 198.51.100.7 mtu 1400 os windows)   S = 2001:db8::7
sa 1 spi 238671c80375a0fb 73d16a42f60ef7f0
at C   start 2024-05-13T08:15:02.5Z   link raw   vlan 10   snaplen 128   filter "udp port 500 or udp port 4500"
starts-late +1.5   stops -0.25
-1.25  C:500 > S:500  IKE_SA_INIT request  SA(aes256-sha256-modp2048 3des-sha1-modp1024)  KE(14)  No(48)  \
N(COOKIE 0x00ff INVALID_KE_PAYLOAD 19 notify 40999 0xab REDIRECT_SUPPORTED)  V(FRAGMENTATION 0x4048)  V  CERTREQ(3)
+1  C:4500 > S:4500  IKE_AUTH request 1488  SKF{IDi} 1,3/3 (580 328)  mid 2  sa 1  dup  #4,7-9
+1  C > S  exchange 240 response SK{}  ip-fragments 3 (1460 1460 620)  lost 2,3  order 3,1,2  tcp
+2  S > C  ICMP fragmentation-needed  mtu 1400  quoting +1.000
+2  C:500 > S:500  IKEv1 Main Mode request 204
+2  C:4500 > S:4500  ESP  spi 0xc0ffee01  count 20  size 140  every +0.020
+2  C:61000 > S:53  DNS response vpn.example.com  rcode NXDOMAIN
"""


def test_every_word() -> None:
    ladder = parse(WORDS)
    assert ladder.hosts[0] == Host("C", "10.0.0.2", "198.51.100.7", 1400, "windows")
    assert ladder.sas == (Sa(1, "238671c80375a0fb", "73d16a42f60ef7f0"),)
    start = 1715588102 * SECOND + SECOND // 2  # date -u -d 2024-05-13T08:15:02 +%s
    text = "udp port 500 or udp port 4500"
    assert ladder.options == Options("C", start, "raw", 10, 128, text, 3 * SECOND // 2, -SECOND // 4)
    init, auth, odd, icmp, v1, esp, dns = (step.what for step in ladder.steps)
    assert ladder.steps[0].time == -1_250_000_000
    assert isinstance(init, Message)
    assert init.contents == (
        Payload("SA", ("aes256-sha256-modp2048", "3des-sha1-modp1024")),
        Payload("KE", ("14",)),
        Payload("No", ("48",)),
        Payload("N", ("COOKIE", "0x00ff")),
        Payload("N", ("INVALID_KE_PAYLOAD", "19")),
        Payload("N", ("notify 40999", "0xab")),
        Payload("N", ("REDIRECT_SUPPORTED",)),
        Payload("V", ("FRAGMENTATION",)),
        Payload("V", ("0x4048",)),
        Payload("V"),
        Payload("CERTREQ", ("3",)),
    )
    assert auth == Message("IKE_AUTH", "request", 1488, (), Encrypted("IDi", (1, 3), 3, (580, 328)), 1, 2)
    assert (ladder.steps[1].duplicated, ladder.steps[1].frames) == (True, (4, 7, 8, 9))
    pieces = IpFragments(3, (1460, 1460, 620))
    assert odd == Message("exchange 240", "response", None, (), Encrypted(""), 1, None, pieces, (2, 3), (3, 1, 2), True)
    assert icmp == Icmp("fragmentation-needed", mtu=1400, quoting=SECOND)
    assert v1 == Message("IKEv1 Main Mode", "request", 204)
    assert esp == Esp(0xC0FFEE01, 20, 140, 20_000_000)
    assert dns == Dns("response", "vpn.example.com", rcode="NXDOMAIN")
    assert parse(render(ladder)) == ladder


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("+0 C:500 > S:500 IKE_SA_INIT request wibble", "'wibble' says nothing"),
        ("+0 C:500 > S:500 IKE_AUHT request", "neither an exchange nor other traffic"),
        ("+0 C:500 > X:500 IKE_AUTH request", "'X:500' is no host"),
        ("+0 C:99999 > S:500 IKE_AUTH request", "no such port"),
        ("+0 C:500 - S:500 IKE_AUTH request", "> or < expected"),
        ("+0 C:500 > S:500 IKE_AUTH", "request or response expected"),
        ("+0 C:500 > S:500 IKE_AUTH reply", "request or response expected"),
        ("+0 C:500 > S:500 IKE_AUTH request SKF 4/3", "count from 1 to the total"),
        ("+0 C:500 > S:500 IKE_AUTH request SKF 0/3", "count from 1 to the total"),
        ("+0 C:500 > S:500 IKE_AUTH request SKF", "SKF fragments"),
        ("+0 C:500 > S:500 IKE_AUTH request SK N(COOKIE)", "clear payloads come before"),
        ("+0 C:500 > S:500 IKE_AUTH request SK SK", "one SK or SKF"),
        ("+0 C:500 > S:500 IKE_AUTH request ip-fragments 3 (1500 1500)", "3 with 2 sizes"),
        ("+0 C:500 > S:500 IKE_AUTH request mid 1 mid 2", "mid is said twice"),
        ("+0 C:500 > S:500 IKE_AUTH request x3 at +1", "a time expected at the end"),
        ("+0 C:500 > S:500 IKE_AUTH request x3 at +2 +1", "in their order"),
        ("+0 C:500 > S:500 IKE_AUTH request N(lower)", "no notify"),
        ("+0 C:500 > S:500 IKE_AUTH request N()", "empty"),
        ("+0 C:500 > S:500 IKE_AUTH request N(COOKIE", "brackets or quotes"),
        ("+0 C:500 > S:500 IKE_AUTH request KE(x)", "does not make sense"),
        ("+0 C:500 > S:500 IKE_AUTH request lost 1-9999999999", "no range of numbers"),
        ("+0 C > S ICMP no-such-thing", "is none of"),
        ("+0 C:1 > S:2 ESP", "ESP needs spi"),
        ("+0 C:1 > S:2 ESP spi 0x1 mss 9", "'mss' says nothing about ESP"),
        ("+0.0x C:1 > S:2 keepalive", "a time such as"),
        ("wibble", "neither a host nor an option"),
        ("mtu many", "a number expected"),
        ("C = 10.0.0.3", "no new name"),
        ("D = 10.0.0.300", "an IP address expected"),
        ("D = 10.0.0.3 (speed 9)", "says nothing about a host"),
        ("at X", "no host of this name"),
        ("sa 1 spi 1234", "16 hex digits"),
        ("start 2024-13-01T00:00:00Z", "a UTC time"),
        ("link token-ring", "is none of"),
        ('filter ""', "text in quotes expected"),
    ],
)
def test_slip_names_its_line(line: str, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(f"C = 10.0.0.2  S = 203.0.113.7\n\n{line}\n")
    assert str(caught.value).startswith("ladder line 3: ")
    assert complaint in str(caught.value)


def test_header_comes_first() -> None:
    with pytest.raises(UsageError, match="line 3: 'mtu': hosts and options come before"):
        parse("C = 10.0.0.2 S = 10.0.0.3\n+0 C:1 > S:2 keepalive\nmtu 1500\n")


#: As strongSwan's log names them (its notify_payload.c), and the RFCs (IANA's registry of notify types).
SHORT = {
    "NATD_S_IP": "NAT_DETECTION_SOURCE_IP",
    "NATD_D_IP": "NAT_DETECTION_DESTINATION_IP",
    "FRAG_SUP": "IKEV2_FRAGMENTATION_SUPPORTED",
    "HASH_ALG": "SIGNATURE_HASH_ALGORITHMS",
    "REDIR_SUP": "REDIRECT_SUPPORTED",
    "CHDLESS_SUP": "CHILDLESS_IKEV2_SUPPORTED",
    "MULT_AUTH": "MULTIPLE_AUTH_SUPPORTED",
    "IKE_INT_SUP": "INTERMEDIATE_EXCHANGE_SUPPORTED",
}


class TestShortNames:
    LINE = "C = 10.0.0.2   S = 203.0.113.7\n\n+0.000  C:500 > S:500  IKE_SA_INIT  request  400  N({} 2)\n"

    @pytest.mark.parametrize(("short", "rfc"), SHORT.items())
    def test_both_names_are_the_same_notify(self, short: str, rfc: str) -> None:
        brief, full = self.LINE.format(short), self.LINE.format(rfc)
        assert parse(brief) == parse(full)
        assert render(parse(brief)) == render(parse(full)) == full
        assert render(parse(full), brief=True) == brief

    def test_errors_keep_the_name_that_one_looks_up(self) -> None:
        for rfc in ("NO_PROPOSAL_CHOSEN", "INVALID_KE_PAYLOAD", "COOKIE", "REDIRECT", "notify 16430"):
            assert render(parse(self.LINE.format(rfc)), brief=True) == self.LINE.format(rfc)

    def test_the_grammar_names_them_all_and_the_registry_knows_them(self) -> None:
        grammar = analyzer.report.ladder.notation.__doc__ or ""
        for short, rfc in SHORT.items():
            assert short in grammar
            assert number("notify", rfc) >= 16384


numbers = st.integers(0, 70000)
times = st.integers(-(10**12), 10**12)
lists = st.lists(st.integers(1, 40), max_size=6).map(tuple)
hexes = st.binary(min_size=1, max_size=4).map(lambda data: "0x" + data.hex())
names = st.one_of(
    # A short name, should one come by chance, is not what a ladder holds: the RFC's name is.
    st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True).map(rfc_name),
    st.sampled_from(sorted(SHORT.values())),
    numbers.map("notify {}".format),
)
maybe = lambda strategy: st.none() | strategy  # noqa: E731

payloads = st.one_of(
    st.lists(st.sampled_from(["aes256-sha256-modp2048", "3des-sha1-modp1024"]), max_size=3).map(
        lambda suites: Payload("SA", tuple(suites))
    ),
    st.builds(lambda group: Payload("KE", (str(group),)), st.integers(1, 65535)),
    st.sampled_from([Payload("KE"), Payload("No"), Payload("No", ("48",)), Payload("V"), Payload("CERTREQ", ("3",))]),
    st.builds(
        lambda name, data: Payload("N", (name, *data)), names, st.lists(hexes | numbers.map(str), max_size=1)
    ).filter(lambda payload: len(payload.arguments) < 2 or len(payload.arguments[1]) < 12),
    st.builds(lambda text: Payload("V", (text,)), hexes | st.sampled_from(["FRAGMENTATION", "MS-NT5"])),
)
inner = st.sampled_from([None, "", "IDi", "EAP", "132"])


@st.composite
def encrypted(draw: st.DrawFn) -> Encrypted:
    if draw(st.booleans()):
        return Encrypted(draw(inner))
    total = draw(st.integers(1, 40))
    of = tuple(draw(st.lists(st.integers(1, total), min_size=1, max_size=6)))
    lengths = tuple(draw(st.lists(numbers, min_size=len(of), max_size=len(of)))) if draw(st.booleans()) else ()
    return Encrypted(draw(inner), of, total, lengths)


pieces = st.builds(IpFragments, numbers) | st.lists(numbers, min_size=1, max_size=4).map(
    lambda sizes: IpFragments(len(sizes), tuple(sizes))
)
messages = st.builds(
    Message,
    st.sampled_from([*EXCHANGES, "exchange 240", *(f"IKEv1 {name}" for name in IKEV1_EXCHANGES)]),
    st.sampled_from(["request", "response"]),
    maybe(numbers),
    st.lists(payloads, max_size=5).map(tuple),
    maybe(encrypted()),
    st.integers(0, 9),
    maybe(numbers),
    maybe(pieces),
    lists,
    lists,
    st.booleans(),
)
traffic = st.one_of(
    st.builds(Esp, st.integers(0, 2**32 - 1), numbers, maybe(numbers), maybe(times)),
    st.builds(Keepalive, numbers, maybe(times)),
    st.builds(Icmp, st.sampled_from(ICMP_NAMES), maybe(numbers), maybe(times), maybe(numbers), st.booleans()),
    st.builds(Tcp, st.sampled_from(TCP_FLAGS), maybe(numbers), numbers, maybe(numbers), maybe(times)),
    st.builds(Udp, numbers, maybe(numbers), maybe(times)),
    st.builds(
        Dns,
        st.sampled_from(["query", "response"]),
        st.sampled_from(["vpn.example.com", "example.net"]),
        maybe(st.ip_addresses().map(str)),
        maybe(st.sampled_from(["NXDOMAIN", "SERVFAIL"])),
    ),
    st.builds(Arp, st.sampled_from(["request", "reply"])),
)
steps = st.builds(
    Step,
    times,
    st.sampled_from("CS"),
    st.sampled_from("CS"),
    messages | traffic,
    maybe(st.integers(0, 65535)),
    maybe(st.integers(0, 65535)),
    st.lists(st.integers(0, 10**12), max_size=3).map(sorted).map(tuple),
    st.booleans(),
    st.booleans(),
    maybe(st.sampled_from(OUTCOMES)),
    st.lists(st.integers(1, 30), max_size=8).map(tuple),
)
hosts = st.builds(
    lambda c, s, nat, mtu, os: (Host("C", c, nat, mtu, os), Host("S", s)),
    st.ip_addresses().map(str),
    st.ip_addresses().map(str),
    maybe(st.ip_addresses().map(str)),
    maybe(numbers),
    maybe(st.sampled_from(["linux", "windows"])),
)
options = st.builds(
    Options,
    maybe(st.sampled_from("CS")),
    maybe(st.integers(-(10**18), 4 * 10**18)),
    maybe(st.sampled_from(["raw", "ethernet", "sll", "null"])),
    maybe(numbers),
    maybe(numbers),
    maybe(st.sampled_from(["udp port 500", "host 10.0.0.1 or (arp) # {x}"])),
    maybe(times),
    maybe(times),
)
spis = st.binary(min_size=8, max_size=8).map(bytes.hex)
sas = st.lists(st.builds(Sa, numbers, spis, st.just("") | spis), max_size=2, unique_by=lambda sa: sa.number).map(tuple)
ladders = st.builds(Ladder, hosts, st.lists(steps, max_size=4).map(tuple), maybe(numbers), sas, options)


@settings(max_examples=150)
@given(ladders)
def test_printed_and_read_again_is_the_same(ladder: Ladder) -> None:
    text, brief = render(ladder), render(ladder, brief=True)
    assert parse(text) == ladder == parse(brief)
    assert render(parse(text)) == text
    assert render(parse(brief), brief=True) == brief


@settings(max_examples=100)
@given(st.lists(st.sampled_from([*WORDS.split(), "(", ")", '"', "\n", "x3", "at", "#", "{}", "+", "9"]), max_size=12))
def test_any_text_is_a_ladder_or_a_usage_error(words: list[str]) -> None:
    text = "C = 10.0.0.2 S = 10.0.0.3\n+0 C:500 > S:500 " + " ".join(words)
    try:
        ladder = parse(text)
    except UsageError:
        return
    assert parse(render(ladder)) == ladder
