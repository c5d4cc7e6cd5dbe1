"""Scenarios as data: one table for each in ``sample_pcaps/lab/scenarios/*.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sample_pcaps.lab.live.capture import Point
from sample_pcaps.lab.live.shell import LabError

FOLDER = Path(__file__).parent.parent / "scenarios"


@dataclass(frozen=True, slots=True)
class Shows:
    """What a capture taken at one point can show at best.

    Attributes
    ----------
    verdict : tuple of str
        Ids of docs/domain/root-causes.md that an honest expert could give from this capture alone; the best one first.
    why : str
        What in the capture shows it, where it is not plain.
    exit : int
        Exit status of ``ike-analyzer analyze`` (0 healthy, 1 something is wrong, 3 the capture cannot tell).
    facts : dict
        ``fragmentation``, ``request`` and ``response`` where the daemon's log does not say what the capture shows.
    sas : dict
        Number of IKE SAs with each verdict, where there is more than one.
    """

    verdict: tuple[str, ...]
    why: str = ""
    exit: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)
    sas: Mapping[str, int] = field(default_factory=dict)

    def words(self) -> dict[str, Any]:
        """Return what the manifest says of it, without what comes from logs.

        >>> Shows(("auth-failed",)).words()
        {'verdict': ['auth-failed'], 'exit': 1}
        """
        said = {"verdict": list(self.verdict), "exit": self.exit, "why": self.why, "sas": dict(self.sas)}
        return {key: value for key, value in said.items() if value not in ("", {})}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One attempt to connect, and what is wrong with the network or the configuration.

    Attributes
    ----------
    name : str
        Names the captures.
    did : str
        What was set up.
    happened : str
        What really happened, whether or not a capture shows it.
    established : bool
        Whether an IKE SA came up at the client; the daemons' logs must agree.
    cause : tuple of str
        Ids that the captures of client and server, laid side by side, can give, the best one first; empty where there
        is no failure or no pair.
    child : bool
        Whether a CHILD_SA came up with it; the daemons' logs must agree.
    login, keys, client_keys, server_keys
        See :class:`sample_pcaps.lab.live.strongswan.Side`; kinds of keys of :mod:`sample_pcaps.lab.live.certificates`.
    client, server : dict
        Settings laid over the usual ones.
    faults : tuple of str
        See :mod:`sample_pcaps.lab.live.faults`.
    steps : tuple of str
        See :mod:`sample_pcaps.lab.live.steps`.
    mtu : dict
        Bytes, of the links ``client``, ``middle`` and ``server``.
    wire : tuple of str
        Rules of :mod:`sample_pcaps.lab.live.wire`; ``wire_link`` is the link that it taps.
    ipv6 : bool
        Whether client and server speak IPv6.
    dials : str
        Address that the client dials, where it is not the server's own.
    copies : int
        Clients at once.
    sysctl : dict
        Kernel settings, of ``client`` and ``server``.
    points : dict
        Where captures are taken: ``client`` and ``server`` unless said.
    shows : dict
        For each point what its capture shows.
    committed : tuple of str
        Points whose captures are kept with the project, where it is not all of a failure and the first of a success.
    """

    name: str
    did: str
    happened: str
    established: bool
    shows: Mapping[str, Shows]
    cause: tuple[str, ...] = ()
    child: bool = True
    login: str = "certificates"
    keys: str = "ecdsa"
    client_keys: str = ""
    server_keys: str = ""
    client: Mapping[str, Any] = field(default_factory=dict)
    server: Mapping[str, Any] = field(default_factory=dict)
    client_is: str = "strongswan"
    server_is: str = "strongswan"
    faults: tuple[str, ...] = ()
    steps: tuple[str, ...] = ("initiate",)
    mtu: Mapping[str, int] = field(default_factory=dict)
    wire: tuple[str, ...] = ()
    wire_link: str = "middle"
    ipv6: bool = False
    dials: str = ""
    copies: int = 1
    sysctl: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    points: Mapping[str, Point] = field(default_factory=lambda: {"client": Point("client"), "server": Point("server")})
    committed: tuple[str, ...] = ()

    def words(self) -> dict[str, Any]:
        """Return what the manifest says of it, without what comes from logs."""
        said = {"did": self.did, "happened": self.happened, "established": self.established, "cause": list(self.cause)}
        return {key: value for key, value in said.items() if value != []}

    @property
    def kept(self) -> tuple[str, ...]:
        """Points whose captures are kept with the project."""
        return self.committed or tuple(self.points)[: 1 if self.established else None]


def load(folder: Path = FOLDER) -> dict[str, Scenario]:
    """Read all scenarios.

    Returns
    -------
    dict of str to Scenario
        In the order of the files' names and of the tables in them.

    Examples
    --------
    >>> load()["connected"].established
    True
    """
    out: dict[str, Scenario] = {}
    for file in sorted(folder.glob("*.toml")):
        for name, table in tomllib.loads(file.read_text()).items():
            if name in out:
                raise LabError(f"{file.name}: {name} is there twice")
            out[name] = _scenario(name, table)
    return out


def _scenario(name: str, table: dict[str, Any]) -> Scenario:
    known = {f.name for f in fields(Scenario)}
    if unknown := set(table) - known:
        raise LabError(f"scenario {name}: unknown {', '.join(sorted(unknown))}")
    for key in ("faults", "steps", "wire", "committed", "cause"):
        if key in table:
            table[key] = tuple(table[key])
    if "points" in table:
        table["points"] = {at: Point(**{"host": at} | settings) for at, settings in table["points"].items()}
    table["shows"] = {at: Shows(**shows | {"verdict": tuple(shows["verdict"])}) for at, shows in table["shows"].items()}
    scenario = Scenario(name=name, **table)
    if missing := set(scenario.points) ^ set(scenario.shows):
        raise LabError(f"scenario {name}: points and what they show do not agree on {', '.join(sorted(missing))}")
    return scenario
