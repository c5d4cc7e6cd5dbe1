"""What the manual pages of strongSwan say of its settings: every name, and its default."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest


@cache
def settings(page: str) -> dict[str, str]:
    """Defaults by dotted name (``charon.fragment_size``); of a section an empty text.

    Parameters
    ----------
    page : str
        ``strongswan.conf`` or ``swanctl.conf``.
    """
    path = Path(f"/usr/share/man/man5/{page}.5.gz")
    if not path.exists():
        pytest.skip(f"the manual pages of the packages were left out at their installation: {path}")
    text = gzip.decompress(path.read_bytes()).decode().replace("\\-", "-")
    found = dict(re.findall(r'^\.BR (\S+) " \[(.*)\]"$', text, re.MULTILINE))
    sections = re.findall(r"^\.B (\S+)$", text, re.MULTILINE)
    # Settings of a section whose members have names of their own are told in its text.
    named = re.findall(r"^\.B (charon\.plugins\.eap-radius\.servers)\n(.*?)^\.TP$", text, re.MULTILINE | re.DOTALL)
    inside = {f"{section}.<name>.{key}": "" for section, told in named for key in re.findall(r'"(\w+)"', told)}
    return dict.fromkeys(sections, "") | found | inside


def names(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Dotted names and values of a nested block; a word in capitals stands for a name of the reader's own.

    >>> list(names(["charon {", "  plugins {", "    NAME {", "      a = 1 # one", "    }", "  }", "}"]))
    [('charon.plugins.<>.a', '1')]
    """
    path: list[str] = []
    for line in lines:
        words = line.split("#")[0].strip()
        if words == "}":
            path.pop()
        elif words.endswith("{"):
            section = words.removesuffix("{").strip()
            path.append("<>" if section.isupper() else section)
        elif words:
            key, _, value = words.partition("=")
            yield ".".join([*path, key.strip()]), value.strip()
    assert not path, "a brace is not closed"


def generic(name: str) -> str:
    """A name with all the reader's own names alike.

    >>> generic("connections.<conn>.local<suffix>.id")
    'connections.<>.local.id'
    """
    return re.sub(r"<[^>]*>", "<>", name.replace("<suffix>", ""))
