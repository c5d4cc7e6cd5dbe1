"""TCP's maximum segment size as a hint: 40 bytes less than the MTU, 60 over IPv6 (docs/domain/path-mtu.md no. 4)."""

from __future__ import annotations

from tests.relate.captures import HOSTS, INIT, only_sa

MANY = HOSTS.strip() + "  T = 198.51.100.1  U = 198.51.100.2  V = 198.51.100.3\n"


def hints(*steps: str, role="initiator", hosts: str = MANY):
    sa = only_sa(INIT, *steps, hosts=hosts)
    assert all(c.is_weak for c in sa.mtu_clues[role] if c.kind == "tcp-mss")
    assert sa.path_mtu[role].upper is None
    return [(c.about, c.lower, c.upper, c.frames) for c in sa.mtu_clues[role] if c.kind == "tcp-mss"]


def shake(host: str, mss: int, answer: int | None = None, at: int = 5) -> str:
    text = f"+{at} C:40000 > {host}:443 TCP SYN mss {mss}\n"
    return text + (f"+{at}.02 C:40000 < {host}:443 TCP SYN-ACK mss {answer}\n" if answer is not None else "")


def test_a_syn_at_its_sender_gives_its_link():
    assert hints(shake("T", 1420), hosts=MANY + "at C\n") == [("link", 1460, 1460, (3,))]


def test_elsewhere_it_may_have_been_lowered():
    assert hints(shake("S", 1420), hosts=MANY + "at S\n") == [("path", None, 1460, (3,))]


def test_ipv6():
    hosts = "C = 2001:db8:1::2  S = 2001:db8:2::7\nat C\n"
    assert hints(shake("S", 1432), hosts=hosts) == [("link", 1492, 1492, (3,))]


def test_the_most_frequent_of_a_host_counts():
    steps = shake("T", 1300), shake("U", 1460, at=6), shake("V", 1460, at=7)
    assert hints(*steps, hosts=MANY + "at C\n") == [("link", 1500, 1500, (4,))]


def test_an_answer_of_the_gateway_below_ethernet():
    assert hints(shake("S", 1460, 1360), hosts=MANY + "at C\n")[1:] == [("path", None, 1400, (4,))]
    assert hints(shake("S", 1460, 1460), hosts=MANY + "at C\n")[1:] == []


def test_answers_of_all_servers_below_ethernet():
    three = shake("T", 1460, 1360), shake("U", 1460, 1320, at=6), shake("V", 1460, 1350, at=7)
    assert hints(*three, hosts=MANY + "at C\n")[1:] == [("path", None, 1400, (4,))]
    assert hints(*three[:2], hosts=MANY + "at C\n")[1:] == []
    assert hints(*three[:2], shake("V", 1460, 1460, at=7), hosts=MANY + "at C\n")[1:] == []


def test_each_side_for_itself():
    assert hints(shake("T", 1420), role="responder", hosts=MANY + "at C\n") == []


def test_without_the_option_there_is_no_hint():
    assert hints("+5 C:40000 > T:443 TCP SYN\n", hosts=MANY + "at C\n") == []
