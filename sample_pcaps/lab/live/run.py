"""One scenario from beginning to end: network, daemons, captures, steps, and a record of what is true."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sample_pcaps.lab.live import certificates, libreswan, logs, strongswan, truth, versions
from sample_pcaps.lab.live.capture import to_pcapng
from sample_pcaps.lab.live.daemon import Daemon
from sample_pcaps.lab.live.network import CLIENT, CLIENT6, SERVER, SERVER6, Network
from sample_pcaps.lab.live.scenario import Scenario
from sample_pcaps.lab.live.shell import LabError, await_text, start, stop
from sample_pcaps.lab.live.steps import Stage

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Result:
    """What a scenario gave: its entry for the manifest, and the captures by the point where they were taken."""

    entry: dict[str, Any]
    captures: dict[str, bytes]


def prepare(scenarios: Sequence[Scenario], work: Path) -> None:
    """Make what several scenarios share, since two of them must not make it at once.

    Parameters
    ----------
    scenarios : sequence of Scenario
        Those that will be run.
    work : Path
        Folder for keys, configurations and logs.

    Raises
    ------
    LabError
        A program or a package is missing.
    """
    for kind in sorted({kind for s in scenarios for kind in (s.keys, s.client_keys, s.server_keys) if kind}):
        certificates.make(kind, work / "keys")
    certificates.more_roots(max((int(s.server.get("roots", 0)) for s in scenarios), default=0), work)
    if any("libreswan" in (s.client_is, s.server_is) for s in scenarios):
        libreswan.unpacked(work)


def run(scenario: Scenario, work: Path) -> Result:
    """Run a scenario.

    Parameters
    ----------
    scenario : Scenario
        What to do.
    work : Path
        Folder for keys, configurations and logs.

    Returns
    -------
    Result

    Raises
    ------
    LabError
        The daemons did not do what the scenario says; the folder in ``work`` keeps their logs.
    """
    folder = work / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tag = f"lab-{hashlib.sha256(f'{scenario.name} {time.time_ns()}'.encode()).hexdigest()[:8]}"
    with Network(tag, dict(scenario.mtu), scenario.wire_link if scenario.wire else None, scenario.ipv6) as network:
        stage = Stage(network, folder, scenario.points, scenario.ipv6)
        wire = None
        try:
            if scenario.wire:
                wire = start(
                    network.inside("wire", sys.executable, "-m", "sample_pcaps.lab.live.wire", *scenario.wire),
                    folder / "wire.log",
                    {"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                )
                await_text(folder / "wire.log", "forwarding", wire)
            _play(scenario, stage, work)
        finally:
            for tcpdump in stage.captures.values():
                stop(tcpdump.process)
            for daemon in stage.daemons.values():
                daemon.end(kill=True)
            if wire is not None:
                stop(wire)
    return _result(scenario, folder)


def _play(scenario: Scenario, stage: Stage, work: Path) -> None:
    network = stage.network
    for host, settings in scenario.sysctl.items():
        network.on(host, "sysctl", "-qw", *(f"{key}={value}" for key, value in settings.items()))
    for role in ("server", "client"):
        if daemon := _daemon(scenario, role, stage, work):
            stage.daemons[role] = daemon
    for words in scenario.faults:
        stage.fault(words)
    if "begin" not in scenario.steps:
        stage.begin()
    for step in scenario.steps:
        stage.do(step)
    time.sleep(0.5)
    stage.end()


def _daemon(scenario: Scenario, role: str, stage: Stage, work: Path) -> Daemon | None:
    kind = scenario.client_is if role == "client" else scenario.server_is
    if kind == "none":
        return None
    own = scenario.client_keys if role == "client" else scenario.server_keys
    keys = certificates.make(own or scenario.keys, work / "keys")
    peer_keys = certificates.make(scenario.keys, work / "keys")
    client, server = (CLIENT6, SERVER6) if scenario.ipv6 else (CLIENT, SERVER)
    here, there = (client, scenario.dials or server) if role == "client" else (server, client)
    changes = scenario.client if role == "client" else scenario.server
    copies = scenario.copies if role == "client" else 1
    side = strongswan.Side(role, scenario.login, keys, peer_keys, here, there, changes, copies)
    if kind == "libreswan":
        return libreswan.begin(stage.network, side, stage.folder / role)
    return strongswan.begin(stage.network, side, stage.folder / role)


def _result(scenario: Scenario, folder: Path) -> Result:
    stories = {role: _story(folder / role) for role in ("client", "server")}
    if disagreement := _disagreement(scenario, stories["client"]):
        raise LabError(f"{scenario.name}: {disagreement}; see {folder}")
    captures = {
        point: to_pcapng((folder / f"{point}.pcap").read_bytes(), where) for point, where in scenario.points.items()
    }
    kinds = {"client": scenario.client_is, "server": scenario.server_is}
    entry = {
        **scenario.words(),
        "daemons": {role: versions.of(kind) for role, kind in kinds.items() if kind != "none"},
        "said": {role: story.telling for role, story in stories.items() if story.telling},
        "captures": {point: _capture(scenario, point, data, stories) for point, data in captures.items()},
    }
    return Result(entry, captures)


def _disagreement(scenario: Scenario, client: logs.Story) -> str:
    """Say where the client's log does not tell what the scenario does."""
    wanted = scenario.copies if scenario.established else 0
    if bool(client.established) != scenario.established or client.established < wanted:
        return f"{client.established} IKE SAs came up, not {wanted}"
    children = wanted if scenario.child else 0
    if bool(client.children) != bool(children) or client.children < children:
        return f"{client.children} CHILD_SAs came up, not {children}"
    return ""


def _story(folder: Path) -> logs.Story:
    """Read what a daemon's log tells; of Libreswan's no messages."""
    charon, pluto = folder / "charon.log", folder / "pluto.log"
    if charon.exists():
        return logs.read(charon.read_text().splitlines())
    if pluto.exists():
        text = pluto.read_text()
        established, children = text.count("established IKE SA"), text.count("established Child SA")
        return logs.Story([], [], established, children, libreswan.telling(text))
    return logs.Story([], [], 0, 0, [])


def _capture(scenario: Scenario, point: str, data: bytes, stories: dict[str, logs.Story]) -> dict[str, Any]:
    """Return what is true of one capture."""
    where, shows = scenario.points[point], scenario.shows[point]
    captured = f"{where.host}, {where.device}"
    captured += f", {where.snaplen} bytes of each packet" if where.snaplen else ""
    captured += f", filter {where.filter}" if where.filter else ""
    captured += f", packets {where.direction} alone" if where.direction != "inout" else ""
    record: dict[str, Any] = {"captured": captured, **shows.words()}
    if not shows.sas:
        story = stories.get(where.host, stories["client"])
        record |= truth.facts(scenario, point, story)
        if story.spis:
            record["spis"] = [list(pair) for pair in story.spis]
    return record | {"sha256": hashlib.sha256(data).hexdigest()}
