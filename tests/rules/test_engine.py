"""How rules are found, what each must be, and how verdicts are drawn (docs/verdicts.md)."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from io import BytesIO
from pathlib import Path

import pytest

import analyzer
import analyzer.rules
from analyzer.remedies import catalogue
from analyzer.report.ladder.notation import parse
from analyzer.rules.catalogue import causes
from analyzer.rules.engine import all_rules
from analyzer.rules.model import Confidence, Rule, Severity, Verdict
from analyzer.rules.shared.evidence import EVIDENCE
from sample_pcaps.lab.maker import make

FOLDER = Path(analyzer.rules.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if re.match(r"[a-z]{2,3}\d{3}_", path.stem))
HEADINGS = ["What it means", "Seen as", "Not to be confused with", "Certain when", "References"]

each_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
each_module = pytest.mark.parametrize("module", MODULES)

HOSTS = "C = 10.0.0.2   S = 203.0.113.7   T = 203.0.113.8   R = 10.0.0.1\n"


def silent(start: float, sa: int, server: str = "S") -> str:
    """An IKE_SA_INIT that nobody answers: blocking, probable."""
    return f"+{start:.3f} C:500 > {server}:500 IKE_SA_INIT request sa {sa} x3 at +1.000 +3.000\n"


def refused(start: float, sa: int, server: str = "S") -> str:
    """NO_PROPOSAL_CHOSEN: blocking, strong."""
    return (
        f"+{start:.3f} C:500 > {server}:500 IKE_SA_INIT request sa {sa}\n"
        f"+{start + 0.03:.3f} C:500 < {server}:500 IKE_SA_INIT response 36 N(NO_PROPOSAL_CHOSEN) sa {sa}\n"
    )


def established(start: float, sa: int, server: str = "S") -> str:
    """IKE_AUTH answered with the shape of success, and a liveness check: information, strong."""
    return (
        f"+{start:.3f} C:500 > {server}:500 IKE_SA_INIT request sa {sa}\n"
        f"+{start + 0.03:.3f} C:500 < {server}:500 IKE_SA_INIT response sa {sa}\n"
        f"+{start + 0.07:.3f} C:4500 > {server}:4500 IKE_AUTH request 600 SK{{IDi}} sa {sa}\n"
        f"+{start + 0.12:.3f} C:4500 < {server}:4500 IKE_AUTH response 500 SK{{IDr}} sa {sa}\n"
        f"+{start + 1:.3f} C:4500 > {server}:4500 INFORMATIONAL request SK{{}} sa {sa}\n"
        f"+{start + 1.03:.3f} C:4500 < {server}:4500 INFORMATIONAL response SK{{}} sa {sa}\n"
    )


def deaf(start: float, sa: int) -> str:
    """An established IKE SA whose client no longer answers: degrading, probable."""
    return established(start, sa) + (
        f"+{start + 60:.3f} C:4500 < S:4500 INFORMATIONAL request SK{{}} sa {sa} x4 at +1.000 +3.000 +7.000\n"
    )


def unknown(start: float, sa: int) -> str:
    """A session from before the capture: cannot tell."""
    return f"+{start:.3f} C:4500 < S:4500 INFORMATIONAL request SK{{D}} mid 4 sa {sa}\n"


def accepted(start: float, sa: int, server: str = "S") -> str:
    """IKE_AUTH answered with the shape of success, and nothing behind it."""
    return established(start, sa, server).split("INFORMATIONAL")[0].rpartition("\n")[0] + "\n"


def read(*parts: str) -> analyzer.Capture:
    return analyzer.read("ladder", stream=BytesIO(make(parse(HOSTS + "".join(parts)))))


def verdict(*parts: str) -> Verdict:
    return read(*parts).verdict


# -- discovery ---------------------------------------------------------------------------------------------------------


def test_every_rule_module_is_found() -> None:
    assert sorted(module.partition("_")[0].upper() for module in MODULES) == sorted(rule.code for rule in all_rules())


def test_nothing_but_rules_has_the_name_of_one() -> None:
    others = {path.stem for path in FOLDER.glob("*.py")} - set(MODULES)
    assert others == {"__init__", "catalogue", "engine", "model", "reasons"}


def test_rules_come_in_the_order_of_the_catalogue() -> None:
    assert [(rule.code, rule.id, rule.order, rule.title) for rule in all_rules()] == [c[:4] for c in causes().values()]
    assert len({cause.id for cause in causes().values()}) == len(all_rules())


def test_a_rule_begins_with_its_title_in_the_catalogue() -> None:
    for rule in all_rules():
        assert (sys.modules[rule.check.__module__].__doc__ or "").startswith(f"{rule.title}\n\n"), rule.code


@each_module
def test_rules_never_import_each_other(module: str) -> None:
    imported = {
        name
        for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8")))
        for name in _imports(node)
    }
    assert not {name for name in imported if name.rpartition(".")[2] in MODULES}


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


# -- what a rule is ----------------------------------------------------------------------------------------------------


@each_module
def test_docstring_has_the_five_headings(module: str) -> None:
    text = importlib.import_module(f"analyzer.rules.{module}").__doc__ or ""
    summary, _, rest = text.partition("\n\n")
    assert summary.endswith(".") and "\n" not in summary
    assert re.findall(r"^(\S.*)$", rest, re.MULTILINE) == HEADINGS
    for section in re.split(r"^\S.*$", rest, flags=re.MULTILINE)[1:]:
        assert re.match(r"\n    \S", section), f"an empty section in {module}"


@each_module
def test_docstring_cites_a_source(module: str) -> None:
    text = importlib.import_module(f"analyzer.rules.{module}").__doc__ or ""
    assert re.search(r"docs/domain/|RFC \d{4}", text.partition("References\n")[2])


def test_codes_and_ids_are_unique() -> None:
    assert len({rule.code for rule in all_rules()}) == len({rule.id for rule in all_rules()}) == len(all_rules())


@each_rule
def test_rule_is_well_formed(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z]{2,3}\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert set(rule.needs) <= set(EVIDENCE)
    assert set(rule.versions) <= {1, 2}
    assert rule.versions


@each_rule
def test_remarks_are_information(rule: Rule) -> None:
    """What is no answer to "why did it fail" must not be graver than that."""
    assert rule.is_verdict or rule.severity is Severity.INFORMATION


# -- remedies ----------------------------------------------------------------------------------------------------------


def _remedies_named_in(module: str) -> set[str]:
    """Words in the places where remedies are named: ``remedies=...`` and the functions of ``advice``."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    places = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "remedies"]
    bodies = [
        node for node in ast.walk(tree) if module == "shared/advice" and isinstance(node, ast.Return | ast.AugAssign)
    ]
    constants = [c for place in (*places, *bodies) for c in ast.walk(place) if isinstance(c, ast.Constant)]
    return {c.value for c in constants if isinstance(c.value, str) and "-" in c.value}


