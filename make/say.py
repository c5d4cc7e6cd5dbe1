"""Run pip or apt-get and say, line by line, what it installs; where it fails, say all that it said.

    python make/say.py python -m pip install numpy
    python make/say.py apt-get install -y tshark

Both say far too much, or with ``-qq`` nothing for minutes. Needs nothing but Python: no environment is there yet.
"""

from __future__ import annotations

import re
import subprocess
import sys

# "  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)", "Processing /wheels/numpy-2.4.6-..."
_PIP = re.compile(
    r"\s*(?:Downloading|Using cached|Processing) (?:\S*/)?(?P<name>[\w.-]+?)-(?P<version>\d[^-\s/]*)"
    r"(?:-[^\s/]+\.whl|\.tar\.gz|\.zip)(?: |$)"
)
# "Get:9 (an address) bookworm/main amd64 tshark amd64 4.0.17-0+deb12u3 [145 kB]"
_APT = re.compile(r"Get:\d+ \S+ \S+ \S+ (?P<name>\S+) \S+ (?P<version>\S+) \[")
# "  Building wheel for etl-parser (setup.py): started"
_BUILDING = re.compile(r"\s*Building wheel for (?P<name>\S+) .*started")
_UNPACKING = re.compile(r"Installing collected packages: (?P<names>.*)")


def told(line: str) -> str:
    """Return what to say of a line of pip or apt-get: mostly nothing.

    Examples
    --------
    >>> told("  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)")
    '  numpy 2.4.6'
    >>> told("Requirement already satisfied: numpy")
    ''
    """
    if match := _PIP.match(line) or _APT.match(line):
        return f"  {match['name']} {match['version']}"
    if match := _BUILDING.match(line):
        return f"  building {match['name']}"
    if match := _UNPACKING.match(line):
        return f"  unpacking {match['names'].count(',') + 1} packages"
    return ""


def main(command: list[str]) -> int:
    """Run the command and return its exit status."""
    said = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if words := told(line):
                print(words, flush=True)
    if process.returncode:
        sys.stderr.write("".join(said))
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
