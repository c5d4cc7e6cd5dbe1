"""What Windows and Apple devices are told to do is held to what their makers' pages take: powershell.toml.

There is no PowerShell here to ask. So each line is split as PowerShell splits it, and each cmdlet, parameter, value,
and each option of pktmon and netsh is looked up in a table that names the page it was taken from.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import analyzer.remedies
from analyzer.formats.etl.notes import HOW_TO
from analyzer.remedies import catalogue
from tests.remedies.read_powershell import Command, Unreadable, read

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLE: dict[str, Any] = tomllib.loads((HERE / "powershell.toml").read_text(encoding="utf-8"))
REMEDIES = Path(analyzer.remedies.__file__).parent

CMDLETS: dict[str, dict[str, Any]] = TABLE["cmdlet"]
PROGRAMS: list[dict[str, Any]] = TABLE["program"]
OPTIONS = {option for program in PROGRAMS for option in program.get("options", {})}
#: Where a command can begin in a comment, in a string that is shown, or in prose.
COMMAND = r"[A-Z][a-z]+-[A-Z]\w+|pktmon|netsh"

# -- The table as a judge ----------------------------------------------------------------------------------------------


def complaints(text: str, functions: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with the commands of a text, those in its comments and shown strings among them."""
    try:
        script = read(text)
    except Unreadable as error:
        return [str(error)]
    known = functions | script.functions
    shown = [v for c in script.commands for a in c.arguments if isinstance(a, tuple) for v in a]
    told = [m.group(1) for t in (*script.comments, *shown) if (m := re.search(rf"(?:^ *|: )((?:{COMMAND})\b.*)", t))]
    return [
        *(wrong for command in script.commands for wrong in _wrong(command, known)),
        *(wrong for line in told for wrong in complaints(line, frozenset(known))),
    ]


def _wrong(command: Command, functions: set[str] | frozenset[str]) -> Iterator[str]:
    if command.name in functions:
        return
    if command.name in ("pktmon", "netsh"):
        words = [command.name, *(a if isinstance(a, str) else a[0] for a in command.arguments)]
        fitting = [list(_misfits(words, program)) for program in PROGRAMS if _begins(words, program)]
        if not fitting:
            yield f"no such command: {' '.join(words)}"
        elif [] not in fitting:
            yield fitting[0][0]
    elif command.name not in CMDLETS:
        yield f"no cmdlet in the table: {command.name}"
    else:
        yield from _wrong_parameters(command, CMDLETS[command.name])


def _wrong_parameters(command: Command, entry: dict[str, Any]) -> Iterator[str]:
    common = TABLE["common"]
    values = {name.lower() for name in [*entry.get("values", ()), *common["values"]]}
    switches = {name.lower() for name in [*entry.get("switches", ()), *common["switches"]]}
    choices = {key.lower(): list_ for key, list_ in (common["choices"] | entry.get("choices", {})).items()}
    positional = 0
    waiting = ""
    for argument in command.arguments:
        if isinstance(argument, str):
            name = argument.removeprefix("-").lower()
            if waiting:
                yield f"{command.name}: -{waiting} has no value"
            if name not in values | switches:
                yield f"{command.name} has no parameter {argument}"
            waiting = name if name in values else ""
        elif waiting:
            allowed = [choice.lower() for choice in choices.get(waiting, ())]
            for value in argument:
                if allowed and value.lower() not in allowed and not value.startswith("$"):
                    yield f"{command.name}: -{waiting} does not take {value}"
            waiting = ""
        else:
            positional += 1
    if waiting:
        yield f"{command.name}: -{waiting} has no value"
    if positional > entry.get("positional", 0):
        yield f"{command.name}: too many values without a parameter"


def _begins(words: list[str], program: dict[str, Any]) -> bool:
    begins = program["begins"].split()
    return words[: len(begins)] == begins


