"""Orders of payloads are those of real logs, captures and daemons' sources, named beside each;
docs/domain/vendor-ids.md.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ike.registry import rows
from analyzer.relate.inferred.products import _NAMES, STRENGTHS, looks_like
from analyzer.relate.sa import IkeSa
from analyzer.remedies import products
from tests.relate.captures import DETECTION, GOES_ON, only_sa

WINDOWS = "V(MS-NT5-ISAKMPOAKLEY-v9 MS-Negotiation-Discovery-Capable Vid-Initial-Contact MS-KEY_MODS-2)"


def request(*contents: str) -> str:
    return f"+0.000 C:500 > S:500 IKE_SA_INIT request SA KE No {' '.join(contents)}\n"


def response(*contents: str) -> str:
    return f"+0.030 C:500 < S:500 IKE_SA_INIT response SA KE No {' '.join(contents)}\n"


def client(*steps: str) -> list[tuple[str, str]]:
    return [(g.product, g.strength) for g in only_sa(*steps).products["initiator"]]


def server(*steps: str) -> list[tuple[str, str]]:
    return [(g.product, g.strength) for g in only_sa(*steps).products["responder"]]


class TestVendorIds:
    def test_the_same_vendor_id_is_a_client_or_a_server(self) -> None:
        """Windows says the same on both sides; who begins is the client."""
        sa = only_sa(request(f"N({DETECTION})", WINDOWS), response(f"N({DETECTION})", WINDOWS))
        assert sa.product_keys("initiator") == ("windows-client",)
        assert sa.product_keys("responder") == ("windows-rras",)

    def test_no_windows_build_is_named(self) -> None:
        """Version 9 stands for six releases (docs/domain/vendor-ids.md)."""
        text = looks_like(only_sa(request(f"N({DETECTION})", WINDOWS)).products["initiator"])
        assert text.startswith("looks like a Windows client (vendor ID MS NT5 ISAKMPOAKLEY version 9 and 3 more, order")
        assert "10" not in text and "Server" not in text

    def test_a_fortigate_tells_its_release(self) -> None:
        """Twelve bytes of MD5("FORTIGATE"), then release and build (docs/domain/vendor-ids.md)."""
        text = looks_like(only_sa(request("V(0x8299031757a36082c6a621de00040187)")).products["initiator"])
        assert text == "looks like a FortiGate (vendor ID FORTIGATE release 4, build 391)"

    @pytest.mark.parametrize(
        "vendor_id, product",
        [
            ("0x" + b"OE-Libreswan-4.9".hex(), "libreswan"),
            ("OpenIKED-7.4", "openiked"),
            ("strongSwan", "strongswan"),
            ("FLEXVPN-SUPPORTED", "cisco-ios"),
            ("0xf4ed19e0c114eb516faaac0ee37daf2807b4381f" + "00" * 20, "check-point"),
            ("0x699369228741c6d4ca094c93e242c9de19e7b7c60000000500000500", "juniper-srx"),
        ],
    )
    def test_who_names_itself(self, vendor_id: str, product: str) -> None:
        assert only_sa(request(), response(f"V({vendor_id})")).product_keys("responder") == (product,)

    def test_what_both_cisco_families_send_names_both(self) -> None:
        assert client(request("V(CISCO-DELETE-REASON)")) == [("cisco-asa", "vendor-id"), ("cisco-ios", "vendor-id")]

    def test_and_one_of_them_when_it_also_says_which(self) -> None:
        """ntop/nDPI ah.pcapng, a FlexVPN router: CISCO-DELETE-REASON, CISCOVPN-REV-02, ..., FLEXVPN-SUPPORTED."""
        assert client(request("V(CISCO-DELETE-REASON FLEXVPN-SUPPORTED)")) == [("cisco-ios", "vendor-id")]

    def test_fragmentation_names_nobody(self) -> None:
        """Cisco, Microsoft's IKEv1 and NCP send it; it is no support of RFC 7383 either.

        Source: docs/domain/ike-fragmentation.md.
        """
        sa = only_sa(request("V(FRAGMENTATION)"))
        assert (sa.products["initiator"], sa.fragmentation_i) == ((), "no")

    def test_an_unknown_vendor_id_names_nobody(self) -> None:
        assert client(request("V")) == []

    def test_ikev1_has_vendor_ids_too(self) -> None:
        sa = only_sa(
            "+0.000 C:500 > S:500 IKEv1 Main Mode request SA V(MS-NT5-ISAKMPOAKLEY-v9)\n"
            "+0.030 C:500 < S:500 IKEv1 Main Mode response SA V(strongSwan)\n"
        )
        assert (sa.product_keys("initiator"), sa.product_keys("responder")) == (("windows-client",), ("strongswan",))


FRAG, HASH, REDIR = "IKEV2_FRAGMENTATION_SUPPORTED", "SIGNATURE_HASH_ALGORITHMS", "REDIRECT_SUPPORTED"
CHILDLESS, MULTI, INTERMEDIATE = (
    "CHILDLESS_IKEV2_SUPPORTED",
    "MULTIPLE_AUTH_SUPPORTED",
    "INTERMEDIATE_EXCHANGE_SUPPORTED",
)


class TestOrder:
    @pytest.mark.parametrize(
        "notifies, product",
        [
            # strongSwan logs: [ SA KE No N(NATD_S_IP) N(NATD_D_IP) N(FRAG_SUP) N(HASH_ALG) N(REDIR_SUP) ]
            (f"{DETECTION} {FRAG} {HASH} {REDIR}", "strongswan"),
            (f"{DETECTION} {FRAG} {HASH} {REDIR} {INTERMEDIATE}", "strongswan"),
            # with fragmentation = no
            (f"{DETECTION} {HASH} {REDIR}", "strongswan"),
            # iOS and macOS, strongX509/docker#7 and jawj/IKEv2-setup#12: N(REDIR_SUP) N(NATD_S_IP) N(NATD_D_IP)
            # N(FRAG_SUP)
            (f"{REDIR} {DETECTION} {FRAG}", "apple"),
            # Libreswan ikev2_ike_sa_init.c; the NAT detection notifies come last
            (f"{FRAG} {HASH} {DETECTION}", "libreswan"),
            (f"{FRAG} {INTERMEDIATE} {HASH} {DETECTION}", "libreswan"),
            (f"{FRAG} {DETECTION}", "libreswan"),
            # OpenIKED ikev2.c with "set fragmentation"
            (f"{FRAG} {DETECTION} {HASH}", "openiked"),
        ],
    )
    def test_requests(self, notifies: str, product: str) -> None:
        assert client(request(f"N({notifies})")) == [(product, "order")]

    @pytest.mark.parametrize(
        "contents, product",
        [
            # strongSwan logs: N(NATD_S_IP) N(NATD_D_IP) N(FRAG_SUP) N(HASH_ALG) N(CHDLESS_SUP) N(MULT_AUTH)
            (f"N({DETECTION} {FRAG} {HASH} {CHILDLESS} {MULTI})", "strongswan"),
            (f"N({DETECTION}) CERTREQ N({FRAG} {CHILDLESS} {MULTI})", "strongswan"),
            (f"N({DETECTION} {MULTI})", "strongswan"),
            # hwdsl2/setup-ipsec-vpn#307, Libreswan: N(FRAG_SUP) N(HASH_ALG) N(NATD_S_IP) N(NATD_D_IP) CERTREQ
            (f"N({FRAG} {HASH} {DETECTION}) CERTREQ", "libreswan"),
        ],
    )
    def test_responses(self, contents: str, product: str) -> None:
        assert server(request(), response(contents)) == [(product, "order")]

    @pytest.mark.parametrize(
        "notifies",
        [
            DETECTION,
            f"{DETECTION} {FRAG}",  # macOS of 2018, and strongSwan 5.2
            f"{DETECTION} {FRAG} {HASH}",  # Android's library, and strongSwan without redirects
            f"{DETECTION} {HASH}",  # OpenIKED, and old strongSwan
            f"{FRAG} {REDIR} {HASH}",  # NCP (secdev/scapy ikev2_nat_t.pcapng), where vendor IDs stand before
        ],
    )
    def test_what_several_send_names_nobody(self, notifies: str) -> None:
        assert client(request(f"N({notifies})")) == []

    def test_a_cookie_in_front_changes_nothing(self) -> None:
        steps = request(f"N({DETECTION} {FRAG} {HASH} {REDIR})").replace("SA KE", "N(COOKIE) SA KE")
        assert client(steps) == [("strongswan", "order")]

    def test_a_truncated_message_has_no_order(self) -> None:
        steps = request(f"N({DETECTION} {FRAG} {HASH} {REDIR})")
        assert only_sa(steps, hosts="C = 10.0.0.2  S = 203.0.113.7  snaplen 128\n").products["initiator"] == ()

    def test_a_windows_request_that_was_cut_short_is_not_taken_for_another(self) -> None:
        """Without its vendor IDs it would look like Libreswan's."""
        steps = request(f"N({FRAG} {DETECTION})", WINDOWS)
        guessed = {
            only_sa(steps, hosts=f"C = 10.0.0.2  S = 203.0.113.7  snaplen {kept}\n").product_keys("initiator")
            for kept in range(80, 620, 4)
        }
        assert guessed == {(), ("windows-client",)}

    def test_contradicting_hints_are_both_told_the_stronger_first(self) -> None:
        """strongSwan sends Cisco's vendor ID where it is told to (cisco_flexvpn)."""
        sa = only_sa(request(f"N({DETECTION} {FRAG} {HASH} {REDIR})", "V(FLEXVPN-SUPPORTED)"))
        assert sa.product_keys("initiator") == ("cisco-ios", "strongswan")
        assert ", or strongSwan or a product built on it (order of payloads" in looks_like(sa.products["initiator"])


