"""Writes docs/rules/, docs/rules.md and analyzer/rules/examples.toml from the rules, their remedies and first cases.

``make docs`` runs it; tests/test_rule_pages.py fails where what it would write is not what is there.
"""

from __future__ import annotations

from pathlib import Path

from analyzer.report.rule_page import as_markdown, examples, page_of
from analyzer.rules.engine import all_rules
from analyzer.rules.model import Rule
from tests.rules.cases import CASES, Case, capture_of

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "rules"
INDEX = ROOT / "docs" / "rules.md"
EXAMPLES = ROOT / "analyzer" / "rules" / "examples.toml"
GUIDE = (ROOT / "analyzer" / "report" / "capture_guide.md", ROOT / "docs" / "capture-guide.md")

_INDEX_HEAD = """\
# Rules

Each rule looks for one root cause, or for something about the trace that one must know. `ike-analyzer rules` prints
this table, `ike-analyzer explain CODE` the page. A verdict is the gravest finding of an IKE SA: by severity, then by
how sure it is, then by the order of this table.

How sure: **proved** (both ends seen, an ICMP error that names the reason, a drop recorded by the host itself),
**strong** (packets show it, on one side), **probable** (an absence, with the look-alikes excluded), **possible** (an
absence that other causes share), **cannot tell** (this trace cannot show it).

| rule | id | severity | at best | what it says |
| --- | --- | --- | --- | --- |
"""
_INDEX_TAIL = """
Where a passive trace can support a root cause only in part:

- *dns-or-wrong-gateway*: only DNS over UDP is read; a name resolved over HTTPS or from a cache leaves nothing to see.
- *host-dropped-packet*: only where the file records drops (pcapng packet verdicts); a pcap file has no place for them.
- *responder-rate-limit-shared-nat*: needs several clients behind one address in the same trace.
- *load-balancer-splits-500-4500*: one node's silence looks like any other; it is said only where an answer betrays the
  second node.
- *ike-fragment-count-limit*: a client's trace cannot show that all fragments arrived; a server's can.
- *eap-failure*, *auth-failed*, *child-sa-failed*: what is inside is encrypted; size, type of the first payload and
  direction are all there is, and the texts say so.
"""


def first_case(rule: Rule) -> Case:
    """The first case in which the rule fires."""
    return next(case for case in CASES if case.rule == rule.code and case.kind == "fires")


def example(rule: Rule) -> tuple[str, str]:
    """The ladder of a rule's first case, and what the rule says of it."""
    case = first_case(rule)
    found = next(f for f in capture_of(case).analysis.findings if f.rule == rule.code)
    says = f"{found.severity.value}, {found.confidence.value.replace('-', ' ')}: {found.title}"
    beside = "".join(f"# beside the packets: {key} {value}\n" for key, value in (case.file or {}).items())
    return beside + case.ladder.strip("\n") + "\n", says


def examples_text() -> str:
    lines = ["# The first case of each rule, and what the rule says of it. Written by make docs.\n"]
    for rule in all_rules():
        ladder, says = example(rule)
        assert "'''" not in ladder + says
        lines.append(f"\n[{rule.code}]\nladder = '''\n{ladder}'''\nsays = '''{says}'''\n")
    return "".join(lines)


def index_text() -> str:
    rows = "".join(
        f"| [{r.code}](rules/{r.code}.md) | {r.id} | {r.severity.value}{'' if r.is_verdict else ' (remark)'} "
        f"| {r.ceiling.value.replace('-', ' ')} | {r.title} |\n"
        for r in all_rules()
    )
    return _INDEX_HEAD + rows + _INDEX_TAIL


def pages() -> dict[Path, str]:
    """Every page with its text."""
    found = {PAGES / f"{rule.code}.md": as_markdown(page_of(rule)) for rule in all_rules()}
    return found | {INDEX: index_text(), GUIDE[1]: GUIDE[0].read_text(encoding="utf-8")}


def main() -> None:
    EXAMPLES.write_text(examples_text(), encoding="utf-8")
    examples.cache_clear()
    PAGES.mkdir(exist_ok=True)
    for old in PAGES.glob("*.md"):
        old.unlink()
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
