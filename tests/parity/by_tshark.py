"""IKE messages as tshark sees them (live through pyshark, and from tables made before), and as the analyzer does."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyshark

from analyzer.capture import Capture

#: Seconds for one run of tshark; the slowest takes one.
TIME_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Seen:
    """One IKE message of a frame; ``None`` where tshark shows no such field."""

    frame: int
    spi_i: str
    spi_r: str
    exchange: int | None
    message_id: int
    flags: int | None
    length: int | None
    notifies: tuple[int, ...]


FIELDS = tuple(f.name for f in fields(Seen) if f.name != "frame")


@dataclass(frozen=True, slots=True)
class Ours:
    """A message as the analyzer lists it, and what decides how much of it tshark shows.

    ``whole``: all of its IP fragments were seen. ``cut``: its bytes were not all captured.
    """

    seen: Seen
    whole: bool
    cut: bool


def by_analyzer(capture: Capture) -> list[Ours]:
    """The rows of the messages frame."""
    frame, table = capture.messages, capture.analysis.wire.messages
    columns = [frame[name].tolist() for name in ("frame", "spi_i", "spi_r", "exchange", "message_id")]
    columns += [table.flags.tolist(), frame["length"].tolist(), frame["notifies"].tolist()]
    seen = [Seen(*values) for values in zip(*columns, strict=True)]
    cut = (table.captured < table.length).tolist()
    return [Ours(*values) for values in zip(seen, frame["complete"].tolist(), cut, strict=True)]


class _Patient(pyshark.FileCapture):
    """pyshark kills tshark once its output ends, and takes its exit status for a crash if it comes first.

    tshark ends by itself; 2 is its status where a capture is cut short, which some of ours are on purpose.
    """

    async def _cleanup_subprocess(self, process: asyncio.subprocess.Process) -> None:
        try:
            status = await asyncio.wait_for(process.wait(), TIME_LIMIT)
        except TimeoutError:
            process.kill()
            raise
        assert status in (0, 2), f"tshark ended with status {status}"


def by_pyshark(path: Path) -> list[Seen]:
    """Ask tshark, through pyshark, for the IKE of a capture; what an ICMP error quotes is left out."""
    loop = asyncio.new_event_loop()
    # pyshark's own choice of loop and child watcher is deprecated; a loop that is given spares it that.
    asyncio.set_event_loop(loop)
    capture = _Patient(path, display_filter="isakmp", keep_packets=False, eventloop=loop)
    seen: list[Seen] = []
    try:
        capture.apply_on_packets(lambda packet: seen.extend(_messages(packet)), timeout=TIME_LIMIT)
        return seen
    finally:
        capture.close()
        asyncio.set_event_loop(None)
        loop.close()


def _messages(packet: Any) -> Iterator[Seen]:
    for layer in packet.layers:
        if layer.layer_name in ("icmp", "icmpv6"):
            return
        if layer.layer_name == "isakmp":
            notifies = layer.get_field("notify_msgtype")
            yield Seen(
                frame=int(packet.number),
                spi_i=layer.get_field("ispi").raw_value,
                spi_r=layer.get_field("rspi").raw_value,
                exchange=_number(layer.get_field("exchangetype")),
                message_id=int(layer.get_field("messageid"), 0),
                flags=_number(layer.get_field("flags")),
                length=_number(layer.get_field("length")),
                notifies=tuple(int(f.raw_value, 16) for f in notifies.all_fields) if notifies is not None else (),
            )


def _number(text: Any) -> int | None:
    return int(text, 0) if text else None


def by_table(table: Path) -> list[Seen]:
    """The same from a table that tshark wrote before; notifies are known where a frame holds one message."""
    seen = []
    with table.open(newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            names = ("ispi", "rspi", "exchangetype", "messageid", "flags", "length")
            columns = [row[f"isakmp.{name}"].split(",") for name in names]
            if columns[0] == [""]:
                continue
            notifies = tuple(int(n) for n in row["isakmp.notify.msgtype"].split(",") if n)
            for spi_i, spi_r, *numbers in zip(*columns, strict=True):
                exchange, message_id, flags, length = map(_number, numbers)
                assert message_id is not None
                seen.append(Seen(int(row["frame.number"]), spi_i, spi_r, exchange, message_id, flags, length, notifies))
    return seen
