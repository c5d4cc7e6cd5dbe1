"""Three-valued: what the capture cannot show is unknown, never no."""

from __future__ import annotations

from typing import Literal

YesNoUnknown = Literal["yes", "no", "unknown"]
