"""Doctor: what is here, what is missing, and whether that matters."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from analyzer import doctor


def by_name() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine()}


def test_this_environment_is_usable() -> None:
    assert doctor.is_healthy(list(doctor.examine()))
    found = by_name()
    assert found["dpkt"].detail.startswith(metadata.version("dpkt"))
    assert found["trial run"].state == "ok"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "dpkt":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    findings = list(doctor.examine())
    assert not doctor.is_healthy(findings)
    text = doctor.as_text(findings)
    assert "dpkt          missing" in text
    assert text.endswith("Not usable yet: dpkt.\n")


def test_an_optional_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "pyshark":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    assert doctor.is_healthy(list(doctor.examine()))
    assert by_name()["pyshark"].state == "missing"


def test_without_wireshark_all_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "found", lambda name: None)
    found = by_name()
    assert found["tshark"].state == found["convertible"].state == "missing"
    assert "not installed" in found["convertible"].detail
    assert doctor.is_healthy(list(found.values()))


def test_what_can_be_converted_says_by_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "found", lambda name: f"/somewhere/{name}")
    found = by_name()
    assert (found["tshark"].state, found["convertible"].state) == ("broken", "ok")
    assert found["convertible"].detail.endswith(" /somewhere/editcap")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="zstd comes with Python 3.14")
def test_zstd_is_readable_where_its_package_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "gzip, bzip2, xz, zstd;" in by_name()["readable"].detail

    def version(name: str) -> str:
        if name == "backports.zstd":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    found = by_name()
    assert (found["zstd"].state, found["zstd"].needed) == ("missing", False)
    assert "pip install backports.zstd" in found["zstd"].detail
    assert "gzip, bzip2, xz;" in found["readable"].detail


@pytest.mark.parametrize("script", ["#!/nowhere/shell\n", "not a program"])
def test_a_tshark_that_does_not_start_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    program = tmp_path / "tshark"
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert by_name()["tshark"].state == "broken"


def fake(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tshark").write_text("#!/bin/sh\n" + script, encoding="utf-8")
    (folder / "tshark").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize("script", ["exec tail -f /dev/null", "tail -f /dev/null & tail -f /dev/null", "yes"])
def test_a_tshark_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    fake(script, tmp_path, monkeypatch)
    monkeypatch.setattr(doctor, "SECONDS", 0.2)
    assert by_name()["tshark"].detail.endswith("TimeoutExpired")


@pytest.mark.parametrize(
    "script, detail",
    [
        ("printf 'TShark (Wireshark) 4.0.17 (Git)\\n'", "4.0.17, "),
        ("printf '\\377\\033[2J'", "version unknown, "),
        ("exit 3", "version unknown, "),
        ("printf 4.2.1; tail -f /dev/null &", "4.2.1, "),
        ("kill -9 $$", "version unknown, "),
    ],
)
def test_what_a_tshark_may_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, detail: str) -> None:
    fake(script, tmp_path, monkeypatch)
    found = by_name()["tshark"]
    assert (found.state, found.detail) == ("ok", f"{detail}{tmp_path}/tshark")


def test_a_broken_trial_says_what_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_one_request", lambda: b"no capture")
    found = by_name()["trial run"]
    assert found.state == "broken"
    assert found.detail.startswith("InputError: trial.pcap")
    assert not doctor.is_healthy(list(by_name().values()))
