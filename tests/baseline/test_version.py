"""How a version is got and run: from the history, from a folder, and never another one than asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.baseline.version import ROOT, BaselineError, Version, folder_of, frozen_commit

SAMPLE = ROOT / "sample_pcaps" / "809-fragments-lost.pcapng"


def analyzer_that(folder: Path, does: str) -> Path:
    """A package ``analyzer`` with a read_each of its own."""
    package = folder / "analyzer"
    package.mkdir(parents=True)
    source = f"class AnalyzerError(Exception): ...\n\ndef read_each(path, *, problem):\n    {does}\n    yield\n"
    (package / "__init__.py").write_text(source, encoding="utf-8")
    return folder


def answer_of(folder: Path, seconds: float = 60) -> dict:
    with Version(folder, seconds=seconds) as version:
        version.ask(SAMPLE)
        return version.answer()


def test_the_commit_is_a_hash():
    assert len(frozen_commit()) == 40
    assert set(frozen_commit()) <= set("0123456789abcdef")


def test_a_commit_file_without_a_hash(tmp_path):
    (tmp_path / "COMMIT").write_text("# only a remark\n", encoding="utf-8")
    with pytest.raises(BaselineError, match="one line with a hash"):
        frozen_commit(tmp_path / "COMMIT")


def test_the_working_tree_answers():
    [capture] = answer_of(ROOT)["captures"]
    assert capture["report"]["verdict"]["id"] == "ike-auth-ip-fragments-lost-upstream"
    assert capture["exit"] == 1
    assert capture["text"][0] == "VERDICT  failed: ike-auth-ip-fragments-lost-upstream (probable)"
    assert capture["text"][1].startswith("  The ")
    assert not any("Wireshark" in line or line.startswith("WHY") for line in capture["text"])


def test_what_is_no_capture_is_an_error(tmp_path):
    (tmp_path / "x").write_bytes(b"no capture at all")
    with Version(ROOT) as version:
        version.ask(tmp_path / "x")
        told = version.answer()
    assert told["captures"] == []
    assert len(told["errors"]) == 1


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import os; os._exit(7)", "exit status 7"),
        ("import time; time.sleep(60)", "a capture may take 1 s"),
    ],
)
def test_a_crash_is_an_answer(tmp_path, does, told):
    assert told in " ".join(answer_of(analyzer_that(tmp_path, does), seconds=60 if "sleep" not in does else 1)["crash"])


def test_after_a_crash_it_is_started_anew(tmp_path):
    with Version(analyzer_that(tmp_path, "import os; os._exit(7)")) as version:
        for _ in range(2):
            version.ask(SAMPLE)
            assert "exit status 7" in version.answer()["crash"][0]


def test_what_the_analyzer_prints_is_no_answer(tmp_path):
    assert answer_of(analyzer_that(tmp_path, 'print("{}"); return')) == {"captures": [], "errors": []}


def test_another_analyzer_than_asked_for_is_refused(tmp_path):
    """As where an installed one is found first: here none is in the folder at all."""
    with pytest.raises(BaselineError, match="in place of that of"), Version(tmp_path) as version:
        version.ask(SAMPLE)


def test_one_that_cannot_be_imported(tmp_path, capfd):
    (tmp_path / "analyzer").mkdir()
    (tmp_path / "analyzer" / "__init__.py").write_text("import no_such_module_here\n", encoding="utf-8")
    with pytest.raises(BaselineError, match="does not start"), Version(tmp_path) as version:
        version.ask(SAMPLE)
    assert "no_such_module_here" in capfd.readouterr().err


class TestFolder:
    def test_a_named_one(self):
        with folder_of(str(ROOT)) as folder:
            assert folder == ROOT

    def test_one_without_an_analyzer(self, tmp_path):
        with pytest.raises(BaselineError, match="holds no package analyzer"), folder_of(str(tmp_path)):
            pass


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
class TestHistory:
    @pytest.fixture
    def repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """With one commit, that of an analyzer; its file is changed behind that."""
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            monkeypatch.delenv(name)  # a hook's would lead to the repository that these tests are in
        folder = analyzer_that(tmp_path / "repository", "return")
        for words in (["init", "--quiet"], ["add", "."], [*_NAMED, "commit", "--quiet", "-m", "All"]):
            subprocess.run(["git", "-C", str(folder), *words], check=True)
        (folder / "analyzer" / "__init__.py").write_text("", encoding="utf-8")
        return folder

    def test_a_commit_is_taken_out(self, repository):
        with folder_of("HEAD", repository) as folder:
            assert folder != repository
            assert answer_of(folder) == {"captures": [], "errors": []}
        assert not folder.exists()

    def test_a_commit_that_the_history_lacks(self, repository):
        with pytest.raises(BaselineError, match=r"has no 0123.*git fetch --unshallow") as raised:
            folder_of("0123" * 10, repository).__enter__()
        assert "\n" not in str(raised.value)

    def test_no_repository(self, tmp_path):
        with pytest.raises(BaselineError, match="history has no HEAD"), folder_of("HEAD", tmp_path):
            pass


_NAMED = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
