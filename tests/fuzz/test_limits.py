"""docs/limits.md says what the code does."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import analyzer.formats
import analyzer.ike

PAGE = Path(__file__).resolve().parents[2] / "docs" / "limits.md"
#: What, number, unit, name in the code, and a parameter of it.
ROW = r"^\| (.+?) \| ([\d,]+)( KiB| MiB| GiB| characters)? \| .+? \| `([\w.]+)(?:\((\w+)\))?` \|$"
ROWS = re.findall(ROW, PAGE.read_text(encoding="utf-8"), re.MULTILINE)
UNITS = {" KiB": 1 << 10, " MiB": 1 << 20, " GiB": 1 << 30, " characters": 1, "": 1}

#: Constants that bound something, but not what an attacker sends: texts, samples, and what is part of another limit.
NO_LIMITS = {
    "analyzer.formats.packed.archive.MAX_NAME", "analyzer.formats.etl.host_drops.MAX_TOLD",
    "analyzer.ike.message_queue.MAX_BYTES",
}  # fmt: skip


def value(name: str, parameter: str) -> int:
    """What the code says: a constant, or the default of a parameter."""
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    return inspect.signature(found).parameters[parameter].default if parameter else found


def test_every_row_of_the_page_is_understood():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.endswith("` |")]
    assert len(ROWS) == len(lines) > 40


@pytest.mark.parametrize("what, number, unit, name, parameter", ROWS, ids=[row[0] for row in ROWS])
def test_the_page_has_the_number_of_the_code(what, number, unit, name, parameter):
    assert int(number.replace(",", "")) * UNITS[unit] == value(name, parameter)


@pytest.mark.parametrize("package", [analyzer.formats, analyzer.ike], ids=lambda package: package.__name__)
def test_every_limit_of_readers_and_wire_is_on_the_page(package):
    told = {name for *_, name, _ in ROWS} | NO_LIMITS
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        source = Path(importlib.import_module(module.name).__file__ or "").read_text(encoding="utf-8")
        for line in re.findall(r"^((?:\w+, )*\w+) = ", source, re.MULTILINE):
            limits = {f"{module.name}.{word}" for word in line.split(", ") if word.startswith("MAX_")}
            assert limits <= told, f"{limits - told} is not in docs/limits.md"
