"""Remedies: one schema, sourced, complete over products and root causes; the lines that everybody copies are right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer.remedies
from analyzer.remedies import Remedy, Side, Step, catalogue, for_topic, products, remedy, syntaxes, topics

FILES = [
    path
    for path in sorted(Path(analyzer.remedies.__file__).parent.glob("*.toml"))
    if path.stem not in ("limits", "products", "syntaxes", "topics")
]
#: Entries as they stand in the files, before the loader has touched them.
WRITTEN = {key: entry for path in FILES for key, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()}
each_remedy = pytest.mark.parametrize("key", sorted(WRITTEN))
each_topic = pytest.mark.parametrize("topic", sorted(topics()))

#: Fields of an entry and what they hold.
REQUIRED = {"product": str, "side": str, "topic": str, "what": str, "sources": list}
OPTIONAL = {
    **{"brief": str, "changes": str, "steps": list, "script": str, "verify": str, "versions": str},
    **{"confirmed": bool, "helps": bool},
}

#: Fields of a step; the first two it must have.
STEP = {"syntax": str, "lines": list, "source": str, "where": str, "versions": str}

#: A page, a section of the reference, or an RFC.
ADDRESS = r"https?://[\w.-]+/\S*"
SOURCE = ADDRESS + r"|docs/domain/[\w-]+\.md|RFC \d+( section \d+(\.\d+)*)?"

#: Products that somebody makes: an entry for one of them can stand for no other.
BRANDS = {
    *("windows-client", "windows-rras", "azure", "aws", "strongswan", "libreswan", "openiked", "cisco-ios"),
    *("cisco-asa", "fortigate", "palo-alto", "juniper-srx", "check-point", "mikrotik", "pfsense-opnsense"),
    *("apple", "android", "huawei", "nokia", "sonicwall", "zyxel", "sophos", "watchguard", "unifi", "draytek"),
    *("barracuda", "stormshield", "gcp", "zscaler"),
}

#: What the causes of docs/domain/root-causes.md ask for, by number.
ROOT_CAUSES = {
    1: ("reach-gateway", "open-udp-500", "rate-limit"),
    2: ("dns-name",),
    3: ("gateway-service", "rras-services"),
    4: ("admin-prohibited",),
    5: ("routing",),
    6: ("open-udp-500", "tcp-encapsulation"),
    7: ("open-udp-4500", "disable-alg", "not-fragmentation-for-closed-port"),
    8: ("enable-ike-fragmentation", "shrink-ike-auth", "permit-ip-fragments", "not-interface-mtu"),
    9: ("rras-fragmentation", "gateway-fragmentation", "shrink-server-chain", "permit-ip-fragments"),
    10: ("windows-client-fragmentation", "apple-fragmentation", "openiked-fragmentation"),
    11: ("rras-fragmentation", "gateway-fragmentation"),
    12: ("lower-ike-fragment-size", "strongswan-fragment-size", "fortigate-fragment-size"),
    13: ("lower-ike-fragment-size", "path-mtu"),
    14: ("fragment-count-limit", "libreswan-fragment-count", "strongswan-fragment-count"),
    15: ("shrink-ike-sa-init", "not-fragmentation-for-ike-sa-init"),
    16: ("path-mtu", "allow-icmp"),
    17: ("path-mtu",),
    18: ("align-proposals", "windows-client-proposals", "strongswan-proposals"),
    19: ("read-server-log", "gateway-trace"),
    20: ("align-key-exchange-group",),
    21: ("cookie-loop",),
    22: ("read-server-log", "credentials"),
    23: ("server-certificate", "rras-server-certificate"),
    24: ("eap-radius", "azure-radius"),
    25: ("eap-radius", "credentials"),
    26: ("child-sa",),
    27: ("session-policy",),
    28: ("force-udp-encapsulation",),
    29: ("liveness-nat-timeout",),
    30: ("rate-limit", "rras-rate-limit", "load-balancer-rate-limit"),
    31: ("load-balancer-persistence",),
    32: ("disable-alg",),
    33: ("middlebox-policy",),
    34: ("tunnel-type-ikev2", "not-l2tp-registry"),
    35: ("not-ikev1-fragmentation", "enable-ike-fragmentation"),
    36: ("redirect",),
    37: ("pq-intermediate", "libreswan-pq"),
    38: ("session-resume",),
    39: ("tcp-encapsulation",),
    40: ("host-firewall",),
    41: ("capture-once",),
    42: ("better-trace",),
    43: ("better-trace",),
    44: ("better-trace",),
    45: ("better-trace",),
    46: ("better-trace",),
    47: ("after-connect",),
    48: ("host-firewall", "client-certificate"),
}

#: docs/domain/products.md, row "Windows RRAS server".
RRAS = (
    r"New-ItemProperty -Path 'HKLM:\SYSTEM\CurrentControlSet\Services\RemoteAccess\Parameters\Ikev2\'"
    " -Name EnableServerFragmentation -PropertyType DWORD -Value 1 -Force"
)

#: What docs/domain/ says in ike-fragmentation.md (receivers' limits), products.md, windows.md (rate limit),
#: capturing.md.
KNOWN = {
    "windows-client-fragmentation": ("1803", "<DisableIKEv2Fragmentation>true"),
    "rras-fragmentation": (RRAS, "off by default", "restart"),
    "rras-rate-limit": (r"CurrentControlSet\Services\IKEEXT\Parameters", "IkeNumEstablishedForInitialQuery"),
    "strongswan-fragmentation": ("fragmentation = yes", "5.5.1"),
    "strongswan-fragment-size": ("charon {\n      fragment_size = 576\n  }", "1280", "--reload-settings"),
    "strongswan-fragment-count": ("charon {\n      max_packet = 30000\n  }", "10,000 bytes", "255"),
    "libreswan-fragmentation": ("fragmentation=yes", "3.14"),
    "libreswan-fragment-count": ("3.31", "32", "16", "29"),
    "openiked-fragmentation": ("set fragmentation", "off by default"),
    "openiked-fragment-count": ("111",),
    "cisco-ios-fragmentation": ("crypto ikev2 fragmentation mtu 1200", "off until configured"),
    "cisco-asa-fragmentation": ("576", "1280", "show crypto ikev2 sa detail"),
    "fortigate-fragmentation": ("set fragmentation enable", "set fragmentation-mtu 1200"),
    "fortigate-fragment-size": ("500 to 16000", "default is 1200"),
    "fortigate-chain": ("set send-cert-chain disable",),
    "palo-alto-fragmentation": ("Advanced Options > IKEv2", "show vpn ike-sa detail gateway", "11.2"),
    "huawei-fragmentation": ("ikev2 fragmentation mtu", "off by default", "both ends"),
    "huawei-fragment-size": ("200 to 1500", "576", "1280"),
    "nokia-fragmentation": ("ikev2-fragment mtu", "only if configured"),
    "juniper-srx-fragment-size": ("set security ike gateway NAME fragmentation size",),
    "azure-fragments": ("out of order",),
    "azure-radius": ("enable-udp-fragment-reordering",),
    "android-fragmentation": ("API 31",),
    "better-trace": ("--comp nics", "--pkt-size 0", "ip6 proto 44", "-s 0"),
    "better-trace-netsh": ("netsh trace start capture=yes report=no maxsize=1024 filemode=single",),
    "not-interface-mtu": ("MTU", "only makes more fragments"),
    "not-l2tp-registry": ("AssumeUDPEncapsulationContextOnSendRule", "ProhibitIpSec"),
}

#: Rows of docs/domain/products.md marked unchecked or doubtful, or whose command is unknown there, and for which no
#: source was found since.
DOUBTFUL = (
    *("windows-client-fragment-size", "cisco-asa-fragmentation", "azure-fragmentation", "check-point-fragmentation"),
    *("mikrotik-fragmentation", "aws-fragmentation", "apple-fragmentation"),
)


class TestEntries:
    def test_no_id_is_in_two_files(self) -> None:
        ids = [key for path in FILES for key in tomllib.loads(path.read_text(encoding="utf-8"))]
        assert len(set(ids)) == len(ids)
        assert sorted(ids) == sorted(catalogue())

    @each_remedy
    def test_has_the_one_schema(self, key: str) -> None:
        entry = WRITTEN[key]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
        assert set(REQUIRED) <= set(entry) <= set(REQUIRED | OPTIONAL)
        for field, value in entry.items():
            assert type(value) is (REQUIRED | OPTIONAL)[field], field
            assert value != "", field
        assert entry["product"] in products()
        assert entry["topic"] in topics()
        assert entry["side"] in get_args(Side)

    @each_remedy
    def test_says_how_to_verify(self, key: str) -> None:
        """With a capture, or at least with a ping; only what does not help has nothing to verify."""
        assert bool(catalogue()[key].verify) == catalogue()[key].helps

    @each_remedy
    def test_source_can_be_looked_up(self, key: str) -> None:
        assert WRITTEN[key]["sources"]
        for source in WRITTEN[key]["sources"]:
            assert re.fullmatch(SOURCE, source), source

    @each_remedy
    def test_is_plain_text_that_can_be_copied(self, key: str) -> None:
        entry = WRITTEN[key]
        texts = [entry[f] for f in ("what", "brief", "changes", "versions", "verify") if f in entry]
        steps = entry.get("steps", ())
        texts += [line for step in steps for line in step["lines"]]
        texts += [text for step in steps for field, text in step.items() if field != "lines"]
        for text in texts:
            assert text.isascii()
            assert text.isprintable()
            assert text.rstrip() == text
            assert text
        assert entry["what"][-1] in ".:)"
        assert not (entry["what"].endswith(":") and not steps)
        assert entry.get("verify", "end.")[-1] == "."
        # Two lines of the report, and shorter than what it stands for, unless that has lines to copy.
        assert len(entry.get("brief", "")) <= 190
        assert entry.get("brief", "end.")[-1] == "."
        assert steps or len(entry.get("brief", "")) < len(entry["what"])
        assert entry.get("changes", "end.")[-1] == "."
        assert entry.get("versions", "")[-1:] != "."

    @each_remedy
    def test_steps_have_the_one_schema(self, key: str) -> None:
        for step in WRITTEN[key].get("steps", ()):
            assert {"syntax", "lines"} <= set(step) <= set(STEP)
            assert all(type(value) is STEP[field] for field, value in step.items())
            assert step["syntax"] in syntaxes()
            assert step["lines"]
            assert re.fullmatch(ADDRESS, step.get("source", "https://example.org/"))
            assert not step.get("where", "").endswith((":", "."))

    @each_remedy
    def test_what_is_unknown_is_not_confirmed(self, key: str) -> None:
        text = WRITTEN[key]["what"]
        if re.search(r"as far as known|not confirmed|is not known\b(?! here)", text):
            assert not catalogue()[key].confirmed

    @each_remedy
    def test_what_does_not_help_has_a_topic_of_its_own(self, key: str) -> None:
        entry = catalogue()[key]
        assert entry.helps == (entry.topic != "does-not-help")

    @pytest.mark.parametrize("key", DOUBTFUL)
    def test_doubts_of_the_reference_stay_doubts(self, key: str) -> None:
        assert not catalogue()[key].confirmed
        assert "(Not confirmed by a source.)" in remedy(key)[0]

    @pytest.mark.parametrize("key", KNOWN)
    def test_says_what_the_reference_says(self, key: str) -> None:
        entry = catalogue()[key]
        text = "\n".join((*remedy(key), entry.versions))
        for piece in KNOWN[key]:
            assert piece in text

    def test_rras_line_is_exact(self) -> None:
        assert RRAS in [line for step in catalogue()["rras-fragmentation"].steps for line in step.lines]
        assert "16430 stands in the IKE_SA_INIT response" in catalogue()["rras-fragmentation"].verify

    @pytest.mark.parametrize("key", [k for k in WRITTEN if WRITTEN[k]["topic"] in ("better-trace", "gateway-trace")])
    def test_no_trace_is_taken_through_a_port_filter(self, key: str) -> None:
        """A port filter loses the IP fragments beyond the first.

        Sources: docs/domain/filtered-captures.md, docs/domain/windows-traces.md.
        """
        lines = [line for step in catalogue()[key].steps for line in step.lines]
        assert not re.search(r"\bport\b|-p 500", " ".join(lines))


class TestCoverage:
    @each_topic
    def test_each_topic_has_a_general_remedy_of_its_name(self, topic: str) -> None:
        entry = catalogue()[topic]
        assert entry.topic == topic
        assert entry.is_general
        assert entry.product not in BRANDS

    def test_brands_and_places_are_those_of_the_peers(self) -> None:
        places = {"home-router", "carrier", "firewall", "load-balancer"}
        general = {"any-client", "any-server", "any-side", "path", "trace"}
        assert set(products()) == BRANDS | places | general

    @pytest.mark.parametrize("product", sorted(BRANDS))
    def test_each_brand_says_how_to_enable_fragmentation_and_how_large_it_may_be(self, product: str) -> None:
        """Also where nothing can be set: then it says so."""
        cured = {entry.topic for entry in catalogue().values() if entry.product == product}
        assert {"enable-ike-fragmentation", "lower-ike-fragment-size"} <= cured
        for entry in catalogue().values():
            if entry.product == product and entry.topic in ("enable-ike-fragmentation", "lower-ike-fragment-size"):
                assert entry.steps or re.search(r"no (setting|field)|update|by default", entry.what)

    @pytest.mark.parametrize("number", range(1, 49))
    def test_each_root_cause_has_its_remedies(self, number: int) -> None:
        assert set(ROOT_CAUSES[number]) <= set(catalogue())

    def test_each_product_and_each_topic_is_used(self) -> None:
        assert {entry.product for entry in catalogue().values()} == set(products())
        assert {entry.topic for entry in catalogue().values()} == set(topics())


class TestForTopic:
    def test_guessed_products_come_first_then_the_general_remedy(self) -> None:
        found = for_topic("align-proposals", products=("fortigate", "windows-client"))
        assert found[:3] == ("fortigate-proposals", "windows-client-proposals", "align-proposals")
        assert "strongswan-proposals" in found[3:]

    def test_without_a_guess_the_general_remedy_is_first(self) -> None:
        assert for_topic("path-mtu")[0] == "path-mtu"

    def test_a_side_leaves_out_what_only_others_can_do(self) -> None:
        server = for_topic("enable-ike-fragmentation", side="server")
        assert "rras-fragmentation" in server
        assert "strongswan-fragmentation" in server
        assert "windows-client-fragmentation" not in server

    def test_unknown_topic_is_a_mistake(self) -> None:
        with pytest.raises(KeyError):
            for_topic("sacrifice-a-chicken")

    @given(
        st.sampled_from(sorted(topics())),
        st.lists(st.sampled_from(sorted(products())), unique=True),
        st.sampled_from([None, *get_args(Side)]),
    )
    def test_it_only_orders_what_there_is(self, topic: str, guessed: list[str], side: Side | None) -> None:
        found = [catalogue()[key] for key in for_topic(topic, products=guessed, side=side)]
        sides = get_args(Side) if side is None else (side, "either")
        wanted = [e.id for e in catalogue().values() if e.topic == topic and e.side in sides]
        assert sorted(e.id for e in found) == sorted(wanted)
        ranks = [guessed.index(e.product) if e.product in guessed else len(guessed) for e in found]
        assert ranks == sorted(ranks)


class TestText:
    @each_remedy
    def test_holds_all_that_a_reader_needs(self, key: str) -> None:
        entry = catalogue()[key]
        (text,) = remedy(key)
        label = products()[entry.product] if entry.helps else "What does not help"
        assert text.startswith(f"{label}: {entry.what.rstrip(':')}")
        wanted = [f"  {line}" for step in entry.steps for line in step.lines]
        wanted += [f"Effect: {entry.changes}"] if entry.changes else []
        wanted += [f"Versions: {entry.versions}."] if entry.versions else []
        wanted += [f"Verify: {entry.verify}"] if entry.verify else []
        wanted += [] if entry.confirmed else ["(Not confirmed by a source.)"]
        headings = {f"{step.heading}:" for step in entry.steps}
        doubts = {"(These lines are not confirmed by a source.)"}
        assert [line for line in text.splitlines()[1:] if line not in headings | doubts] == wanted

    def remedy_of(self, monkeypatch: pytest.MonkeyPatch, what: str, *steps: Step, confirmed: bool = True) -> list[str]:
        """The text of a remedy with these steps, as lines."""
        entry = Remedy("x", "strongswan", "server", "routing", what, "", (), steps=steps, confirmed=confirmed)
        monkeypatch.setattr(analyzer.remedies, "catalogue", lambda: {"x": entry})
        remedy.cache_clear()
        (text,) = remedy("x")
        remedy.cache_clear()
        return text.splitlines()

    def test_each_place_is_named_and_nested_lines_keep_their_indentation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        block = Step("strongswan.conf", ("charon {", "    port = 1", "}"))
        assert self.remedy_of(monkeypatch, "do this:", block, Step("shell", ("swanctl --stats",))) == [
            "strongSwan: do this.",
            "In strongswan.conf:",
            "  charon {",
            "      port = 1",
            "  }",
            "In a shell:",
            "  swanctl --stats",
        ]

    def test_a_place_that_the_words_name_last_is_not_named_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        step = Step("swanctl.conf", ("connections {", "}"))
        told = self.remedy_of(monkeypatch, "change the size in swanctl.conf:", step)
        assert told == ["strongSwan: change the size in swanctl.conf:", "  connections {", "  }"]

    def test_a_product_with_one_place_has_no_heading(self, monkeypatch: pytest.MonkeyPatch) -> None:
        step = Step("junos", ("commit",), source="https://example.org/")
        assert self.remedy_of(monkeypatch, "do this:", step) == ["strongSwan: do this:", "  commit"]

    def test_a_step_can_name_its_place_and_its_versions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        step = Step("swanctl.conf", ("connections {", "}"), where="In my.conf", versions="6.0 and later")
        assert self.remedy_of(monkeypatch, "do this:", step)[1] == "In my.conf (6.0 and later):"

    @pytest.mark.parametrize(
        "step, vouched",
        [
            (Step("strongswan.conf", ("charon {", "}")), True),
            (Step("shell", ("tcpdump -i any",)), True),
            (Step("shell", ("# one comment", "tcpdump -i any \\", "    -w t.pcap")), True),
            (Step("shell", ("tcpdump -i any", "magic -x")), False),
            (Step("shell", ("magic -x",), source="https://example.org/"), True),
            (Step("cisco-ios", ("crypto ikev2 fragmentation",)), False),
            (Step("cisco-ios", ("crypto ikev2 fragmentation",), source="https://example.org/"), True),
        ],
    )
    def test_lines_that_neither_parser_nor_source_vouches_for_say_so(
        self, monkeypatch: pytest.MonkeyPatch, step: Step, vouched: bool
    ) -> None:
        doubt = "(These lines are not confirmed by a source.)"
        told = self.remedy_of(monkeypatch, "do this:", step)
        assert (doubt not in told) == vouched
        told = self.remedy_of(monkeypatch, "do this:", step, confirmed=False)
        assert [line for line in told if "not confirmed" in line.lower()] == ["(Not confirmed by a source.)"]

    def test_the_topic_says_how_to_verify_unless_the_remedy_does(self) -> None:
        topic = tomllib.loads((FILES[0].parent / "topics.toml").read_text(encoding="utf-8"))["align-proposals"]
        assert "verify" not in WRITTEN["fortigate-proposals"]
        assert catalogue()["fortigate-proposals"].verify == topic["verify"]
        assert catalogue()["rras-fragmentation"].verify == WRITTEN["rras-fragmentation"]["verify"]

    def test_what_is_not_confirmed_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        doubtful = Remedy("power-cycle", "home-router", "network", "routing", "restart it.", "", (), confirmed=False)
        monkeypatch.setattr(analyzer.remedies, "catalogue", lambda: {"power-cycle": doubtful})
        remedy.cache_clear()
        assert remedy("power-cycle") == ("Home router: restart it.\n(Not confirmed by a source.)",)
        remedy.cache_clear()

    def test_unknown_remedy_is_a_mistake(self) -> None:
        with pytest.raises(KeyError):
            remedy("sacrifice-a-chicken")
