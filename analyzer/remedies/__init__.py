"""What to do, per product and side, as data: topics and remedy ids in, lines of text out.

One TOML file per vendor or place (``windows.toml``, ``cisco.toml``, ``network.toml`` and so on); each table in it is
one remedy, see :class:`Remedy`. ``topics.toml`` names what remedies cure, ``products.toml`` whom they are for. Each
topic has a general remedy under its own name, so a topic is also an id; the others are for one product.
"""

from __future__ import annotations

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

#: Files that hold names, not remedies.
_NAMES = ("products.toml", "topics.toml", "syntaxes.toml")


@dataclass(frozen=True, slots=True)
class Syntax:
    """What reads the lines of a step.

    Attributes
    ----------
    where : str
        Where a reader puts them ("In swanctl.conf"); empty where the product has one place only.
    parser : str
        The program or table to which the tests hold each line; empty where none can be had.
    """

    where: str = ""
    parser: str = ""


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
    """

    syntax: str
    lines: tuple[str, ...]
    source: str = ""

    @property
    def confirmed(self) -> bool:
        """A parser or a source vouches for the lines."""
        return bool(self.source or syntaxes()[self.syntax].parser)


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
        What to do, in plain words; before commands it ends with a colon.
    verify : str
        How a new capture shows that it worked; the topic's own words unless the remedy has better ones.
    sources : tuple of str
        Where it is documented: addresses, RFCs, or sections of ``domain.md``.
    changes : str
        What the commands change, where that is not plain.
    steps : tuple of Step
        What to copy, place by place, in order.
    versions : str
        In which versions it exists, where known.
    confirmed : bool
        A source says so; else it is only what people in the field say.
    helps : bool
        False for what people try in vain.
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
    versions: str = ""
    confirmed: bool = True
    helps: bool = True

    @property
    def is_general(self) -> bool:
        """It stands for its topic when no product is known."""
        return self.id == self.topic

    @property
    def label(self) -> str:
        """Whom its text addresses."""
        return products()[self.product] if self.helps else "What does not help"


def _tables(name: str) -> dict[str, Any]:
    return tomllib.loads((files("analyzer.remedies") / name).read_text(encoding="utf-8"))


@cache
def products() -> dict[str, str]:
    """Names of products by key; the keys are those of the guesses in :mod:`analyzer.relate.peers`.

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
    return {key: Syntax(**entry) for key, entry in _tables("syntaxes.toml").items()}


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
    lines = [f"{entry.label}: {entry.what}"]
    for step in entry.steps:
        where = syntaxes()[step.syntax].where
        lines += [f"{where}:"] if where else []
        lines += [f"  {line}" for line in step.lines]
        if entry.confirmed and not step.confirmed:
            lines.append(UNCONFIRMED_LINES)
    if entry.changes:
        lines.append(f"Effect: {entry.changes}")
    if entry.versions:
        lines.append(f"Versions: {entry.versions}.")
    if entry.verify:
        lines.append(f"Verify: {entry.verify}")
    if not entry.confirmed:
        lines.append(UNCONFIRMED)
    return ("\n".join(lines),)
