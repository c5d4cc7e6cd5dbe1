"""An independent reader of ETL, the package etl-parser (Apache-2.0; Airbus CERT): what events a file holds.

Of etl-parser 1.0.1 the container and the layouts of events are used; its own look-up of a layout by provider fails.
"""

from __future__ import annotations

import importlib
import uuid
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Event:
    """A modern event: provider, number, time in ticks, keyword, the provider's data."""

    provider: str
    number: int
    time: int
    keyword: int
    data: bytes


def events(raw: bytes) -> list[Event]:
    """The modern events of a file, in its order."""
    reader = pytest.importorskip("etl.etl", reason="etl-parser is not installed: pip install etl-parser")
    found: list[Event] = []

    class Observer(reader.IEtlFileObserver):  # type: ignore[name-defined]
        def on_event_record(self, event: Any) -> None:
            header, guid = event.source.event_header, event.source.event_header.provider_id.inner
            number = uuid.UUID(fields=(guid.data1, guid.data2, guid.data3, *guid.data4[:2], _node(guid.data4[2:])))
            what = header.event_descriptor
            found.append(Event(str(number), what.Id, header.timestamp, what.Keyword, event.source.user_data))

        def on_trace_record(self, event: Any) -> None: ...

        def on_perfinfo_trace(self, obj: Any) -> None: ...

        def on_system_trace(self, obj: Any) -> None: ...

        def on_win_trace(self, obj: Any) -> None: ...

    reader.build_from_stream(raw).parse(Observer())
    return found


def _node(octets: Any) -> int:
    return int.from_bytes(bytes(octets), "big")


def fields(module: str, number: int, data: bytes) -> dict[str, Any]:
    """The fields of a provider's data, by etl-parser's layout (version 0) of that event."""
    layouts = importlib.import_module(f"etl.parsers.etw.{module}")
    return dict(getattr(layouts, f"{module}_{number}_0")(data).source)