@pytest.mark.parametrize("module", [*MODULES, "shared/advice"])
def test_remedies_of_a_rule_exist(module: str) -> None:
    assert _remedies_named_in(module) <= set(catalogue())


# -- verdicts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([silent(0, 1)], "no-response-ike-sa-init"),
        ([established(0, 1)], "connected-ok"),
        ([unknown(0, 1)], "capture-starts-late"),
        ([deaf(0, 1)], "dpd-timeout"),
        # Severity comes first: a blocking "probable" of one gateway before a degrading finding of the other.
        ([deaf(0, 1), silent(9, 2, "T")], "no-response-ike-sa-init"),
        # Then confidence: strong before probable, whichever came first.
        ([silent(0, 1), refused(9, 2)], "no-proposal-chosen-ike"),
        ([refused(0, 1), silent(9, 2)], "no-proposal-chosen-ike"),
        # A later success between the same two addresses makes past what was before it, however much that was.
        ([silent(0, 1), refused(9, 2), established(19, 3)], "connected-ok"),
        # It makes nothing past that comes later ...
        ([silent(0, 1), established(9, 2), refused(19, 3)], "no-proposal-chosen-ike"),
        # ... nor what happened with another gateway.
        ([silent(0, 1), established(9, 2, "T")], "no-response-ike-sa-init"),
        ([silent(0, 1), established(9, 2), silent(0.5, 3, "T")], "no-response-ike-sa-init"),
        # What cannot be told makes nothing past, and does not outrank a success.
        # (That one is heard on 4500, though, while 500 is silent.)
        ([silent(0, 1), unknown(9, 2)], "udp-500-blocked-4500-open"),
        ([unknown(0, 1), established(9, 2)], "connected-ok"),
        ([established(0, 1), unknown(9, 2)], "connected-ok"),
        # A degraded connection is no success that would make a failure past.
        ([silent(0, 1), deaf(9, 2)], "no-response-ike-sa-init"),
    ],
)
def test_verdict_of_a_capture(parts: list[str], expected: str) -> None:
    assert verdict(*parts).id == expected


def test_order_of_the_catalogue_breaks_ties() -> None:
    """Blocking and possible both: "no response" is number 1, "unanswered" has none."""
    ladder = "+0.000 C:500 > S:500 IKE_SA_INIT request\n+9.000 C:50000 > R:53 DNS query vpn.example.com\n"
    assert verdict(ladder).id == "no-response-ike-sa-init"


def test_verdict_says_which_sa_and_which_frames() -> None:
    said = verdict(established(0, 1, "T"), refused(9, 2))
    assert (said.sa, said.rule, said.frames) == (2, "NEG001", (7, 8))


