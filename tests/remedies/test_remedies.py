"""Remedies: complete, sourced, and the one line that everybody copies is right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import analyzer.remedies
from analyzer.remedies import catalogue, remedy

FILES = sorted(Path(analyzer.remedies.__file__).parent.glob("*.toml"))
each_remedy = pytest.mark.parametrize("key", sorted(catalogue()))

#: domain.md 3.4, row "Windows RRAS server".
RRAS = (
    r"New-ItemProperty -Path HKLM:\SYSTEM\CurrentControlSet\Services\RemoteAccess\Parameters\Ikev2"
    r"\ -Name EnableServerFragmentation -PropertyType DWORD -Value 1 -Force"
)


def test_rras_line_is_exact() -> None:
    assert catalogue()["rras-fragmentation"]["commands"] == [RRAS]
    assert f"  {RRAS}\n" in remedy("rras-fragmentation")[0]


def test_rras_remedy_says_restart_and_how_to_verify() -> None:
    text = remedy("rras-fragmentation")[0]
    assert "restart" in text
    assert "16430 stands in the IKE_SA_INIT response" in text


def test_no_id_is_in_two_files() -> None:
    ids = [key for file in FILES for key in tomllib.loads(file.read_text(encoding="utf-8"))]
    assert sorted(ids) == sorted(catalogue())
    assert len(set(ids)) == len(ids)


@each_remedy
def test_remedy_is_complete(key: str) -> None:
    entry = catalogue()[key]
    assert set(entry) <= {"product", "what", "commands", "further", "further_commands", "verify", "source", "confirmed"}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
    for field in ("product", "what", "source"):
        assert entry[field].strip() == entry[field]
        assert entry[field]
    assert all("\n" not in command for command in entry.get("commands", ()))


@each_remedy
def test_source_can_be_looked_up(key: str) -> None:
    for source in catalogue()[key]["source"].split("; "):
        assert re.match(r"https://\S+$|domain\.md \S|section \d|RFC \d{4}", source), source


@each_remedy
def test_text_holds_product_command_and_verification(key: str) -> None:
    entry = catalogue()[key]
    (text,) = remedy(key)
    lines = text.splitlines()
    assert lines[0] == f"{entry['product']}: {entry['what']}"
    commands = entry.get("commands", [])
    assert lines[1 : 1 + len(commands)] == [f"  {command}" for command in commands]
    rest = [entry["further"], *(f"  {command}" for command in entry["further_commands"])] if "further" in entry else []
    rest += [f"Verify: {entry['verify']}"] if "verify" in entry else []
    rest += [] if entry.get("confirmed", True) else ["(Not confirmed by a source.)"]
    assert lines[1 + len(commands) :] == rest


def test_what_is_not_confirmed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"product": "Router", "what": "turn it off and on.", "source": "domain.md 1", "confirmed": False}
    monkeypatch.setattr(analyzer.remedies, "catalogue", lambda: {"power-cycle": entry})
    remedy.cache_clear()
    assert remedy("power-cycle") == ("Router: turn it off and on.\n(Not confirmed by a source.)",)
    remedy.cache_clear()


def test_unknown_remedy_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        remedy("sacrifice-a-chicken")


def test_better_trace_uses_no_port_filter() -> None:
    """domain.md 5.2 and 8.5: a port filter loses fragments, and pktmon keeps 128 bytes unless told otherwise."""
    entry = catalogue()["better-trace"]
    commands = " ".join([*entry["commands"], *entry["further_commands"]])
    assert "--pkt-size 0" in commands
    assert "port" not in commands
    assert "ip6 proto 44" in commands