class TestSizeAndSchedule:
    def skf(self, length: int, *, direction: str = ">", kind: str = "request") -> list[tuple[str, str]]:
        steps = (
            request(f"N({FRAG})")
            + response(f"N({FRAG})")
            + f"+0.1 C:4500 {direction} S:4500 IKE_AUTH {kind} SKF{{IDi}} 1-3/3 ({length} {length} 300)\n"
        )
        return client(steps) if direction == ">" else server(steps)

    def test_windows_cuts_at_580_bytes_of_ike(self) -> None:
        """docs/domain/ike-fragmentation.md: three published sessions; 580 + 4 + 8 + 20 = 612 bytes of IP."""
        assert self.skf(580) == [("windows-client", "size")]

    def test_the_same_size_from_a_server_is_no_client(self) -> None:
        assert self.skf(580, direction="<", kind="response") == []

    @pytest.mark.parametrize("length", [1236, 1248])  # docs/domain/ike-fragmentation.md: limit 1280 under CBC and GCM
    def test_strongswan_cuts_at_1280(self, length: int) -> None:
        assert self.skf(length) == [("strongswan", "size")]

    @pytest.mark.parametrize("length", [532, 1156, 900])  # limits 576 and 1200 are anybody's
    def test_common_limits_name_nobody(self, length: int) -> None:
        assert self.skf(length) == []

    def test_the_last_fragment_says_nothing_of_the_limit(self) -> None:
        steps = request(f"N({FRAG})") + response(f"N({FRAG})")
        assert client(steps + "+0.1 C:4500 > S:4500 IKE_AUTH request SKF{IDi} 1-1/1 (1248)\n") == []

    def test_a_common_limit_supports_what_a_vendor_id_says(self) -> None:
        steps = (
            request(f"N({FRAG})", "V(0x8299031757a36082c6a621de00040187)")
            + response(f"N({FRAG})")
            + "+0.1 C:4500 > S:4500 IKE_AUTH request SKF{IDi} 1-2/2 (1156 300)\n"
        )
        assert client(steps) == [("fortigate", "vendor-id"), ("fortigate", "size")]

    @pytest.mark.parametrize("vendor_id, product", [("OpenIKED-7.4", "openiked"), ("strongSwan", "strongswan")])
    def test_on_ipv6_1280_bytes_support_what_a_vendor_id_says(self, vendor_id: str, product: str) -> None:
        """IPv6's least MTU is the limit of many, so it names nobody. 1280 - 40 - 8 - 4 = 1228 of IKE.

        Source: docs/domain/products.md.
        """
        hosts = "C = 2001:db8::2   S = 2001:db8:1::1\n"
        skf = response(f"N({FRAG})") + "+0.1 C:4500 > S:4500 IKE_AUTH request SKF{IDi} 1-2/2 (1228 300)\n"

        def found(*contents: str) -> list[tuple[str, str]]:
            sa = only_sa(request(f"N({FRAG})", *contents) + skf, hosts=hosts)
            return [(guess.product, guess.strength) for guess in sa.products["initiator"]]

        assert found() == []
        assert found(f"V({vendor_id})") == [(product, "vendor-id"), (product, "size")]

    def auth(self, at: str, *contents: str) -> IkeSa:
        repeats = f"+0.1 C:4500 > S:4500 IKE_AUTH request 600 SK{{IDi}} x{len(at.split()) + 1} at {at}\n"
        return only_sa(request(*contents), response(), repeats, GOES_ON)

    def test_a_schedule_is_the_weakest_hint(self) -> None:
        sa = self.auth("+4.000 +11.200 +24.160")
        assert [(g.product, g.strength) for g in sa.products["initiator"]] == [("strongswan", "schedule")]
        assert "sent again after 4.0, 7.2, 13.0 s, within 0.00 s of strongSwan's default" in looks_like(
            sa.products["initiator"]
        )

    def test_what_is_only_believed_of_windows_names_nobody(self) -> None:
        assert self.auth("+1.000 +3.000 +7.000").products["initiator"] == ()

    def test_but_supports_its_vendor_id(self) -> None:
        sa = self.auth("+1.000 +3.000 +7.000", WINDOWS)
        assert [g.strength for g in sa.products["initiator"]] == ["vendor-id", "schedule"]

    def test_two_sendings_are_no_schedule(self) -> None:
        assert self.auth("+4.000").products["initiator"] == ()


