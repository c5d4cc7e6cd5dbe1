"""What all tests share: where the captures and programs are, how hypothesis runs, and that CI skips nothing.

``IKE_ANALYZER_CAPTURES`` names the folder of the real captures if it is not ``../shared/captures`` beside the checkout.
``IKE_ANALYZER_NO_SKIP=1`` makes a skipped test a failed one, with the reason of the skip.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from analyzer.programs import found

ROOT = Path(__file__).resolve().parent.parent
NO_SKIP = os.environ.get("IKE_ANALYZER_NO_SKIP", "") not in ("", "0")

# Captures are kept for all tests that ask for them: to walk over all of them again and again takes a tenth of the time.
gc.set_threshold(100_000, 50, 50)

# A shell's "&" and nohup let a process ignore signals, and so all that it starts: tests send them to their children.
for _name in ("SIGINT", "SIGHUP", "SIGTERM"):
    if signal.getsignal(_number := getattr(signal, _name, signal.SIGINT)) == signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL)

# A machine that does other work at the same time is no reason to fail: no deadline. In CI the same examples each time.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True, database=None)
settings.register_profile("desk", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") or NO_SKIP else "desk")


@pytest.fixture(scope="session")
def shared_captures() -> Path:
    """Folder of the real captures (``dev/`` and ``truth/``; its README tells what is what)."""
    folder = Path(os.environ.get("IKE_ANALYZER_CAPTURES") or ROOT.parent / "shared" / "captures")
    if not (folder / "dev").is_dir():
        pytest.skip(f"real captures are not here: {folder} (IKE_ANALYZER_CAPTURES names another folder)")
    return folder


@pytest.fixture(scope="session")
def tshark() -> Path:
    """The program tshark."""
    program = found("tshark")
    if program is None:
        pytest.skip("tshark is not installed: apt-get install tshark")
    return Path(program)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of the sample captures that come with the project."""
    return ROOT / "sample_pcaps"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, so that ``-m "not tshark"`` leaves those out."""
    for item in items:
        needs = getattr(item, "fixturenames", ())
        if "tshark" in needs:
            item.add_marker("tshark")
        if "shared_captures" in needs:
            item.add_marker("captures")


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason} (in {report.nodeid}; IKE_ANALYZER_NO_SKIP allows no skipped test)"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report
