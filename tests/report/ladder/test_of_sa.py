"""An IKE SA drawn as a ladder: what the capture was made from is what is drawn of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.report.ladder.model import Esp, Icmp, Message, Step
from analyzer.report.ladder.notation import parse, render
from analyzer.report.ladder.of_sa import MAX_STEPS, ladder_of, steps_left_out
from tests.relate.captures import GOES_ON, HOSTS, INIT, of_packets, only_sa, raw_packets

SAMPLES = sorted(p.stem for p in (Path(__file__).resolve().parents[3] / "sample_pcaps").glob("*.ladder"))


def drawn(*steps: str, hosts: str = HOSTS) -> list[str]:
    """The steps of the ladder, in words without the padding, those of IKE_SA_INIT left out."""
    ladder = ladder_of(only_sa(INIT, *steps, GOES_ON, hosts=hosts))
    lines = render(ladder).splitlines()
    return [" ".join(line.split()) for line in lines if line.startswith("+") and "IKE_SA_INIT" not in line]


class TestSamples:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_what_is_drawn_can_be_read(self, samples: Path, name):
        for sa in analyzer.read(samples / f"{name}.pcapng").analysis.sas:
            ladder = ladder_of(sa)
            assert parse(render(ladder)) == ladder

    @pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"filtered-capture"}))
    def test_it_is_the_ladder_that_the_capture_was_made_from(self, samples: Path, name):
        written = parse((samples / f"{name}.ladder").read_text(encoding="utf-8"))
        (sa,) = analyzer.read(samples / f"{name}.pcapng").analysis.sas
        ladder = ladder_of(sa)

        def told(steps: tuple[Step, ...], kind: type) -> list[tuple[object, ...]]:
            chosen = [s for s in steps if isinstance(s.what, kind)]
            return [(s.time, s.sender, s.receiver, s.sport, s.dport, s.repeats) for s in chosen]

        assert told(ladder.steps, Message) == told(written.steps, Message)
        assert told(ladder.steps, Esp) == [(*s[:5], ()) for s in told(written.steps, Esp)]
        assert [(h.name, h.address) for h in ladder.hosts] == [(h.name, h.address) for h in written.hosts[:2]]
        assert ladder.sas == written.sas
        drawable = [s for s in written.steps if isinstance(s.what, (Message, Esp))]
        for ours, theirs in zip(ladder.steps, drawable, strict=True):
            assert (ours.time, type(ours.what)) == (theirs.time, type(theirs.what))
            if isinstance(ours.what, Message) and isinstance(theirs.what, Message):
                assert (ours.what.exchange, ours.what.direction) == (theirs.what.exchange, theirs.what.direction)
                assert theirs.what.length in (None, ours.what.length)
                assert ours.what.lost == theirs.what.lost
            if isinstance(ours.what, Esp) and isinstance(theirs.what, Esp):
                assert (ours.what.spi, ours.what.count, ours.what.size) == (
                    *(theirs.what.spi, theirs.what.count, theirs.what.size),
                )

    def test_the_reference(self, shared_captures: Path):
        (sa,) = analyzer.read(shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap").analysis.sas
        auth = ladder_of(sa).steps[-1]
        assert isinstance(auth.what, Message) and auth.what.ip_fragments is not None
        assert (auth.what.ip_fragments.count, auth.what.ip_fragments.sizes) == (3, (1460, 1460, 620))
        assert auth.repeats == (1_000_000_000, 2_000_000_000)
        assert (auth.outcome, auth.frames) == ("unanswered", tuple(range(3, 12)))


class TestLines:
    def test_a_repeated_request(self):
        assert drawn("+0.1 C:500 > S:500 IKE_AUTH request 400 x3 at +1 +3\n") == [
            "+0.100 C:500 > S:500 IKE_AUTH request 400 SK{IDi} x3 at +1.000 +3.000 unanswered #3-5"
        ]

    def test_an_answered_one_says_no_more(self):
        assert drawn("+0.1 C:500 > S:500 IKE_AUTH request 400\n+0.2 C:500 < S:500 IKE_AUTH response 300\n") == [
            "+0.100 C:500 > S:500 IKE_AUTH request 400 SK{IDi} #3",
            "+0.200 C:500 < S:500 IKE_AUTH response 300 SK{IDr} #4",
        ]

    def test_ip_fragments(self):
        assert drawn("+0.1 C:500 > S:500 IKE_AUTH request 3468\n") == [
            "+0.100 C:500 > S:500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 (1500 1500 536) unanswered #3-5"
        ]

    def test_ip_fragments_of_which_some_are_missing(self):
        # 3468 + 8 bytes of UDP, 1480 in each: three fragments.
        assert drawn("+0.1 C:500 > S:500 IKE_AUTH request 3468 lost 2,3\n") == [
            "+0.100 C:500 > S:500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 2,3 unanswered #3"
        ]

    def test_skf(self):
        assert drawn("+0.1 C:500 > S:500 IKE_AUTH request 1500 SKF 1-3/3\n") == [
            "+0.100 C:500 > S:500 IKE_AUTH request 1500 SKF{IDi} 1-3/3 unanswered #3-5"
        ]

    def test_skf_of_which_one_is_missing(self):
        (line,) = drawn("+0.1 C:500 > S:500 IKE_AUTH request SKF 1,3/3\n")
        assert "SKF{IDi} 1,3/3" in line

    def test_an_empty_informational(self):
        check = "+9 C:500 < S:500 INFORMATIONAL request 57 SK{}\n+9.1 C:500 > S:500 INFORMATIONAL response 57 SK{}\n"
        assert drawn(check) == [
            "+9.000 C:500 < S:500 INFORMATIONAL request 57 SK{} #3",
            "+9.100 C:500 > S:500 INFORMATIONAL response 57 SK{} #4",
        ]

    def test_a_response_alone(self):
        ladder = ladder_of(only_sa("+0 C:500 < S:500 IKE_AUTH response 300 mid 1\n"))
        assert [s.outcome for s in ladder.steps] == ["response-only"]
        assert (ladder.hosts[0].address, ladder.hosts[1].address) == ("10.0.0.2", "203.0.113.7")

    def test_icmp(self):
        hosts = HOSTS.strip() + "  R = 192.0.2.1\n"
        ladder = ladder_of(only_sa(INIT, "+1 C < R ICMP port-unreachable quoting +0.0\n", hosts=hosts))
        (step,) = [s for s in ladder.steps if isinstance(s.what, Icmp)]
        assert isinstance(step.what, Icmp)
        assert (step.what.name, step.frames) == ("port-unreachable", (3,))
        assert (step.sender, step.receiver) == ("R", "C")
        assert [(h.name, h.address) for h in ladder.hosts] == [
            *[("C", "10.0.0.2"), ("S", "203.0.113.7")],
            ("R", "192.0.2.1"),
        ]

    def test_the_same_icmp_error_again_is_one_step(self):
        hosts = HOSTS.strip() + "  R = 192.0.2.1  Q = 192.0.2.2\n"
        errors = "".join(f"+{1 + i} C < R ICMP fragmentation-needed mtu 1400 quoting +0.0\n" for i in range(10))
        other = "+1.5 C < Q ICMP fragmentation-needed mtu 1300 quoting +0.0\n"
        ladder = ladder_of(only_sa(INIT, errors, other, hosts=hosts))
        assert [(s.sender, s.what, len(s.repeats), len(s.frames)) for s in ladder.steps[2:]] == [
            ("R", Icmp("fragmentation-needed", 1400), 7, 8),
            ("R2", Icmp("fragmentation-needed", 1300), 0, 1),
            ("R", Icmp("fragmentation-needed", 1400), 1, 2),
        ]
        assert ladder.steps[2].repeats[0] == 10**9

    def test_a_clock_that_jumps_back(self):
        """Sent again one second later, by a clock that was set back two: frames keep their order, times are sorted."""
        (first, *rest) = raw_packets("+0 C:500 > S:500 IKE_SA_INIT request x3 at +1 +2\n")
        (sa,) = of_packets([first, *((time - 3 * 10**9, data) for time, data in rest)]).analysis.sas
        (step,) = ladder_of(sa).steps
        assert step.repeats == (10**9, 2 * 10**9) and step.frames == (1, 2, 3)
        assert parse(render(ladder_of(sa))) == ladder_of(sa)

    def test_sizes_are_told_only_of_all_ip_fragments(self):
        """The first SKF message in one packet, the second cut in two: no list of two sizes is at hand."""
        whole = "+1 C:4500 > S:4500 IKE_AUTH request SKF{IDi} 1/2 (1400)\n"
        cut = "+1.001 C:4500 > S:4500 IKE_AUTH request SKF 2/2 (1900) ip-fragments 2\n"
        sa = only_sa(INIT, whole, cut)
        (auth,) = [s.what for s in ladder_of(sa).steps if isinstance(s.what, Message) and s.what.exchange == "IKE_AUTH"]
        assert auth.ip_fragments is not None and (auth.ip_fragments.count, auth.ip_fragments.sizes) == (2, ())
        assert parse(render(ladder_of(sa))) == ladder_of(sa)

    def test_a_router_whose_word_is_not_drawn_is_not_named(self):
        hosts = HOSTS.strip() + "  R = 192.0.2.1\n"
        sa = only_sa(INIT, "+1 C < R ICMP port-unreachable quoting +0.0\n", hosts=hosts)
        assert len(ladder_of(sa, max_steps=2).hosts) == 2
        assert steps_left_out(sa, max_steps=2) == 1

    @pytest.mark.parametrize("said", ["host-unreachable", "net-unreachable", "admin-prohibited", "ttl-exceeded"])
    def test_routers_say_why(self, said):
        """Type and code of each are the lab's: RFC 792 (3/0 net, 3/1 host, 3/13 prohibited, 11/0 time to live)."""
        sa = only_sa(INIT, f"+1 S > C ICMP {said} quoting +0.0\n")
        assert [s.what for s in ladder_of(sa).steps if isinstance(s.what, Icmp)] == [Icmp(said)]

    def test_esp(self):
        assert drawn("+1 C > S ESP spi 0x11112222 count 3 every +0.1\n+1.05 C < S ESP spi 0x33334444\n") == [
            "+1.000 C > S ESP spi 0x11112222 count 3 size 140 #3,6",
            "+1.050 C < S ESP spi 0x33334444 size 140 #4",
        ]

    def test_unknown_numbers(self):
        (line,) = drawn("+1 C:500 > S:500 exchange 200 request 200 mid 1\n")
        assert line.split()[4:7] == ["exchange", "200", "request"]

    def test_ikev1(self):
        ladder = ladder_of(
            only_sa("+0 C:500 > S:500 IKEv1 Main Mode request\n+0.1 C:500 < S:500 IKEv1 Main Mode response\n")
        )
        whats = [s.what for s in ladder.steps if isinstance(s.what, Message)]
        assert [(w.exchange, w.direction) for w in whats] == [
            ("IKEv1 Main Mode", "request"),
            ("IKEv1 Main Mode", "response"),
        ]

    def test_a_gateway_that_is_asked_by_the_other_side(self):
        # The initiator is C in the ladder wherever the capture was taken.
        ladder = ladder_of(only_sa(INIT, hosts=HOSTS + "at S\n"))
        assert [h.address for h in ladder.hosts] == ["10.0.0.2", "203.0.113.7"]


