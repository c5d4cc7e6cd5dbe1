"""Lines that no program here can read: each names a page that shows them, or is printed as not confirmed; each pastes.

The makers' command lines nest (FortiOS, Cisco) or take effect with a commit (Junos, PAN-OS): a step that leaves that
out does nothing when it is pasted, or does it in the wrong place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from analyzer.remedies import UNCONFIRMED, UNCONFIRMED_LINES, Step, catalogue, remedy, syntaxes

AZURE = tomllib.loads((Path(__file__).parent / "powershell_az.toml").read_text(encoding="utf-8"))["cmdlet"]
ADDRESS = r"https?://[\w.-]+/\S+"

STEPS = {f"{r.id}-{i}": (r.id, step) for r in catalogue().values() for i, step in enumerate(r.steps)}
WITHOUT_PARSER = sorted(name for name, (_, step) in STEPS.items() if not syntaxes()[step.syntax].parser)


def steps_of(*kinds: str) -> dict[str, Step]:
    return {name: step for name, (_, step) in STEPS.items() if step.syntax in kinds}


# -- Who vouches -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITHOUT_PARSER)
def test_a_page_shows_the_lines_or_the_reader_is_told_that_none_does(name: str) -> None:
    key, step = STEPS[name]
    if step.source:
        assert re.fullmatch(ADDRESS, step.source)
    elif not step.confirmed:
        assert {UNCONFIRMED, UNCONFIRMED_LINES} & set(remedy(key)[0].splitlines())
    else:
        assert step.syntax == "shell", "only a shell's programs are held to themselves elsewhere"


@pytest.mark.parametrize("name", sorted(steps_of("azure-powershell")))
def test_every_cmdlet_of_azure_and_its_parameters_are_in_the_table(name: str) -> None:
    for line in STEPS[name][1].lines:
        ((cmdlet, rest),) = re.findall(r"\b([A-Z][a-z]+-Az\w+)(.*)", line)
        known = {*AZURE[cmdlet]["values"], *AZURE[cmdlet].get("switches", ())}
        assert set(re.findall(r" -(\w+)", rest)) <= known
        assert cmdlet.lower() in AZURE[cmdlet]["source"].lower()


# -- Whether they can be pasted ----------------------------------------------------------------------------------------


def fortios_faults(lines: Sequence[str]) -> Iterator[str]:
    """``config`` is closed by ``end``, ``edit`` within it by ``next``; each level stands four columns further in."""
    open_: list[str] = []
    for line in lines:
        word = line.split()[0]
        closes = {"end": "config", "next": "edit"}.get(word)
        if closes and (not open_ or open_.pop() != closes):
            yield f"{word} closes nothing"
        if line != " " * 4 * len(open_) + line.strip():
            yield f"wrong indentation: {line}"
        if word in ("set", "unset") and not open_:
            yield f"outside of a block: {line}"
        if word in ("config", "edit"):
            open_.append(word)
    if open_:
        yield f"not closed: {open_}"


def commit_faults(lines: Sequence[str]) -> Iterator[str]:
    """What ``set`` and ``delete`` change takes effect with ``commit``."""
    if any(line.startswith(("set ", "delete ")) for line in lines) and lines[-1] != "commit":
        yield "nothing is committed"


#: Commands of Cisco that open a mode, those that belong into one, and those of the configuration mode itself.
_OPENS = ("interface ", "crypto ikev2 proposal ", "crypto ikev2 policy ", "crypto ipsec ikev2 ipsec-proposal ")
_INNER = ("encryption", "integrity", "group", "prf", "proposal", "protocol", "pqc", "ip")
_CONFIGURES = ("crypto", "interface", "sysopt", "fragment")


def cisco_faults(lines: Sequence[str]) -> Iterator[str]:
    """Lines of a mode are indented by one, after the line that opens it; what configures stands before ``end``."""
    configuring = within = False
    for line in lines:
        indented, word = line.startswith(" "), line.split()[0]
        if indented and not within:
            yield f"no mode is open: {line}"
        if indented != (word in _INNER):
            yield f"wrong indentation: {line}"
        within = within if indented else line.startswith(_OPENS)
        if line in ("configure terminal", "end"):
            configuring = line != "end"
        elif word in (*_CONFIGURES, *_INNER) and not configuring:
            yield f"outside of configure terminal: {line}"
    if configuring:
        yield "end is missing"


FAULTS = {
    "fortios": fortios_faults,
    "junos": commit_faults,
    "pan-os": commit_faults,
    "cisco-ios": cisco_faults,
    "cisco-asa": cisco_faults,
}


@pytest.mark.parametrize("name", sorted(steps_of(*FAULTS)))
def test_a_paste_of_the_step_works(name: str) -> None:
    step = STEPS[name][1]
    assert list(FAULTS[step.syntax](step.lines)) == []


@pytest.mark.parametrize("kind", ["junos", "pan-os"])
def test_configuration_mode_is_entered_once_in_a_remedy(kind: str) -> None:
    """Its steps are printed one below the other, and are pasted so."""
    for entry in catalogue().values():
        lines = [line for step in entry.steps if step.syntax == kind for line in step.lines]
        changes = any(line.startswith(("set ", "delete ")) for line in lines)
        assert lines.count("configure") == changes, entry.id


@pytest.mark.parametrize(
    "kind, lines",
    [
        ("fortios", ["config system settings", "    set ike-tcp-port 4500"]),
        ("fortios", ["config system settings", "set ike-tcp-port 4500", "end"]),
        ("fortios", ["set ike-tcp-port 4500"]),
        ("fortios", ["config vpn ipsec phase1-interface", "    edit NAME", "        set dhgrp 14", "end"]),
        ("fortios", ["next"]),
        ("junos", ["configure", "set security flow tcp-mss ipsec-vpn mss 1350"]),
        ("pan-os", ["delete network ike gateway NAME"]),
        ("cisco-ios", ["configure terminal", "interface Tunnel0", "ip mtu 1400", "end"]),
        ("cisco-ios", ["configure terminal", " ip mtu 1400", "end"]),
        ("cisco-ios", ["crypto ikev2 cookie-challenge 500"]),
        ("cisco-asa", ["configure terminal", "sysopt connection tcpmss 1350"]),
    ],
)
def test_a_step_that_cannot_be_pasted_is_found(kind: str, lines: list[str]) -> None:
    assert list(FAULTS[kind](lines)) != []
