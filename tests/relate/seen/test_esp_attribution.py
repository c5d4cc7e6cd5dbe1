"""ESP belongs to the IKE SA that made it, or to none."""

from __future__ import annotations

from tests.relate.captures import HOSTS, capture

SPI = 0x11110000


def connect(at: float, sa: int, client: str = "C", port: int = 4500) -> str:
    return (
        f"+{at} {client}:{port} > S:4500 IKE_SA_INIT request sa {sa}\n"
        f"+{at + 0.03} {client}:{port} < S:4500 IKE_SA_INIT response sa {sa}\n"
        f"+{at + 0.05} {client}:{port} > S:4500 IKE_AUTH request 400 SK{{IDi}} sa {sa} mid 1\n"
        f"+{at + 0.10} {client}:{port} < S:4500 IKE_AUTH response 300 SK{{IDr}} sa {sa} mid 1\n"
    )


def esp(at: float, out: int, back: int, number: int, client: str = "C", port: int = 4500) -> str:
    """``out`` packets from the client, ``back`` to it, under SPIs of this number."""
    outward = f"+{at} {client}:{port} > S:4500 ESP spi {SPI + number:#x}"
    inward = f"+{at + 0.01:.3f} {client}:{port} < S:4500 ESP spi {SPI + 256 + number:#x}"
    return f"{outward} count {out} every +0.02\n{inward} count {back} every +0.02\n"


def counts(cap) -> list[tuple[int, int]]:
    return [(sa.esp_i_to_r, sa.esp_r_to_i) for sa in cap.analysis.sas]


def test_both_directions_are_counted_apart():
    assert counts(capture(connect(0, 1), esp(1, 5, 3, 1))) == [(5, 3)]


def test_esp_before_any_ike_sa_belongs_to_none():
    assert counts(capture(esp(0, 5, 3, 1), connect(5, 1))) == [(0, 0)]


def test_one_connection_after_the_other():
    cap = capture(connect(0, 1), esp(1, 5, 3, 1), connect(30, 2), esp(31, 7, 2, 2))
    assert counts(cap) == [(5, 3), (7, 2)]


def test_the_old_flow_goes_on_while_the_next_attempt_fails():
    failing = "+10 C:4500 > S:4500 IKE_SA_INIT request sa 2 x3 at +1 +3\n"
    cap = capture(connect(0, 1), esp(1, 5, 3, 1), failing, esp(12, 4, 4, 2))
    assert counts(cap) == [(9, 7), (0, 0)]


def test_two_clients_with_addresses_of_their_own():
    hosts = HOSTS.strip() + "  D = 10.0.0.3\nat S\n"
    cap = capture(connect(0, 1), connect(0.5, 2, "D"), esp(2, 5, 3, 1), esp(2, 7, 2, 2, "D"), hosts=hosts)
    assert counts(cap) == [(5, 3), (7, 2)]


def test_two_clients_behind_one_nat():
    # The gateway sees one address and two ports; ESP in UDP comes from the port that IKE came from (RFC 3948).
    hosts = "C = 10.0.0.2 (nat 198.51.100.1)  D = 10.0.0.3 (nat 198.51.100.1)  S = 203.0.113.7\nat S\n"
    cap = capture(
        connect(0, 1, "C", 40001),
        connect(0.5, 2, "D", 40002),
        esp(2, 5, 3, 1, "C", 40001),
        esp(2.001, 7, 2, 2, "D", 40002),
        hosts=hosts,
    )
    assert counts(cap) == [(5, 3), (7, 2)]


def test_esp_as_an_ip_protocol_of_its_own():
    lines = f"+1 C > S ESP spi {SPI:#x} count 6\n+1 C < S ESP spi {SPI + 256:#x} count 2\n"
    assert counts(capture(connect(0, 1), lines)) == [(6, 2)]


def test_keepalives_are_no_esp():
    assert counts(capture(connect(0, 1), "+1 C:4500 > S:4500 keepalive count 3\n")) == [(0, 0)]
