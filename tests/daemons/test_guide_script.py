"""The script that takes a trace on Linux: run in a network namespace of its own, against its own loopback."""

from __future__ import annotations

import subprocess
from pathlib import Path

import analyzer
from tests.daemons.conftest import need

SCRIPT = Path(analyzer.__file__).parent / "report" / "scripts" / "trace.sh"


def test_it_takes_a_trace_with_pings_and_stops_by_itself(tmp_path: Path) -> None:
    need("ip", "ping", "tcpdump", "unshare", root=True)
    script = f"ip link set lo mtu 1400 up && exec sh {SCRIPT} 127.0.0.1 6"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    (folder,) = tmp_path.iterdir()
    assert f"Send the folder {folder.name} as it is" in done.stdout
    assert {"trace.pcap", "pings.txt", "system.txt"} <= {path.name for path in folder.iterdir()}
    # The next report reads the sizes that were answered, and none above the interface's own MTU was sent.
    (sweep,) = analyzer.read(folder / "trace.pcap").analysis.related.capture.ping_sweeps.values()
    assert [size.ip_length for size in sweep.sizes] == [576, 1280, 1360, 1400]
    assert all(size.answered for size in sweep.sizes)
    assert oct(folder.stat().st_mode)[-3:] == "700"
