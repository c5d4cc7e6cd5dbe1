"""What traffic beside IKE says about packet sizes, summed up once for a capture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from analyzer.packets.tables import EchoRow, HandshakeRow
from analyzer.relate.mtu.echo_sweep import Sweep, sweeps
from analyzer.relate.mtu.segment_size import SegmentSizes, segment_sizes


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Pings by who asks and who is asked; TCP handshakes by who begins them."""

    sweeps: Mapping[tuple[str, str], Sweep] = field(default_factory=dict)
    segments: Mapping[str, SegmentSizes] = field(default_factory=dict)

    @classmethod
    def of(cls, echoes: Iterable[EchoRow], handshakes: Iterable[HandshakeRow], last: int) -> Surroundings:
        """Sum up a capture whose last packet was seen at ``last``, ns."""
        return cls(sweeps(echoes, last), segment_sizes(handshakes))
