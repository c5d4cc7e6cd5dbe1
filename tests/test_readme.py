"""What README.md and docs/ show is so: commands and snippets run, pasted output is the tool's, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import analyzer
from analyzer.rules.engine import all_rules
from tests import write_json_fields

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SAMPLE = "809-fragments-lost.pcapng"
PLOT = ROOT / "docs" / "images" / "809-fragments-lost.png"

#: What a reader may be told to type. Of the last three only Windows knows.
COMMANDS = {"make", "ike-analyzer", "source", "tcpdump", "jq", "pktmon", "netsh", "etl2pcapng.exe"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    kind: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(*kinds: str) -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if match[1] in kinds or not kinds:
                found.append(Block(page, match[1], match[2], text[: match.start()].count("\n") + 1))
    return found


def commands(*kinds: str) -> list[tuple[str, str]]:
    """Where and what: each line of the shell blocks, without comments."""
    return [
        (str(block), line)
        for block in blocks(*kinds)
        for line in block.text.splitlines()
        if line.strip() and not line.startswith("#")
    ]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the reader has it: the samples, and a trace of their own named trace.pcapng."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "sample_pcaps").symlink_to(ROOT / "sample_pcaps")
    (folder / "trace.pcapng").symlink_to(ROOT / "sample_pcaps" / SAMPLE)
    return folder


def run(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, cwd=desk, env=environment, capture_output=True, text=True, check=False)


def test_every_block_has_a_kind_that_is_checked() -> None:
    assert {block.kind for block in blocks()} <= {"sh", "powershell", "python", "text", "json"}


@pytest.mark.parametrize(("where", "line"), commands("sh", "powershell"))
def test_commands_begin_with_a_known_name(where: str, line: str) -> None:
    for part in line.replace("| @tsv", "").split(" | "):
        assert part.split()[0] in COMMANDS, where


@pytest.mark.parametrize(("where", "line"), [c for c in commands("sh") if c[1].startswith("make")])
def test_make_targets_exist(where: str, line: str) -> None:
    targets = [word for word in shlex.split(line)[1:] if "=" not in word]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets), where


@pytest.mark.parametrize(("where", "line"), [c for c in commands("sh") if c[1].startswith("ike-analyzer")])
def test_the_tools_own_commands_run(where: str, line: str, desk: Path) -> None:
    """On a trace of a failure: those that judge it end with 1, those that only tell something with 0."""
    words = shlex.split(line.split(" | ")[0])
    done = run(desk, "-m", "analyzer", *words[1:])
    status = 1 if words[1] in ("analyze", "validate", "compare") else 0
    assert done.returncode == status and not done.stderr, f"{where}: {done.stderr}"
    assert len(done.stdout) > 300
    if "--plot" in words:
        assert (desk / words[words.index("--plot") + 1]).stat().st_size > 10_000
    if "--json" in words:
        assert json.loads(done.stdout)["verdict"]["id"] == "ike-auth-ip-fragments-lost-upstream"


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_snippets_run(block: Block, desk: Path) -> None:
    done = run(desk, "-c", block.text)
    assert done.returncode == 0 and not done.stderr, f"{block}: {done.stderr}"
    assert "ike-auth-ip-fragments-lost-upstream probable" in done.stdout


@pytest.mark.parametrize("block", blocks("text"), ids=str)
def test_pasted_output_is_what_the_tool_prints(block: Block, desk: Path) -> None:
    """In the same order; ``...`` stands for lines, or the end of a line, left out."""
    (desk / "out").mkdir(exist_ok=True)
    done = run(desk, "-m", "analyzer", "analyze", f"sample_pcaps/{SAMPLE}", "--plot", "out/809-fragments-lost.png")
    printed: Iterator[str] = iter(done.stdout.splitlines())
    for line in block.text.splitlines():
        if line != "...":
            start = line.removesuffix("...")
            assert any(real == line or (start != line and real.startswith(start)) for real in printed), (
                f"{block}: not printed, or not in this order: {line!r}"
            )


def test_exit_statuses_are_as_the_table_says(desk: Path) -> None:
    whole = (desk / "trace.pcapng").read_bytes()
    (desk / "cut.pcapng").write_bytes(whole[:20_000])
    statuses = {
        name: run(desk, "-m", "analyzer", "analyze", name).returncode
        for name in ("sample_pcaps/809-fixed.pcapng", "trace.pcapng", "not-here.pcapng", "cut.pcapng")
    }
    assert list(statuses.values()) == [0, 1, 2, 3]
    for page in ("README.md", "docs/json-report.md"):
        rows = re.findall(r"^\| (\d) \|", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert rows == ["0", "1", "2", "3"]


def verbs() -> list[str]:
    """Commands of the tool that the README tells to type, ``analyze`` first."""
    readme = [line for where, line in commands("sh") if where.startswith("README")]
    return list(dict.fromkeys(line.split()[1] for line in readme if line.startswith("ike-analyzer ")))


def test_every_command_of_the_tool_is_in_the_readme(desk: Path) -> None:
    usage = run(desk, "-m", "analyzer", "--help").stdout
    known = re.findall(r"^    ([a-z]+) ", usage, re.MULTILINE)
    assert verbs()[0] == known[0] == "analyze"
    assert sorted(known) == sorted(verbs())


def test_options_named_in_the_readme_exist(desk: Path) -> None:
    """Those in the item of a command are options of that command, all others of ``analyze``."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    of_verb: dict[str, str] = {}
    for item in re.findall(r"^- `.*\n(?:  .*\n)*", text, re.MULTILINE):
        of_verb[item[3:].split("`")[0].split()[0]] = item
        text = text.replace(item, "")
    of_verb["analyze"] = text
    named = 0
    for verb, prose in of_verb.items():
        help_text = run(desk, "-m", "analyzer", verb, "--help").stdout
        options = re.findall(r"`(--[a-z]+)", prose)
        assert all(re.search(rf"{option}\b", help_text) for option in options), verb
        named += len(options)
    assert named >= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_folders_of_the_readme_exist() -> None:
    folders = re.findall(r"^\| `([\w/]+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(folders) >= 10 and all((ROOT / folder).is_dir() for folder in folders)
    files = re.findall(r"^\| `([\w/]+\.py)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert all((ROOT / file).is_file() for file in files)


def test_the_picture_is_small_and_of_the_sample_as_drawn_today(desk: Path) -> None:
    from PIL import Image

    assert PLOT.stat().st_size < 150_000
    capture = analyzer.read(ROOT / "sample_pcaps" / SAMPLE)
    capture.plot(desk / "today.png")
    with Image.open(PLOT) as shown, Image.open(desk / "today.png") as today:
        assert shown.size == today.size
        small = [image.convert("L").resize((250, 140), Image.Resampling.BOX).tobytes() for image in (shown, today)]
    differing = sum(abs(a - b) > 24 for a, b in zip(*small, strict=True))
    assert differing < 250 * 140 // 100, "draw it again: python -m tests.draw_readme_picture"


# docs/json-report.md


def json_page() -> str:
    return (ROOT / "docs" / "json-report.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return json_page().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


@pytest.fixture(scope="module")
def reports(samples_read: list[Any]) -> list[dict[str, Any]]:
    return [capture.report() for capture in samples_read]


@pytest.fixture(scope="module")
def samples_read() -> list[Any]:
    return [analyzer.read(path) for path in sorted((ROOT / "sample_pcaps").glob("*.pcapng"))]


def test_every_field_and_reason_of_the_json_report_is_documented() -> None:
    """The page has the tables of the published schema, to which tests/report holds every report."""
    assert write_json_fields.page(json_page()) == json_page(), "python -m tests.write_json_fields"


def test_every_quality_id_is_documented() -> None:
    """Notes of the readers and of the decoder, as in the source; those that are rules too stand with the rules."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "analyzer").rglob("*.py"))
    notes = set(re.findall(r'\bNote\(\s*"([a-z-]+)"', source)) | {"duplicate-capture-artifact"}
    rules = {rule.id for rule in all_rules()}
    quality = section("`capture.quality`")
    told = set(re.findall(r"^\| `([a-z-]+)` \|", quality, re.MULTILINE))
    assert notes - rules == told
    named = {rule.code for rule in all_rules() if rule.code in quality}
    assert named == {rule.code for rule in all_rules() if rule.code.startswith("CAP")} - {"CAP003"}


def test_the_json_example_is_the_samples(reports: list[dict[str, Any]]) -> None:
    (example,) = (json.loads(block.text) for block in blocks("json"))
    (sa,) = (report["sas"][0] for report in reports if Path(report["file"]).name == SAMPLE)
    assert sa["exchanges"][-1:] == example.pop("exchanges")
    assert example == {key: sa[key] for key in example}
