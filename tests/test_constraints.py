"""The pins: each is in use, all that is installed is pinned, and what has no wheel brings what builds it.

The pins are those of a fresh environment on Linux, with Python 3.11 to 3.13: make test-fresh asks this file with each.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "constraints.txt").read_text(encoding="utf-8")
LINES = [Requirement(line) for line in TEXT.splitlines() if not line.startswith("#")]
PINS: dict[str, str] = {
    canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
    for pin in LINES
    if pin.marker is None or pin.marker.evaluate()
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def listed(what: str) -> list[str]:
    """The names after ``# what:`` in constraints.txt; the Makefile and tests/fresh read them there, too."""
    (names,) = re.findall(rf"^# {what}: (.*)$", TEXT, re.MULTILINE)
    return [canonicalize_name(name) for name in names.split()]


def needs(package: metadata.Distribution, extras: set[str]) -> Iterator[Requirement]:
    """What an installed package needs here, with some of its extras."""
    for text in package.requires or ():
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield needed


def required() -> dict[str, str | None]:
    """Each package that the project needs, itself or through another: name -> version, None where not installed."""
    waiting = [Requirement(name) for name in listed("build tools")]
    waiting += needs(metadata.distribution("ike-analyzer"), {"test", "fuzz"})
    versions: dict[str, str | None] = {}
    seen = set()
    while waiting:
        needed = waiting.pop()
        name: str = canonicalize_name(needed.name)
        if (name, *sorted(needed.extras)) in seen:
            continue
        seen.add((name, *sorted(needed.extras)))
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
        else:
            versions[name] = package.version
            waiting += needs(package, needed.extras)
    return versions


def test_every_line_pins_one_version():
    assert [str(pin) for pin in LINES if not re.fullmatch(r"==[\w.]+", str(pin.specifier))] == []


def test_everything_installed_is_pinned():
    installed = {name: version for name, version in required().items() if version is not None}
    assert {name: PINS.get(name) for name in installed} == installed


def test_every_pin_is_in_use():
    assert sorted(PINS.keys() - required().keys()) == []


def test_only_what_fuzzes_is_not_installed():
    """``make fuzz`` installs that by itself."""
    fuzz = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["optional-dependencies"]["fuzz"]}
    assert {name for name, version in required().items() if version is None} <= fuzz


def test_what_is_built_from_source_brings_what_builds_it():
    """Such a pin is built without isolation, by what is pinned; setuptools before 70.1 also wants ``wheel``."""
    assert set(listed("built from source")) <= PINS.keys()
    assert set(listed("build tools")) <= PINS.keys()
    assert not listed("built from source") or {"setuptools", "wheel"} <= set(listed("build tools"))


def test_the_build_backend_is_the_pinned_one():
    for text in PROJECT["build-system"]["requires"]:
        requirement = Requirement(text)
        assert requirement.name in listed("build tools")
        assert str(requirement.specifier) == f"=={PINS[requirement.name]}"


def test_nothing_else_was_compiled_here():
    """A registry takes no wheel for plain "linux". Without machine code nothing tells: that takes make test-fresh."""
    compiled_here = {
        canonicalize_name(package.name)
        for package in metadata.distributions()
        if re.search(r"^Tag: \S+-linux_\w+$", package.read_text("WHEEL") or "", re.MULTILINE)
    }
    assert compiled_here & required().keys() <= set(listed("built from source"))
