"""The three captures of the benchmark, made once and kept: ``python -m tests.bench.captures mixed`` prints the path."""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent


@dataclass(frozen=True, slots=True)
class Recipe:
    """A capture: the module here that makes it, how many packets it has, what it stands for.

    ``for_pyshark`` is how many packets the slowest program gets: enough for some IKE, few enough to wait for it.
    """

    name: str
    packets: int
    about: str
    for_pyshark: int

    def writer(self) -> Callable[[Path, int], None]:
        """The module's ``write``; imported only when a capture is made, since it brings NumPy along."""
        write: Callable[[Path, int], None] = import_module(f"tests.bench.{self.name}").write
        return write


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("mixed", 1_300_000, "a client's mixed traffic, an IKE connection every 4,000 packets", 50_000),
        Recipe("dense", 310_000, "a gateway's IKE alone, 50,000 IKE SAs", 2_000),
        Recipe("esp", 700_000, "ESP in UDP, a few IKE connections", 50_000),
    )
}


def folder() -> Path:
    """Where captures are kept: ``BENCH_DIR``, else ``build/bench`` in the project."""
    return Path(os.environ.get("BENCH_DIR") or _ROOT / "build" / "bench")


def path_of(recipe: Recipe, packets: int) -> Path:
    """Where a capture is kept; its name changes with the code that makes it, so an old one is not taken for new."""
    code = b"".join(source.read_bytes() for source in sorted(_HERE.glob("*.py")) if source.stem in _MAKERS)
    return folder() / f"{recipe.name}-{packets}-{hashlib.sha256(code).hexdigest()[:8]}.pcap"


def make(recipe: Recipe, packets: int) -> Path:
    """The path of a capture, which is made first if it is not there."""
    path = path_of(recipe, packets)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for outdated in path.parent.glob(f"{recipe.name}-{packets}-*"):
            outdated.unlink()
        unfinished = path.with_suffix(".part")
        recipe.writer()(unfinished, packets)
        unfinished.rename(path)
    return path


_MAKERS = {
    "columns", "dense", "esp", "flows", "ikev2", "mixed", "pcapfile", "connections", "small_talk", "splice", "tls",
}  # fmt: skip

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--packets", type=int)
    given = parser.parse_args()
    print(make(RECIPES[given.name], given.packets or RECIPES[given.name].packets))
