"""What the lab asks of an IKE daemon, whichever it is."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Daemon(Protocol):
    """A running daemon on the client or on the server."""

    @property
    def log(self) -> Path:
        """File that holds what the daemon says."""

    def initiate(self, timeout: float) -> None:
        """Connect, and wait until the connection is up or has failed."""

    def terminate(self) -> None:
        """Delete the IKE SA."""

    def rekey(self, what: str) -> None:
        """Rekey the ``ike`` or the ``child`` SA."""

    def end(self, *, kill: bool = False) -> None:
        """End the daemon, politely or with force."""
