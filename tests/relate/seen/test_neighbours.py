"""Neighbours of an IKE SA: who shares an address with it, and what became of them."""

from __future__ import annotations

from types import MethodType

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.relate.build import IkeSas
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.neighbours import MAX_NEIGHBOURS, Neighbour
from tests.relate.captures import capture

HOSTS = "C = 198.51.100.9  D = 198.51.100.20  S = 203.0.113.7  T = 203.0.113.8\n"


def numbers(found: tuple[Neighbour, ...]) -> list[int]:
    return [n.number for n in found]


def test_what_is_told_of_a_neighbour():
    seen = capture(
        "+0.0   C:500  > S:500   IKE_SA_INIT  request\n",
        "+1.0   D:600  > S:500   IKE_SA_INIT  request   sa 2\n",
        "+1.03  D:600  < S:500   IKE_SA_INIT  response  sa 2\n",
        "+1.1   D:4600 > S:4500  IKE_AUTH     request   400  SK{IDi}  sa 2\n",
        "+1.2   D:4600 < S:4500  IKE_AUTH     response  400  SK{IDr}  sa 2\n",
        hosts=HOSTS,
    )
    first, second = seen.analysis.sas
    assert first.neighbours == (
        Neighbour(
            number=2,
            spi_i=second.spi_i,
            start=second.start,
            start_earliest=second.start,
            end=second.end,
            initiator="198.51.100.20",
            initiator_port=600,
            responder="203.0.113.7",
            first_frame=2,
            answered=True,
            auth_sent=True,
            auth_answered=True,
            asked=True,
            responder_port=500,
            init_answered=second.start + 30_000_000,
            heard_on_4500=True,
            over_tcp=False,
        ),
    )
    (other,) = second.neighbours
    assert (other.number, other.answered, other.auth_sent, other.init_answered) == (1, False, False, None)


def test_what_begins_with_an_answer():
    """Its ends are those of the IKE SA, not of the packet."""
    seen = capture(
        "+0.0 C:500 > S:500 IKE_SA_INIT request\n", "+1.0 C:500 < S:500 IKE_SA_INIT response sa 2\n", hosts=HOSTS
    )
    (other,) = seen.analysis.sas[0].neighbours
    assert (other.initiator, other.responder, other.asked, other.answered) == (
        "198.51.100.9",
        "203.0.113.7",
        False,
        True,
    )


def test_over_tcp_is_not_heard_on_udp_4500():
    seen = capture(
        "+0.0  C:500   > S:500   IKE_SA_INIT  request\n",
        "+1.0  C:50100 > S:4500  TCP SYN\n",
        "+1.01 C:50100 < S:4500  TCP SYN-ACK\n",
        "+1.1  C:50100 > S:4500  IKE_SA_INIT  request   sa 2  tcp\n",
        "+1.2  C:50100 < S:4500  IKE_SA_INIT  response  sa 2  tcp\n",
        hosts=HOSTS,
    )
    (other,) = seen.analysis.sas[0].neighbours
    assert (other.over_tcp, other.heard_on_4500, other.responder_port) == (True, False, 4500)


def test_ikev1_has_no_part_in_it():
    seen = capture(
        "+0.0 C:500 > S:500 IKEv1 Main Mode request\n",
        "+0.5 C:500 < S:500 IKEv1 Main Mode request sa 4\n",
        "+1.0 C:500 > S:500 IKE_SA_INIT request sa 2\n",
        "+2.0 C:500 > S:500 IKE_SA_INIT request sa 3\n",
        hosts=HOSTS,
    )
    assert [numbers(sa.neighbours) for sa in seen.analysis.sas] == [[], [], [4], [3]]


def test_an_answered_ike_auth_is_no_answered_ike_sa_init():
    """When IKE_SA_INIT was answered is not in the trace."""
    seen = capture(
        "+0.0  C:500  > S:500   IKE_SA_INIT request\n",
        "+1.0  C:500  > S:500   IKE_SA_INIT request sa 2\n",
        "+1.1  C:4500 > S:4500  IKE_AUTH request  400 SK{IDi} sa 2\n",
        "+1.2  C:4500 < S:4500  IKE_AUTH response 400 SK{IDr} sa 2\n",
        hosts=HOSTS,
    )
    (other,) = seen.analysis.sas[0].neighbours
    assert (other.init_answered, other.auth_answered) == (None, True)


attempts = st.lists(
    st.tuples(st.sampled_from("CD"), st.sampled_from("ST"), st.integers(0, 10**6)),
    min_size=1,
    max_size=12,
    unique_by=lambda a: a[2],
)


@settings(max_examples=25)
@given(attempts)
def test_of_a_few_all_that_share_an_address(found):
    """Below the bound the definition itself: same initiator or same responder, in the order of their start."""
    steps = [
        f"+{at / 1000:.3f} {client}:500 > {gateway}:500 IKE_SA_INIT request sa {i}\n"
        for i, (client, gateway, at) in enumerate(found, 1)
    ]
    sas = capture(*steps, hosts=HOSTS).analysis.sas
    for sa in sas:
        expected = [
            o.number
            for o in sorted(sas, key=lambda o: o.start)
            if o is not sa and (o.initiator == sa.initiator or o.responder == sa.responder)
        ]
        assert numbers(sa.neighbours) == expected


def test_of_many_the_nearest_in_time():
    """One gateway, 200 attempts of two clients by turns, one a second: 64 are told, at most half of them the client's.

    Of attempt 101 the own ones are the odd numbers; the nearest 32 of them reach from 69 to 133. The other 32 are the
    nearest of the rest: even numbers from 70 to 132.
    """
    steps = [f"+{i} {'CD'[i % 2]}:500 > S:500 IKE_SA_INIT request sa {i + 1}\n" for i in range(200)]
    sa = capture(*steps, hosts=HOSTS).analysis.sas[100]
    assert len(sa.neighbours) == MAX_NEIGHBOURS
    assert numbers(sa.neighbours) == [i for i in range(69, 134) if i != 101]


def _maker(sa: IkeSa) -> IkeSas:
    """What made the view, and answers its question for neighbours."""
    assert isinstance(sa._neighbours_of, MethodType)
    assert isinstance(sa._neighbours_of.__self__, IkeSas)
    return sa._neighbours_of.__self__


def test_nothing_is_worked_out_before_a_question():
    seen = capture("+0 C:500 > S:500 IKE_SA_INIT request\n", "+1 C:500 > S:500 IKE_SA_INIT request sa 2\n", hosts=HOSTS)
    sa = seen.analysis.sas[0]
    sas = _maker(sa)
    assert "_neighbourhood" not in vars(sas)
    assert numbers(sa.neighbours) == [2]
    assert "_neighbourhood" in vars(sas)


def test_a_question_looks_at_a_bounded_number():
    """However many attempts there are: what is sorted for one answer does not grow with them."""
    steps = [f"+{i / 100} C:500 > S:500 IKE_SA_INIT request sa {i + 1}\n" for i in range(400)]
    sa = capture(*steps, hosts=HOSTS).analysis.sas[200]
    for way in _maker(sa)._neighbourhood._ways:
        assert len(way.around(200, MAX_NEIGHBOURS)) == 2 * MAX_NEIGHBOURS
