"""Where a capture was taken, as seen on one IKE SA: at the initiator, at the responder, or between them."""

from __future__ import annotations

from typing import Literal

Side = Literal["initiator", "responder", "middle", "unknown"]