def _misfits(words: list[str], program: dict[str, Any]) -> Iterator[str]:
    options, keys = program.get("options", {}), program.get("keys", {})
    operands = program.get("operands", 0)
    rest = iter(words[len(program["begins"].split()) :])
    for word in rest:
        key, sign, value = word.partition("=")
        if sign:
            allowed = keys.get(key, ())
        elif word.startswith("-"):
            allowed = options.get(word, ())
            if word in options and not allowed:
                continue
            value = next(rest, "")
        elif operands:
            operands -= 1
            continue
        else:
            allowed = ()
        if not allowed or (value not in allowed and allowed != ["*"]) or not value:
            yield f"{program['begins']} does not take {word} {value}".rstrip()


# -- What is printed ---------------------------------------------------------------------------------------------------


def _steps(syntax: str) -> dict[str, str]:
    return {
        f"{key}-{number}": "\n".join(step.lines)
        for key, entry in catalogue().items()
        for number, step in enumerate(entry.steps)
        if step.syntax == syntax
    }


def _fenced(path: Path) -> dict[str, str]:
    blocks = re.findall(r"^```powershell\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return {f"{path.name}-{number}": block for number, block in enumerate(blocks)}


SCRIPTS = {path.name: path.read_text(encoding="ascii") for path in sorted((REMEDIES / "scripts").iterdir())}
LINES = {
    **_steps("powershell"),
    **_fenced(ROOT / "docs" / "capture-guide.md"),
    **_fenced(ROOT / "analyzer" / "report" / "capture_guide.md"),
    **_fenced(ROOT / "README.md"),
    **{f"how-to-{number}": line for number, line in enumerate(HOW_TO.removeprefix("capture with: ").split(", or: "))},
    **SCRIPTS,
}
PROSE = {key: f"{e.what}\n{e.changes}\n{e.versions}\n{e.verify}" for key, e in catalogue().items()}


@pytest.mark.parametrize("name", sorted(LINES))
def test_every_line_is_known_to_windows(name: str) -> None:
    assert complaints(LINES[name]) == []


def test_there_are_lines_of_every_kind() -> None:
    """A reader that finds nothing would find nothing wrong."""
    commands = [command.name for text in LINES.values() for command in read(text).commands]
    assert len(commands) > 60
    assert {"pktmon", "netsh", "New-ItemProperty", "Restart-Service", "Set-VpnServerConfiguration"} <= set(commands)
    assert {name.rpartition("-")[0] for name in LINES} >= {"capture-guide.md", "rras-fragmentation", "how-to"}


@pytest.mark.parametrize("key", sorted(PROSE))
def test_every_cmdlet_and_option_named_in_words_is_in_the_table(key: str) -> None:
    named = set(re.findall(r"\b(?:Add|Get|Set|New|Remove|Restart|Start|Stop)-[A-Z]\w+", PROSE[key]))
    assert named <= set(CMDLETS)
    if catalogue()[key].product in ("windows-client", "windows-rras"):
        assert set(re.findall(r"(?<!\S)--[a-z]\S*[a-z]", PROSE[key])) <= OPTIONS | {"--script", "--server"}


def test_every_option_named_in_the_guide_is_in_the_table() -> None:
    quoted = re.findall(r"`([^`\n]*)`", (ROOT / "docs" / "capture-guide.md").read_text(encoding="utf-8"))
    theirs = [text for text in quoted if not text.startswith("ike-analyzer ")]
    assert {option for text in theirs for option in re.findall(r"(?<!\S)--[a-z-]+", text)} <= OPTIONS


@pytest.mark.parametrize("entry", [*CMDLETS.items(), *((p["begins"], p) for p in PROGRAMS)], ids=lambda e: e[0])
def test_every_entry_names_its_page(entry: tuple[str, dict[str, Any]]) -> None:
    name, what = entry
    assert what["source"].startswith("https://learn.microsoft.com/en-us/")
    stem = name.split()[1] if " " in name else name
    assert stem.lower() in what["source"].lower() or "hh918438" in what["source"] or "pktmon" in what["source"]


@pytest.mark.parametrize(
    "line",
    [
        "Set-VpnServerConfiguration -TunelType IKEV2",
        "Set-VpnServerConfiguration -TunnelType",
        "Set-VpnServerConfiguration -TunnelType SSTP",
        "Set-VpnConnectionIPsecConfiguration -ConnectionName N -EncryptionMethod AES_GCM_128",
        "Set-VpnConnectionIPsecConfiguration -ConnectionName N -DHGroup Group15",
        "Restart-Service RemoteAccess IKEEXT -Force",
        "Restart-Service RemoteAccess -Forced",
        "Get-ItemProperty -Path 'HKLM:\\SYSTEM\\ -Name X",
        'Get-ItemProperty -Path "HKLM:\\SYSTEM" -Nam X',
        "if (Test-Path -Path X { New-Item -Path X }",
        "gci Cert:\\LocalMachine\\My",
        "Get-Certificates -All",
        "pktmon start -c --comp nics --pktsize 0",
        "pktmon start --etw --pkt-size 0",
        "pktmon start --capture --comp adapters",
        "pktmon begin",
        "netsh trace start capture=maybe",
        "netsh trace start file=C:\\t.etl",
        "netsh ras set ikev2connection idle=5",
        "Get-Service IKEEXT | Format-Lists Name",
        "# the way back: Remove-ItemProperty -Pfad X -Name Y",
        "Write-Host '  Remove-ItemProperty -Pfad X'",
    ],
)
def test_a_wrong_line_is_found(line: str) -> None:
    assert complaints(line) != []


# -- The script --------------------------------------------------------------------------------------------------------

RRAS = "enable-server-fragmentation.ps1"


class TestScript:
    def test_every_script_is_a_remedys_and_every_remedys_script_is_there(self) -> None:
        assert sorted(e.script for e in catalogue().values() if e.script) == sorted(SCRIPTS)

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_is_plain_text_that_any_windows_reads(self, name: str) -> None:
        text = SCRIPTS[name]
        assert text.isascii()
        assert "\t" not in text
        assert "\r" not in text
        assert text.endswith("\n")
        assert max(map(len, text.splitlines())) <= 120

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_has_the_help_that_get_help_shows(self, name: str) -> None:
        head = SCRIPTS[name].partition("#>")[0]
        assert SCRIPTS[name].startswith("<#\n")
        assert re.findall(r"^\.([A-Z]+)", head, re.MULTILINE)[:3] == ["SYNOPSIS", "DESCRIPTION", "PARAMETER"]
        assert {"EXAMPLE", "NOTES", "LINK"} <= set(re.findall(r"^\.([A-Z]+)", head, re.MULTILINE))

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_ends_only_with_statuses_that_the_help_explains(self, name: str) -> None:
        head, _, body = SCRIPTS[name].partition("#>")
        assert set(re.findall(r"\bexit (\d)", body)) == set(re.findall(r"^  (\d)  ", head, re.MULTILINE))

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_is_strict_and_reads_no_variable_that_is_not_set(self, name: str) -> None:
        script = read(SCRIPTS[name])
        given = re.findall(r"^\s*(?:param\()?\[\w+\]\$(\w+)\)?$|param\(\$(\w+)\)", SCRIPTS[name], re.MULTILINE)
        assert script.commands[0] == Command("Set-StrictMode", ["-Version", ("2.0",)])
        assert "$erroractionpreference = 'stop'" in SCRIPTS[name].lower()
        assert script.read - script.assigned - {n.lower() for pair in given for n in pair} <= {"null", "_"}

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_nothing_is_changed_before_somebody_agreed(self, name: str) -> None:
        """The value after one yes, the restart after another."""
        names = [command.name for command in read(SCRIPTS[name]).commands]
        changing = [i for i, n in enumerate(names) if re.match(r"(New|Remove|Set|Restart|Start|Stop)-", n)]
        changing = [i for i in changing if names[i] not in ("Set-StrictMode", "New-Object")]
        asking = [i for i, n in enumerate(names) if n == "Confirm-Step"]
        assert min(changing) > asking[0]
        assert [names[i] for i in changing if i > asking[1]] == ["Restart-Service"]
        assert names.count("Restart-Service") == 1
        assert re.search(r"\[y/N\].*'\^\(y\|yes\)\$'", SCRIPTS[name], re.DOTALL), "no is what an empty line means"

    def test_key_is_made_but_never_emptied(self) -> None:
        """New-Item -Force on a key of the registry that is there removes what it holds."""
        made = [command for text in LINES.values() for command in read(text).commands if command.name == "New-Item"]
        assert made
        assert not any("-Force" in command.arguments for command in made)

    def test_changes_what_the_remedy_changes(self) -> None:
        lines = "\n".join(line for step in catalogue()["rras-fragmentation"].steps for line in step.lines)
        (key,) = re.findall(r"^\$Key = '(.*)'$", SCRIPTS[RRAS], re.MULTILINE)
        (name,) = re.findall(r"^\$Name = '(.*)'$", SCRIPTS[RRAS], re.MULTILINE)
        assert key == r"HKLM:\SYSTEM\CurrentControlSet\Services\RemoteAccess\Parameters\Ikev2"
        assert f"New-ItemProperty -Path '{key}\\' -Name {name} -PropertyType DWORD -Value 1 -Force" in lines
        assert "-Name $Name -PropertyType DWord -Value 1 -Force" in SCRIPTS[RRAS]


class TestSeed:
    """The remedy that this project began with: docs/domain/products.md, row "Windows RRAS server"."""

    LINES = tuple(line for step in catalogue()["rras-fragmentation"].steps for line in step.lines)

    def test_looks_before_and_after_then_restarts_and_tells_the_way_back(self) -> None:
        cmdlets = [re.search(r"(?:^|: )([A-Z]\w+-\w+|if)", line) for line in self.LINES]
        assert [m.group(1) for m in cmdlets if m] == [
            *("Get-ItemProperty", "if", "New-ItemProperty", "Get-ItemProperty"),
            *("Restart-Service", "Remove-ItemProperty"),
        ]
        assert self.LINES[-1].startswith("# "), "pasted with the rest it must undo nothing"
        assert "disconnects all connected clients" in self.LINES[-2]

    def test_each_path_stands_in_straight_quotes(self) -> None:
        for text in (*LINES.values(), *PROSE.values()):
            code = text.partition("#>")[2] if text.startswith("<#") else text
            assert set(re.findall(r"(.?)HKLM:", code)) <= {"'"}, text


# -- Profiles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(_steps("profile-xml")))
def test_every_element_of_profile_xml_is_known(name: str) -> None:
    table = TABLE["profile-xml"]
    for element in ElementTree.fromstring(_steps("profile-xml")[name]).iter():
        space, _, local = element.tag.rpartition("}")
        assert local in (table["namespaces"][space[1:]] if space else table["elements"]), local
        text = (element.text or "").strip()
        assert not space or local not in table["choices"]
        if local in table["choices"]:
            assert text in table["choices"][local], (local, text)


def test_profile_and_powershell_propose_the_same() -> None:
    """The reader of both must not end with two proposals that differ."""
    (xml,) = [text for name, text in _steps("profile-xml").items() if name.startswith("windows-client-proposals")]
    (line,) = [text for name, text in _steps("powershell").items() if name.startswith("windows-client-proposals")]
    for element in ElementTree.fromstring(xml):
        assert f"-{element.tag} {element.text}" in line


@pytest.mark.parametrize("name", sorted(_steps("profile")))
def test_every_key_of_an_apple_profile_has_its_type_and_range(name: str) -> None:
    entries = list(ElementTree.fromstring(f"<dict>{_steps('profile')[name]}</dict>"))
    assert [e.tag for e in entries[::2]] == ["key"] * (len(entries) // 2)
    for key, value in zip(entries[::2], entries[1::2], strict=True):
        wanted = TABLE["profile"]["keys"][str(key.text)]
        text = str(value.text)
        assert value.tag == wanted["type"]
        assert text in wanted.get("choices", [text])
        assert wanted.get("least", 0) <= (int(text) if wanted["type"] == "integer" else 0) or "least" not in wanted
        assert "most" not in wanted or int(text) <= wanted["most"]