def test_of_several_successes_the_first_is_told() -> None:
    """However sure each is: the first has no ESP or liveness check behind it."""
    said = verdict(accepted(0, 1, "T"), established(9, 2))
    assert (said.id, said.confidence, said.sa) == ("connected-ok", Confidence.POSSIBLE, 1)


def test_a_verdict_that_is_asked_for_twice_is_the_same() -> None:
    judgement = read(silent(0, 1), refused(9, 2)).analysis.judgement
    assert judgement.of_sa[1] is judgement.of_sa[1]
    assert list(judgement.of_sa[:]) == [judgement.of_sa[0], judgement.of_sa[1]]


def test_a_plain_success_is_one() -> None:
    assert set(read(refused(0, 1, "T"), established(9, 2)).analysis.related.plain_successes) == {1}


def test_what_is_not_assessed_is_told_of_each_sa() -> None:
    requests = "+0 C:500 > S:500 IKE_SA_INIT request sa 1\n+9 C:500 > S:500 IKE_SA_INIT request sa 2\n"
    ladder = HOSTS + "snaplen 128\n" + requests
    missing = analyzer.read("ladder", stream=BytesIO(make(parse(ladder)))).analysis.judgement.not_assessed
    assert {n.sa for n in missing if n.rule == "FRG003"} == {1, 2}


ANSWERED = "+0.000 C:500 > S:500 IKE_SA_INIT request\n+0.030 C:500 < S:500 IKE_SA_INIT response\n"


@pytest.mark.parametrize(
    ("ladder", "piece"),
    [
        (ANSWERED, "was answered and nothing of IKE follows"),
        ("+0 C:4500 > S:4500 IKE_AUTH request 600 SK{IDi} mid 1\n", "does not show how the IKE SA"),
        (
            ANSWERED
            + """
            +0.040 C:4500 > S:4500 IKE_AUTH request 1378 SK{IDi}
            +0.060 C:4500 < S:4500 IKE_AUTH response 1228 SK{IDr}
            """,
            "does not show how the IKE SA",
        ),
    ],
)
def test_what_cannot_be_told_is_said_in_words(ladder: str, piece: str) -> None:
    capture = analyzer.read("ladder", stream=BytesIO(make(parse(HOSTS + ladder))))
    (sa,) = capture.analysis.sas
    said = capture.analysis.judgement.verdict_among(sa, ())
    assert (said.id, said.severity, said.exit_status) == ("cannot-tell", Severity.INFORMATION, 3)
    assert piece in said.text


def test_findings_come_gravest_first() -> None:
    ladder = HOSTS + deaf(0, 1) + silent(9, 2, "T") + refused(19, 3)
    found = analyzer.read("ladder", stream=BytesIO(make(parse(ladder)))).analysis.findings
    assert [f.severity for f in found] == sorted((f.severity for f in found), key=list(Severity).index)
    assert [f.rule for f in found][:2] == ["NEG001", "NET001"]


@pytest.mark.parametrize(
    ("parts", "status"),
    [([established(0, 1)], 0), ([silent(0, 1)], 1), ([deaf(0, 1)], 1), ([unknown(0, 1)], 3), ([], 3)],
)
def test_exit_status_of_a_capture(parts: list[str], status: int) -> None:
    assert verdict(*parts).exit_status == status


# -- not assessed ------------------------------------------------------------------------------------------------------


def test_what_is_not_assessed_names_rule_sa_and_reason() -> None:
    ladder = HOSTS + established(0, 1) + refused(9, 2)
    lacking = analyzer.read("ladder", stream=BytesIO(make(parse(ladder)))).analysis.judgement.not_assessed
    assert {(n.rule, n.sa) for n in lacking} == {("FRG004", 2), ("FRG006", 2)}
    assert all("only an error" in n.because for n in lacking)


def test_rules_of_ikev2_are_not_asked_about_ikev1() -> None:
    ladder = HOSTS + "+0.000 C:500 > S:500 IKEv1 Main Mode request\n+0.030 C:500 < S:500 IKEv1 Main Mode response\n"
    capture = analyzer.read("ladder", stream=BytesIO(make(parse(ladder))))
    assert {f.rule for f in capture.analysis.findings} == {"VER001"}
    assert capture.analysis.judgement.not_assessed == ()


def test_what_follows_an_answered_ike_intermediate_is_told() -> None:
    """The words name all that was answered."""
    steps = (
        "+0.00 C:500 > S:500 IKE_SA_INIT request\n+0.03 C:500 < S:500 IKE_SA_INIT response\n"
        "+0.05 C:4500 > S:4500 IKE_INTERMEDIATE request 1000\n+0.07 C:4500 < S:4500 IKE_INTERMEDIATE response 1000\n"
    )
    verdict = read(steps).verdict
    assert verdict.id == "cannot-tell"
    assert verdict.text.startswith("IKE_SA_INIT and IKE_INTERMEDIATE between 10.0.0.2 and 203.0.113.7 were answered")
