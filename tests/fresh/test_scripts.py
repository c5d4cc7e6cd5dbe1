"""The small scripts below make and make test-fresh, each with programs of its own on the path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def programs(tmp_path):
    """A folder, first on the path, that programs can be put in: ``programs(name="what the shell does")``."""

    def put(**bodies: str) -> str:
        for name, body in bodies.items():
            program = tmp_path / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{body}\n")
            program.chmod(0o755)
        return f"{tmp_path}:/usr/bin:/bin"

    return put


def sh(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", script, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


class TestBare:
    @staticmethod
    def seen(home: Path, **environment: str) -> dict[str, str]:
        """The environment of a program that is started by it."""
        done = sh("tests/fresh/bare.sh", str(home), "env", "-0", PATH="/usr/bin:/bin", **environment)
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)

    def test_next_to_nothing(self, tmp_path):
        kept = self.seen(tmp_path, HOME="/home/somebody", PYTHONPATH="/lib", VIRTUAL_ENV="/venv", MAKEFLAGS="n")
        assert kept.keys() == {"HOME", "PATH", "LANG", "PIP_NO_CACHE_DIR"}
        assert kept["HOME"] == str(tmp_path)

    def test_the_way_to_the_packages_goes_along(self, tmp_path):
        settings = {
            "PIP_INDEX_URL": "http://example.org/$(simple) \"a\" 'b'",
            "PIP_CERT": "/certificates.pem",
            "https_proxy": "http://example.org:3128",
            "NO_PROXY": "localhost\nPATH=/nowhere",
            "SSL_CERT_FILE": "",
            "REQUESTS_CA_BUNDLE": "/a folder/ca.pem",
        }
        kept = self.seen(tmp_path, **settings)
        assert {name: kept.get(name) for name in settings} == settings
        assert kept["PATH"] != "/nowhere"

    def test_pips_cache_does_not(self, tmp_path):
        kept = self.seen(tmp_path, PIP_CACHE_DIR="/cache", PIP_NO_CACHE_DIR="0")
        assert "PIP_CACHE_DIR" not in kept
        assert kept["PIP_NO_CACHE_DIR"] == "1"


class TestPython:
    def test_one_of_the_version_asked_for(self, programs):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        found = sh("make/python.sh", version, PATH=programs(**{f"python{version}": f'exec {sys.executable} "$@"'}))
        assert (found.returncode, found.stderr) == (0, "")
        assert Path(found.stdout.strip()).resolve() == Path(sys.executable).resolve()

    def test_a_stand_in_that_finds_no_python_is_passed_over(self, programs):
        programs(**dict.fromkeys(["python3.13", "python3.12", "python3.11"], "exit 127"))
        found = sh("make/python.sh", PATH=programs(python3=f'exec {sys.executable} "$@"'))
        assert Path(found.stdout.strip()).resolve() == Path(sys.executable).resolve()

    def test_none(self, programs):
        old = dict.fromkeys(["python3", "python3.13", "python3.12", "python3.11"], "exit 1")
        found = sh("make/python.sh", PATH=programs(**old), HOME="/nowhere")
        assert (found.returncode, found.stdout, found.stderr) == (1, "", "")


class TestSystem:
    def test_nothing_to_do(self, programs):
        path = programs(dpkg_query="echo installed", apt_get="echo apt-get was called")
        done = sh("make/system.sh", "Why", "tshark", PATH=path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_somebody_else_than_root_is_told(self, programs):
        path = programs(
            dpkg_query='[ "$4" = make ] && printf installed', id="echo 1000", apt_get="echo apt-get was called"
        )
        done = sh("make/system.sh", "The tests that need it are skipped", "make", "tshark", PATH=path)
        told = (
            "The tests that need it are skipped. To install it on Debian or Ubuntu: apt-get install tshark (as root)\n"
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, "", told)

    def test_root_where_the_system_is_another_one_is_told(self, tmp_path, programs):
        path = programs(dpkg_query="exit 127", id="echo 0", sh='exec /bin/sh "$@"', dirname="echo make").split(":")[0]
        done = sh("make/system.sh", "Why", "tshark", PATH=path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
