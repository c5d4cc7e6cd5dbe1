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


def shown_in(name: str) -> dict[str, str]:
    """By cell: the text of the committed outputs."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    return {cell: "\n".join(text for _, text in shown) for cell, shown in outputs(notebook).items()}


def test_all_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_first_look", "02_two_traces", "03_path_mtu"]


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


def test_two_traces_prove_what_one_cannot() -> None:
    """As sample_pcaps/lab/MANIFEST.toml says of each scenario: what was set, and what the daemons logged."""
    shown = shown_in("02_two_traces")
    assert re.search(r"client alone +ike-auth-ip-fragments-lost-upstream \(probable\)", shown["read"])
    assert re.search(r"server alone +cannot-tell\n", shown["read"])
    assert shown["together"].startswith("ike-auth-ip-fragments-lost-upstream (proved)")
    # Four sendings in three IP fragments each; the server's trace ends before the last.
    assert re.search(r"client +IKE_AUTH request +3 +0 +3 +1$", shown["journeys"], re.MULTILINE)
    together = shown["others"].split(" both")[1]
    for attempt, verdict in (
        ("frag-server-accept-dropped-down", "ike-auth-response-fragments-lost"),
        ("rsa4096-later-fragments-dropped-down", "ike-auth-response-fragments-lost"),
        ("black-hole", "pmtu-blackhole"),
        ("eap-stall", "eap-stall"),
        ("udp-4500-blocked-up", "udp-4500-blocked"),
    ):
        assert re.search(rf"^{attempt} +{verdict} \(proved\)", together, re.MULTILINE)
    assert len(re.findall(r" pass$", shown["fix"], re.MULTILINE)) == 6
    assert re.search(r"the server accepts IKE fragmentation +fail +pass$", shown["fix"], re.MULTILINE)


def test_path_mtu_shows_the_pings_the_router_and_the_plan() -> None:
    """A link has MTU 1400 (MANIFEST.toml): pings of 1,500 and 1,428 bytes vanish, those of 1,400 and less do not."""
    shown = shown_in("03_path_mtu")
    assert shown["read"].startswith("ike-fragments-incomplete - possible")
    answered = re.findall(r"192\.0\.2\.10 +True +(\d+)", shown["pings"])
    asked = re.findall(r"203\.0\.113\.10 +False +(\d+)", shown["pings"])
    assert (asked, answered) == (["1500", "1428", "1400", "1380", "1280"], ["1400", "1380", "1280"])
    assert "lower=1400, upper=1427" in shown["sweep"] and "pmtu-blackhole - strong" in shown["sweep"]
    assert len(re.findall(r"path +icmp-too-big +<NA> +1400$", shown["icmp"], re.MULTILINE)) == 2
    # 576 bytes of IP leave 544 of IKE; the padding of AES-CBC and the headers of SKF make 3,440 bytes eight of them.
    plans = re.findall(r"(\d+) +3440 +(\d+) +(\d+) +True", re.sub(r"the [a-zA-Z' ]+", "", shown["plan"]))
    assert [(mtu, count) for mtu, count, _ in plans] == [
        ("1500", "3"), ("1492", "3"), ("1400", "3"), ("1280", "3"), ("576", "8"),
    ]  # fmt: skip
    assert all(int(largest) <= int(mtu) for mtu, _, largest in plans)
    assert shown["advice"].startswith(
        "Split by IKE (RFC 7383), the 3,440-byte IKE_AUTH request would go in 3 fragments"
    )


@pytest.mark.parametrize("source", ["1 / 0", "import warnings; warnings.warn('old', DeprecationWarning, stacklevel=1)"])
def test_errors_and_warnings_of_a_cell_are_not_swallowed(tmp_path: Path, source: str) -> None:
    bad = tmp_path / "bad.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), bad)
    with pytest.raises(CellExecutionError, match=r"ZeroDivisionError|DeprecationWarning"):
        execute(bad)