def test_nothing_is_nothing() -> None:
    sa = only_sa(request())
    assert (sa.products, looks_like(sa.products["initiator"])) == ({"initiator": (), "responder": ()}, "")


def test_products_of_the_tables_have_remedies_and_names() -> None:
    keys = {row["product"] for table in ("payload_orders", "skf_sizes", "retransmit_schedules") for row in rows(table)}
    keys |= {key for row in rows("vendor_ids") for key in (*row["initiator"].split(), *row["responder"].split())}
    assert keys == _NAMES.keys()
    assert keys <= products().keys()


def test_tables_are_whole() -> None:
    for table in ("payload_orders", "skf_sizes", "retransmit_schedules"):
        for row in rows(table):
            assert row["source"] and row["alone"] in ("yes", "no"), row


def test_notifies_of_the_orders_exist() -> None:
    known = {row["name"] for row in rows("notify")} | {row["name"] for row in rows("payload")}
    for row in rows("payload_orders"):
        assert set(row["order"].replace("[", "").replace("]", "").split()) <= known, row
        assert row["message"] in ("request", "response")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.sampled_from(["request", "response"]))
def test_any_vendor_id_can_be_asked_about(bodies: list[bytes], kind: str) -> None:
    contents = " ".join(f"V(0x{body.hex()})" for body in bodies)
    sa = only_sa(request(contents), response(contents))
    for role in ("initiator", "responder"):
        strengths = [STRENGTHS.index(guess.strength) for guess in sa.products[role]]
        assert strengths == sorted(strengths)
        assert looks_like(sa.products[role]).isprintable()
