"""The captures that are compared, each with a name that begins with its kind: ``cases/NET001/...``."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from analyzer.errors import InputError
from tests.baseline.thinned import TORN, VARIANTS, Parts, named, seeded, torn, written
from tests.baseline.version import ROOT
from tests.properties.altered import records_of
from tests.rules.cases import CASES, file_of

KINDS = ("samples", "cases", "lab", "real", "thinned")
SAMPLES = ROOT / "sample_pcaps"
LAB = SAMPLES / "lab" / "captures"
#: Thinned variants are made of captures with no more packets.
_MOST_PACKETS = 20_000


@dataclass(frozen=True, slots=True)
class Input:
    """A capture by name; its bytes are made when they are asked for."""

    name: str
    data: Callable[[], bytes]


def real_captures() -> Path:
    """Where they are, if they are here (tests/conftest.py says the same)."""
    return Path(os.environ.get("IKE_ANALYZER_CAPTURES") or ROOT.parent / "shared" / "captures") / "dev"


def originals(kinds: Sequence[str]) -> Iterator[Input]:
    """The captures as they are, of these kinds."""
    if "samples" in kinds:
        yield from (_of_file("samples", SAMPLES, path) for path in sorted(SAMPLES.glob("*.pcap*")))
    if "cases" in kinds:
        yield from (Input(f"cases/{case.rule}/{case.name}", partial(file_of, case)) for case in CASES)
    if "lab" in kinds:
        yield from (_of_file("lab", LAB, path) for path in sorted(LAB.glob("*.pcap*")))
    if "real" in kinds:
        folder = real_captures()
        yield from (_of_file("real", folder, path) for path in sorted(folder.rglob("*")) if path.is_file())


def _of_file(kind: str, folder: Path, path: Path) -> Input:
    return Input(f"{kind}/{path.relative_to(folder).as_posix()}", path.read_bytes)


def thinned(some: Sequence[Input], seed: int) -> Iterator[Input]:
    """A variant of each sort of each of these: ``thinned/left-out/cases/NET001/...``."""
    for number, original in enumerate(some):
        # The next one, to be interleaved with.
        other = some[(number + 1) % len(some)]
        for variant in VARIANTS:
            name = f"thinned/{named(variant)}/{original.name}"
            yield Input(name, partial(_varied, variant, original, other, seed, name))
        name = f"thinned/{TORN}/{original.name}"
        yield Input(name, partial(_torn, original, seed, name))


def _varied(variant: Callable[..., Parts], original: Input, other: Input, seed: int, name: str) -> bytes:
    return written(variant(_parts(original), _parts(other), seeded(seed, name)))


def _torn(original: Input, seed: int, name: str) -> bytes:
    return torn(original.data(), seeded(seed, name))


#: The variants of a capture follow one another, and the next capture is taken apart for one of them.
@lru_cache(maxsize=8)
def _parts(original: Input) -> Parts:
    """Its packets; none of what cannot be read."""
    try:
        records, links = records_of(original.data())
    except InputError:
        return Parts([], [])
    return Parts(records[:_MOST_PACKETS], links)


def one_in_ten(some: Sequence[Input], seed: int) -> list[Input]:
    """A tenth of them, by their names, another for each seed."""
    return [one for one in some if zlib.crc32(f"{seed} {one.name}".encode()) % 10 == 0]