class TestLongSessions:
    def session(self, checks: int, **more: str):
        steps = "".join(
            f"+{10 + i} C:500 > S:500 INFORMATIONAL request 57 SK{{}}\n"
            f"+{10 + i}.1 C:500 < S:500 INFORMATIONAL response 57 SK{{}}\n"
            for i in range(checks)
        )
        return only_sa(INIT, steps)

    def test_the_first_steps_are_drawn_and_the_others_counted(self):
        sa = self.session(30)
        ladder = ladder_of(sa)
        assert len(ladder.steps) == MAX_STEPS
        assert steps_left_out(sa) == 2 + 2 * 30 - MAX_STEPS
        assert ladder.steps[0].frames == (1,)

    def test_of_a_short_one_nothing_is_left_out(self):
        assert steps_left_out(self.session(19)) == 0
        assert steps_left_out(self.session(20)) == 2

    def test_esp_and_icmp_count(self):
        sa = only_sa(INIT, "+1 C > S ESP spi 0x11112222\n+1 C < S ESP spi 0x33334444\n")
        assert len(ladder_of(sa, max_steps=3).steps) == 3
        assert steps_left_out(sa, max_steps=3) == 1


def test_an_address_that_talks_to_itself_is_both_sides() -> None:
    """Spoofed packets have the same source and destination; the ladder is printed and read all the same."""
    ladder = ladder_of(only_sa("+0 C:500 > S:500 IKE_SA_INIT request\n", hosts="C = 10.0.0.1   S = 10.0.0.1\n"))
    assert [(host.name, host.address) for host in ladder.hosts] == [("C", "10.0.0.1"), ("S", "10.0.0.1")]
    assert parse(render(ladder)) == ladder


def test_a_client_that_moved_is_shown_where_it_is_then():
    """RFC 4555: after the move every message goes between the new address and the server, both ways."""
    steps = """
        +0.1  C:4500 > S:4500   IKE_AUTH       request   306  SK{IDi}
        +0.11 C:4500 < S:4500   IKE_AUTH       response  252  SK{IDr}
        +0.3  C2:4500 > S:4500  INFORMATIONAL  request   57   SK{}  mid 2
        +0.31 C2:4500 < S:4500  INFORMATIONAL  response  57   SK{}  mid 2
        +0.4  C2:4500 < S:4500  INFORMATIONAL  request   57   SK{}
    """
    ladder = ladder_of(only_sa(INIT, steps, hosts="C = 10.0.0.2   C2 = 10.0.0.77   S = 203.0.113.7\n"))
    assert [host.name for host in ladder.hosts] == ["C", "C2", "S"]
    assert [(s.sender, s.receiver) for s in ladder.steps[3:]] == [("S", "C"), ("C2", "S"), ("S", "C2"), ("S", "C2")]
    assert parse(render(ladder)) == ladder
