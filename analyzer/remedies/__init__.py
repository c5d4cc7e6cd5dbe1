"""What to do, per product and side, as data: topics and remedy ids in, lines of text out.

One TOML file per vendor or place (``windows.toml``, ``cisco.toml``, ``network.toml`` and so on); each table in it is
one remedy, see :class:`Remedy`. ``topics.toml`` names what remedies cure, ``products.toml`` whom they are for. Each
topic has a general remedy under its own name, so a topic is also an id; the others are for one product.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Side = Literal["client", "server", "either", "network", "trace"]

#: What is printed below a remedy, or below the lines of a step, for which nobody vouches.
UNCONFIRMED = "(Not confirmed by a source.)"
UNCONFIRMED_LINES = "(These lines are not confirmed by a source.)"

#: Keys of :func:`products` that name no product.
_NO_PRODUCT = ("any-client", "any-server", "any-side", "path", "trace", "home-router", "carrier", "firewall",
               "load-balancer")  # fmt: skip

#: Files that hold names, not remedies.
_NAMES = ("limits.toml", "products.toml", "syntaxes.toml", "topics.toml")


@dataclass(frozen=True, slots=True)
class Syntax:
    """What reads the lines of a step.

    Attributes
    ----------
    where : str
        Where a reader puts them ("In swanctl.conf"); empty where the product has one place only.
    parser : str
        The program or table to which the tests hold each line; empty where none can be had.
    programs : tuple of str
        Of a shell: the commands that the tests hold to the program itself. Another command needs a source.
    """

    where: str = ""
    parser: str = ""
    programs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Lines to be copied into one place, as a whole.

    Attributes
    ----------
    syntax : str
        Key of :func:`syntaxes`.
    lines : tuple of str
        To be copied with their indentation; words in capitals stand for the reader's own names.
    source : str
        Who vouches for lines that no parser checks: an address. Without one they are printed as not confirmed.
    where : str
        Where they go, if not where lines of this syntax usually do.
    versions : str
        Of the product, if not all know these lines.
    """

    syntax: str
    lines: tuple[str, ...]
    source: str = ""
    where: str = ""
    versions: str = ""

    @property
    def heading(self) -> str:
        """What stands before the lines, without a colon; empty where the product has one place only."""
        where = self.where or syntaxes()[self.syntax].where
        return f"{where} ({self.versions})" if where and self.versions else where

    @property
    def commands(self) -> tuple[str, ...]:
        """The lines without comments, each as a whole where a backslash continues it."""
        whole = "\n".join(self.lines).replace("\\\n", "").splitlines()
        return tuple(line for line in whole if line.strip() and not line.lstrip().startswith("#"))

    @property
    def confirmed(self) -> bool:
        """A parser or a source vouches for the lines."""
        syntax = syntaxes()[self.syntax]
        is_known = all(line.split()[0] in syntax.programs for line in self.commands)
        return bool(self.source or syntax.parser or is_known)


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to do.

    Attributes
    ----------
    id : str
    product : str
        Key of :func:`products`.
    side : str
        Whose hands do it: ``client``, ``server``, ``either``, ``network`` (something between them) or ``trace``.
    topic : str
        What it cures: key of :func:`topics`.
    what : str
        What to do, in plain words; before lines to copy it ends with a colon.
    verify : str
        How a new capture shows that it worked; the topic's own words unless the remedy has better ones.
    sources : tuple of str
        Where it is documented: addresses, RFCs, or pages of ``docs/domain/``.
    changes : str
        What the lines change, where that is not plain.
    steps : tuple of Step
        What to copy, place by place, in order.
    script : str
        File in ``scripts/`` that does the same and asks before it acts, see :func:`script_of`.
    versions : str
        In which versions it exists, where known.
    confirmed : bool
        A source says so; else it is only what people in the field say.
    helps : bool
        False for what people try in vain.
    brief : str
        What to do in a line, for a report that says no more than it must; empty: ``what`` is short enough.
    """

    id: str
    product: str
    side: Side
    topic: str
    what: str
    verify: str
    sources: tuple[str, ...]
    changes: str = ""
    steps: tuple[Step, ...] = ()
    script: str = ""
    versions: str = ""
    confirmed: bool = True
    helps: bool = True
    brief: str = ""

    @property
    def is_for_any(self) -> bool:
        """It names no product whose it is: a place on the way, or whatever stands on one side."""
        return self.product in _NO_PRODUCT

    @property
    def is_general(self) -> bool:
        """It stands for its topic when no product is known."""
        return self.id == self.topic

    @property
    def text_without_verify(self) -> str:
        """What to do, what to copy, its effect, and the versions that have it."""
        lines = [steps_text(self)]
        if self.changes:
            lines.append(f"Effect: {self.changes}")
        if self.versions:
            lines.append(f"Versions: {self.versions}.")
        return "\n".join(lines)

    @property
    def label(self) -> str:
        """Whom its text addresses."""
        return products()[self.product] if self.helps else "What does not help"


def _tables(name: str) -> dict[str, Any]:
    return tomllib.loads((files("analyzer.remedies") / name).read_text(encoding="utf-8"))


@cache
def products() -> dict[str, str]:
    """Names of products by key; the keys are those of the guesses in :mod:`analyzer.relate.inferred.products`.

    Examples
    --------
    >>> products()["cisco-ios"]
    'Cisco IOS and IOS-XE'
    """
    return _tables("products.toml")


@cache
def syntaxes() -> dict[str, Syntax]:
    """What reads the lines of steps, by key.

    Examples
    --------
    >>> syntaxes()["swanctl.conf"].where
    'In swanctl.conf'
    """
    found = _tables("syntaxes.toml").items()
    return {key: Syntax(**entry | {"programs": tuple(entry.get("programs", ()))}) for key, entry in found}


@cache
def topics() -> dict[str, str]:
    """What remedies cure, by topic, in the order in which a reader should meet them.

    Examples
    --------
    >>> topics()["path-mtu"]
    'Fit packets to the path MTU'
    """
    return {topic: entry["name"] for topic, entry in _tables("topics.toml").items()}


@cache
def catalogue() -> dict[str, Remedy]:
    """All remedies by id, file by file.

    Examples
    --------
    >>> catalogue()["rras-fragmentation"].topic
    'enable-ike-fragmentation'
    """
    verify = {topic: entry["verify"] for topic, entry in _tables("topics.toml").items()}
    found: dict[str, Remedy] = {}
    for file in sorted(files("analyzer.remedies").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml") and file.name not in _NAMES:
            for key, entry in _tables(file.name).items():
                steps = tuple(Step(**step | {"lines": tuple(step["lines"])}) for step in entry.get("steps", ()))
                made = {"id": key, "sources": tuple(entry["sources"]), "steps": steps}
                found[key] = Remedy(**{"verify": verify[entry["topic"]]} | entry | made)
    return found


def script_of(key: str) -> str:
    """A remedy as a script that asks before it acts; empty where there is none.

    Raises
    ------
    KeyError
        No such remedy.

    Examples
    --------
    >>> "Read-Host" in script_of("rras-fragmentation")
    True
    >>> script_of("rras-chain")
    ''
    """
    name = catalogue()[key].script
    return (files("analyzer.remedies") / "scripts" / name).read_text(encoding="ascii") if name else ""


def for_topic(topic: str, *, products: Collection[str] = (), side: Side | None = None) -> tuple[str, ...]:
    """Ids of the remedies for a topic: those of guessed products first, then the general one, then the rest.

    Parameters
    ----------
    topic : str
        Key of :func:`topics`.
    products : tuple of str
        Guessed products, the likeliest first.
    side : str, optional
        Only what this side can do.

    Raises
    ------
    KeyError
        No such topic: a mistake in a rule.

    Examples
    --------
    >>> for_topic("fragment-count-limit", products=("strongswan",))[:2]
    ('strongswan-fragment-count', 'fragment-count-limit')
    """
    if topic not in topics():
        raise KeyError(topic)
    likeliest = list(products)

    def nearness(remedy: Remedy) -> tuple[int, bool]:
        guessed = remedy.product in likeliest
        return (likeliest.index(remedy.product) if guessed else len(likeliest), not remedy.is_general)

    fitting = [r for r in catalogue().values() if r.topic == topic and (side is None or r.side in (side, "either"))]
    return tuple([r.id for r in sorted(fitting, key=nearness)])


@cache
def remedy(key: str) -> tuple[str, ...]:
    """A remedy as text: one paragraph, with what to copy (indented by two) and the way to verify it.

    Raises
    ------
    KeyError
        No such remedy: a mistake in a rule.
    """
    entry = catalogue()[key]
    verified = [entry.text_without_verify] + ([f"Verify: {entry.verify}"] if entry.verify else [])
    return ("\n".join(verified + ([] if entry.confirmed else [UNCONFIRMED])),)


def steps_text(entry: Remedy) -> str:
    """What to do and what to copy (indented by two), without effect and versions."""
    lines = [f"{entry.label}: {_introduced(entry)}"]
    for number, step in enumerate(entry.steps):
        if step.heading and (number or not _says_where(entry)):
            lines.append(f"{step.heading}:")
        lines += [f"  {line}" for line in step.lines]
        if entry.confirmed and not step.confirmed:
            lines.append(UNCONFIRMED_LINES)
    return "\n".join(lines)


def _introduced(entry: Remedy) -> str:
    """What to do; a colon before a heading, which has one of its own, becomes a full stop."""
    is_headed = bool(entry.steps and entry.steps[0].heading) and not _says_where(entry)
    return re.sub(":$", ".", entry.what) if is_headed else entry.what


def _says_where(entry: Remedy) -> bool:
    """The words before the first lines end with the place where they go: a heading would say it again."""
    heading = entry.steps[0].heading
    return entry.what.endswith(f"{heading[:1].lower()}{heading[1:]}:")
