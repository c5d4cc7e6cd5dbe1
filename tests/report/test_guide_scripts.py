"""Scripts that take a trace: what can be said of them without running them. tests/daemons runs the one for Linux."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

import pytest

from analyzer.cli import main
from tests.remedies.test_powershell import complaints

FOLDER = Path(__file__).resolve().parents[2] / "analyzer" / "report" / "scripts"
SCRIPTS = {"windows": FOLDER / "trace.ps1", "linux": FOLDER / "trace.sh"}


@pytest.mark.parametrize("system", SCRIPTS)
def test_guide_prints_it(system: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide", "--script", system]) == 0
    assert capsys.readouterr().out == SCRIPTS[system].read_text(encoding="ascii")


@pytest.mark.parametrize("system", SCRIPTS)
def test_both_keep_whole_packets_and_filter_no_port(system: str) -> None:
    text = SCRIPTS[system].read_text(encoding="ascii")
    assert not re.search(r"port (500|4500)", text)
    wanted = {"windows": ("filemode=single", "capture=yes"), "linux": ("-s 0", "ip6 proto 44")}[system]
    assert all(word in text for word in wanted)
    # Sizes of IP packets: Ethernet, PPPoE (RFC 2516), DS-Lite (RFC 6333), IPv6's least (RFC 8200), IPv4's (RFC 791).
    for size in ("1500", "1492", "1460", "1280", "576"):
        assert size in text
    # Headers: 20 + 8 of IPv4 and ICMP, 40 + 8 of IPv6 and ICMPv6.
    assert "48" in text and "28" in text


class TestLinux:
    @pytest.mark.parametrize("shell", ["sh", "bash"])
    def test_shells_read_it(self, shell: str) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not here")
        subprocess.run([shell, "-n", SCRIPTS["linux"]], check=True)

    @pytest.mark.parametrize("words", [[], ["-h"], ["127.0.0.1", "soon"], ["127.0.0.1", "-5"]])
    def test_it_says_what_is_wrong(self, tmp_path: Path, words: list[str]) -> None:
        done = subprocess.run(
            ["sh", SCRIPTS["linux"], *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1 and done.stderr.startswith("trace.sh: ") and done.stderr.count("\n") == 1
        assert list(tmp_path.iterdir()) == []


class TestWindows:
    """Nothing here can run it: it is held to what Windows PowerShell 5.1 knows, and to its own brackets."""

    TEXT = SCRIPTS["windows"].read_text(encoding="ascii")
    #: Cmdlets of Windows PowerShell 5.1 (learn.microsoft.com, module pages of 5.1).
    CMDLETS: ClassVar = {
        *("Format-List", "Get-Date", "Get-WinEvent", "Join-Path", "New-Item", "New-Object", "Out-File", "Out-Null"),
        *("Select-Object", "Start-Sleep", "Write-Host"),
    }

    def code(self) -> str:
        """Without comments and texts."""
        text = re.sub(r"<#.*?#>|^[ ]*#[^\n]*", "", self.TEXT, flags=re.DOTALL | re.MULTILINE)
        return re.sub(r"'[^'\n]*'|\"(?:`.|[^\"`\n])*\"", "''", text)

    def test_it_knows_its_cmdlets(self) -> None:
        assert set(re.findall(r"\b[A-Z][a-z]+-[A-Z][A-Za-z]+\b", self.code())) == self.CMDLETS

    def test_brackets_match(self) -> None:
        stack = []
        for sign in re.findall(r"[][(){}]", self.code()):
            if sign in "([{":
                stack.append(sign)
            else:
                assert stack.pop() + sign in ("()", "[]", "{}")
        assert stack == []

    def test_nothing_newer_than_5_1(self) -> None:
        """Operators of PowerShell 7: a ternary, ?? and chains of commands."""
        assert not re.search(r"\?\?|&&|\|\|| \? ", self.code())

    def test_it_asks_for_an_administrator_and_stops_what_it_started(self) -> None:
        assert self.TEXT.index("IsInRole") < self.TEXT.index("netsh trace start")
        assert self.TEXT.index("finally") < self.TEXT.index("netsh trace stop")
        # A trace of somebody else is left alone: the finally comes after the start has worked.
        assert self.TEXT.index("LASTEXITCODE") < self.TEXT.index("try {\n    Write-Host ''")

    def test_its_commands_are_in_the_table(self) -> None:
        """tests/remedies/powershell.toml knows each cmdlet's parameters; what else it finds is prose, or no cmdlet."""
        no_cmdlets = {"no cmdlet in the table: " + word for word in ("Mandatory", "ipconfig", "ping", "it")}
        wrong = [found for found in complaints(self.TEXT) if found not in no_cmdlets]
        assert [found for found in wrong if not re.match(r"no such command: netsh [a-z]+ (not|show|them)", found)] == []
