"""Draws the picture of the README from the sample: ``python -m tests.draw_readme_picture``.

As ``ike-analyzer analyze --plot`` draws it, then given a palette, which takes a third of the bytes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

import analyzer

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write ``docs/images/809-fragments-lost.png``."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "plot.png"
        analyzer.read(ROOT / "sample_pcaps" / "809-fragments-lost.pcapng").plot(drawn)
        small = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    target = ROOT / "docs" / "images" / "809-fragments-lost.png"
    small.save(target, optimize=True)
    print(target.relative_to(ROOT), target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
