"""Every notebook runs without error or warning, and its committed outputs are what it gives today."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.notebooks.execute import ROOT, execute, tidied

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REFRESH = "refresh it: python -m tests.notebooks.execute notebooks/*.ipynb"
LARGEST = 300_000


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(scope="module")
def committed(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def fresh(path: Path) -> Any:
    return execute(path)


def outputs(notebook: Any) -> dict[str, list[tuple[str, str]]]:
    """By cell: kind and text of each output; of a picture only that there is one (its bytes hang on the fonts)."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found[cell.id] = [
                (o.name, o.text) if o.output_type == "stream" else ("picture", "") if "image/png" in o.data
                else ("value", o.data["text/plain"])
                for o in cell.outputs
            ]  # fmt: skip
    return found


def test_there_is_the_first_look() -> None:
    assert "01_first_look" in [path.stem for path in NOTEBOOKS]


def test_runs_without_error_or_warning(fresh: Any) -> None:
    kinds = {kind for cell in outputs(fresh).values() for kind, _ in cell}
    assert kinds <= {"stdout", "value", "picture"}, f"cells wrote to {kinds}"


def test_committed_outputs_are_what_it_gives_today(committed: Any, fresh: Any) -> None:
    assert outputs(committed) == outputs(fresh), REFRESH


def test_every_code_cell_shows_something(committed: Any) -> None:
    silent = [name for name, shown in outputs(committed).items() if not shown]
    assert not silent, REFRESH


def test_file_is_small_and_the_same_on_every_machine(path: Path, committed: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    assert not re.search(r"/(home|root|tmp|work|Users)/|0x[0-9a-f]{9,}", text)
    assert tidied(copy.deepcopy(committed)) == committed, REFRESH


def test_first_look_shows_the_case_and_its_repair() -> None:
    """What the sample's MANIFEST says is true: 3,440 bytes in 1500 + 1500 + 512, four times; then 7 SKF messages."""
    notebook = nbformat.read(ROOT / "notebooks" / "01_first_look.ipynb", as_version=4)
    shown = {name: "\n".join(text for _, text in cell) for name, cell in outputs(notebook).items()}
    assert "ike-auth-ip-fragments-lost-upstream - probable" in shown["verdict"]
    assert [shown["packets"].count(f" {size} ") for size in (1500, 512)] == [8, 4]
    assert shown["sizes"].count("3440") == 4
    assert re.search(r"fragmentation_r +no +yes", shown["fixed"])
    assert len(re.findall(r" 7$", shown["skf"], re.MULTILINE)) == 7
    assert sum(("picture", "") in cell for cell in outputs(notebook).values()) == 2


@pytest.mark.parametrize("source", ["1 / 0", "import warnings; warnings.warn('old', DeprecationWarning, stacklevel=1)"])
def test_errors_and_warnings_of_a_cell_are_not_swallowed(tmp_path: Path, source: str) -> None:
    bad = tmp_path / "bad.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), bad)
    with pytest.raises(CellExecutionError, match=r"ZeroDivisionError|DeprecationWarning"):
        execute(bad)
