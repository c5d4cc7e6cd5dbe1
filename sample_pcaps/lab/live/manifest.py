"""The manifest beside the committed captures: what was done, what is true, and what each capture can show.

::

    [NAME]                        did, happened, established (an IKE SA, at the client), cause, daemons
    [NAME.said]                   the daemons' own words, where they say why
    [NAME.captures.POINT]         captured (where, how), verdict, exit, why, facts from the daemon's log, sha256
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sample_pcaps.lab.live.scenario import Scenario
from sample_pcaps.lab.live.toml_text import table

LAB = Path(__file__).parent.parent
CAPTURES, MANIFEST = LAB / "captures", LAB / "MANIFEST.toml"
_HEAD = """\
# Captures of real IKE daemons, made by `python -m sample_pcaps.lab.live --commit` from the scenarios beside this file.
# What is true comes from the daemons' logs, the fault that was set, and arithmetic; nothing comes from the analyzer.
#
# happened         what really happened, whether or not a capture shows it
# established      whether an IKE SA came up at the client
# cause            ids that the captures of client and server, laid side by side, can give, the best one first
# said             the daemons' own words, shortened
# captures.POINT   one capture:
#   verdict        ids that an expert could honestly give from this capture alone, the best one first
#   exit           exit status of `ike-analyzer analyze` that goes with them
#   why            what in the capture shows it
#   sas            number of IKE SAs with each verdict, where there are several
#   fragmentation  what each side announced, as the daemon beside the capture saw it
#   request, response   of the IKE_AUTH exchange that decides (the unanswered one, else the longest), as that daemon
#                  logged it: IKE length, times sent or received, SKF messages, IP packets by arithmetic; or "none"
#   spis           initiator's and responder's SPI of each IKE SA, from that daemon's log

"""


def text(name: str, entry: Mapping[str, Any]) -> str:
    """Write the tables of one scenario.

    >>> print(text("a", {"did": "x", "captures": {"client": {"exit": 0}}}), end="")
    [a]
    did = "x"
    [a.captures.client]
    exit = 0
    """
    parts = [table(name, {key: value for key, value in entry.items() if key not in ("said", "captures")})]
    if entry.get("said"):
        parts.append(table(f"{name}.said", entry["said"]))
    parts += [table(f"{name}.captures.{point}", capture) for point, capture in entry["captures"].items()]
    return "".join(parts)


def load(path: Path | None = None) -> dict[str, dict[str, Any]]:
    """Read a manifest.

    >>> load(Path("/nowhere"))
    {}
    """
    path = path or MANIFEST
    return tomllib.loads(path.read_text()) if path.exists() else {}


def commit(entries: Iterable[tuple[str, Mapping[str, Any], Mapping[str, bytes]]], order: Iterable[str]) -> None:
    """Put captures and their truth among the committed ones, in the place of what was there under the same name.

    Parameters
    ----------
    entries : iterable of (str, dict, dict)
        Name, truth and captures (bytes by point) of each scenario.
    order : iterable of str
        All scenarios' names; what is not among them leaves the manifest.
    """
    known = load()
    CAPTURES.mkdir(exist_ok=True)
    for name, entry, captures in entries:
        for old in CAPTURES.glob(f"{name}.*.pcapng"):
            old.unlink()
        kept = {}
        for point, data in captures.items():
            file = CAPTURES / f"{name}.{point}.pcapng"
            file.write_bytes(data)
            kept[point] = entry["captures"][point] | {"sha256": hashlib.sha256(data).hexdigest()}
        known[name] = {**entry, "captures": kept}
    _write(known, order)


def retell(scenarios: Mapping[str, Scenario]) -> None:
    """Write anew what the scenarios say; captures and what comes from logs stay."""
    known = load()
    for name, entry in known.items():
        if told := scenarios.get(name):
            from_logs = {key: value for key, value in entry.items() if key in ("daemons", "said")}
            captures = {
                point: {key: value for key, value in capture.items() if key not in _WORDS}
                for point, capture in entry["captures"].items()
            }
            for point, capture in captures.items():
                captured = {"captured": capture.pop("captured")}
                captures[point] = captured | told.shows[point].words() | capture
            known[name] = told.words() | from_logs | {"captures": captures}
    _write(known, scenarios)


#: What a scenario, and no log, says of a capture.
_WORDS = ("verdict", "exit", "why", "sas")


def _write(entries: Mapping[str, Mapping[str, Any]], order: Iterable[str]) -> None:
    MANIFEST.write_text(_HEAD + "\n".join(text(name, entries[name]) for name in order if name in entries))
