"""The plot of packet sizes: which marks, bands and words it holds, and what it does with odd input.

The frames are made here by hand after :mod:`analyzer.frames.contracts`. The sizes of the reference case are tshark's of
a real Windows client: IKE_SA_INIT in IP packets of 908 and 336 bytes, IKE_AUTH of 3,468 bytes in IP fragments of 1460,
1460 and 620 bytes, sent three times.
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from analyzer.errors import InputError, UsageError
from analyzer.frames.contracts import CONTRACTS, TIME
from analyzer.report.plot.axis import duration_text, push_apart, spread, time_axis
from analyzer.report.plot.figure import plot

EPOCH = 1_700_000_000_000_000_000
C, S = "192.168.0.10", "144.76.154.114"
INIT, AUTH, INFORMATIONAL, INTERMEDIATE = 34, 35, 37, 43
NAMES = {34: "IKE_SA_INIT", 35: "IKE_AUTH", 36: "CREATE_CHILD_SA", 37: "INFORMATIONAL", 43: "IKE_INTERMEDIATE"}
TYPES = {
    "int64": 0, "int32": 0, "int16": 0, "int8": 0, "bool": True, "object": (), "string": "", "Float64": pd.NA,
    "Int64": pd.NA, "Int32": pd.NA, "Int16": pd.NA, "boolean": pd.NA,
}  # fmt: skip


def frame(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A frame after its contract: given values, and neutral ones elsewhere."""
    contract = CONTRACTS[name]
    assert {key for row in rows for key in row} <= set(contract.names)
    columns = {}
    for c in contract.columns:
        values = [row.get(c.name, TYPES.get(c.dtype)) for row in rows]
        if c.dtype == TIME:
            columns[c.name] = pd.Series(pd.to_datetime(pd.Series(values, dtype="Int64"), utc=True), dtype=TIME)
        else:
            columns[c.name] = pd.Series(values, dtype=c.dtype)
    return pd.DataFrame(columns)


@dataclass
class Trace:
    """A capture under construction: what was sent when, in which pieces."""

    name: str = "trace.pcapng"
    verdict_text: str = ""
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in CONTRACTS})
    built: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name not in CONTRACTS:
            raise AttributeError(name)
        if name not in self.built:
            self.built[name] = frame(name, self.rows[name])
        return self.built[name]

    def packet(self, at: float, src: str = C, dst: str = S, **columns: Any) -> int:
        number = len(self.rows["packets"]) + 1
        row = {"frame": number, "time": EPOCH + round(at * 1e9), "src": src, "dst": dst, "protocol": 17, "mf": False}
        self.rows["packets"].append({**row, "ip_version": 6 if ":" in src else 4, **columns})
        return number

    def sa(self, spi: str = "a" * 16, initiator: str = C, responder: str = S) -> int:
        number = len(self.rows["sas"])
        row = {"sa": number, "spi_i": spi, "spi_r": "b" * 16, "initiator": initiator, "responder": responder}
        self.rows["sas"].append({**row, "ike_version": 2, "start": EPOCH, "end": EPOCH})
        return number

    def message(
        self,
        at: float,
        exchange: int,
        length: int,
        sizes: list[int],
        *,
        mid: int = 0,
        reply: bool = False,
        sa: int = 0,
        skf: tuple[int, int] = (0, 0),
        mtu: tuple[int, int] | None = None,
        **columns: Any,
    ) -> None:
        """Send one IKE message (or one SKF fragment) as IP packets of ``sizes``; ``columns`` are of its frame."""
        peers = self.rows["sas"][sa]
        src, dst = (peers["responder"], peers["initiator"]) if reply else (peers["initiator"], peers["responder"])
        datagram, offset, header = len(self.rows["datagrams"]), 0, 40 if ":" in src else 20
        number, low_high = columns.get("datagram", datagram), mtu or (pd.NA, pd.NA)
        frames = []
        for i, size in enumerate(sizes):
            port = pd.NA if offset else 500
            piece = {"ip_length": size, "mf": i + 1 < len(sizes), "fragment_offset": offset, "datagram": number}
            frames.append(self.packet(at + i * 1e-5, src, dst, **piece, sport=port, dport=port))
            offset += size - header
        row: dict[str, Any] = {"datagram": datagram, "frames": tuple(frames), "fragments": len(sizes)}
        row |= {"first_fragment_length": sizes[0], "mtu_lower": low_high[0], "mtu_upper": low_high[1]}
        self.rows["datagrams"].append(row)
        row = {"message": len(self.rows["messages"]), "datagram": datagram, "frame": frames[-1]}
        row |= {"time": EPOCH + round(at * 1e9), "src": src, "dst": dst, "transport": "udp", "version": 0x20}
        row |= {"spi_i": peers["spi_i"], "spi_r": "0" * 16 if exchange == INIT and not reply else "b" * 16}
        row |= {"exchange": exchange, "exchange_name": NAMES.get(exchange, "?"), "message_id": mid, "length": length}
        row |= {"is_response": reply, "is_initiator": not reply, "digest": f"{exchange}-{length}-{reply}-{skf[0]}"}
        row |= {"skf_number": skf[0] or pd.NA, "skf_total": skf[1] or pd.NA}
        self.rows["messages"].append({**row, **columns})

    def exchange(self, number: int, outcome: str, *times: float, mid: int = 0, sa: int = 0) -> None:
        row = {"sa": sa, "sender": "initiator", "message_id": mid, "exchange": number, "exchange_name": NAMES[number]}
        stamps = tuple(EPOCH + round(t * 1e9) for t in times)
        self.rows["exchanges"].append({**row, "attempts": len(times), "times": stamps, "outcome": outcome})


def reference() -> Trace:
    trace = Trace(
        "ipsec_client.pcap",
        "IKE_AUTH (3,468 bytes) left the client as 3 IP fragments, 3 times, and was never answered: the fragments are "
        "lost on the way to the server, and neither side offered IKE fragmentation (frames 3 to 11).",
    )
    trace.sa()
    trace.message(0, INIT, 880, [908])
    trace.message(0.033, INIT, 308, [336], reply=True)
    for at in (0.075, 1.075, 2.075):
        trace.message(at, AUTH, 3468, [1460, 1460, 620], mid=1, mtu=(1460, 1467))
    trace.exchange(INIT, "answered", 0)
    trace.exchange(AUTH, "unanswered", 0.075, 1.075, 2.075, mid=1)
    trace.rows["path_mtu"].append(
        {"sa": 0, "direction": "initiator_to_responder", "lower": 1460, "upper": 1467, "evidence": "first fragments"}
    )
    return trace


def healthy_skf() -> Trace:
    trace = Trace("skf.pcapng", "Connected: both sides use IKE fragmentation, and no IKE message was cut by IP.")
    trace.sa()
    trace.message(0, INIT, 432, [460])
    trace.message(0.021, INIT, 440, [468], reply=True)
    for k in range(1, 5):
        trace.message(0.05 + k * 1e-4, AUTH, 540, [572] if k < 4 else [300], mid=1, skf=(k, 4))
    for k in range(1, 4):
        trace.message(0.11 + k * 1e-4, AUTH, 540, [572] if k < 3 else [240], mid=1, skf=(k, 3), reply=True)
    trace.message(0.4, INFORMATIONAL, 80, [112], mid=2)
    trace.message(0.43, INFORMATIONAL, 80, [112], mid=2, reply=True)
    for number, at, mid in ((INIT, 0.0, 0), (AUTH, 0.0501, 1), (INFORMATIONAL, 0.4, 2)):
        trace.exchange(number, "answered", at, mid=mid)
    return trace


def hour_between() -> Trace:
    trace = Trace(
        "two-attempts.pcapng", "Two attempts an hour apart failed alike: IKE_AUTH in IP fragments, no answer."
    )
    for n, start in enumerate((0.0, 3661.0)):
        trace.sa(spi=f"{n + 1:016x}")
        trace.message(start, INIT, 880, [908], sa=n)
        trace.message(start + 0.03, INIT, 308, [336], sa=n, reply=True)
        for at in (0.08, 1.08, 2.08, 4.08):
            trace.message(start + at, AUTH, 3468, [1500, 1500, 540], mid=1, sa=n, mtu=(1500, 1507))
        trace.exchange(INIT, "answered", start, sa=n)
        trace.exchange(AUTH, "unanswered", *(start + t for t in (0.08, 1.08, 2.08, 4.08)), mid=1, sa=n)
    return trace


def ipv6() -> Trace:
    trace = Trace("v6.pcapng", "IKE_AUTH over IPv6 was cut at 1,280 bytes and never answered.")
    trace.sa(initiator="2001:db8::1", responder="2001:db8::2")
    trace.message(0, INIT, 432, [480])
    trace.message(0.04, INIT, 440, [488], reply=True)
    for at in (0.1, 1.1):
        trace.message(at, AUTH, 3000, [1280, 1280, 652], mid=1, mtu=(1280, 1287))
    trace.packet(0.15, "2001:db8:f::1", "2001:db8::1", protocol=58, ip_length=1280)
    trace.exchange(AUTH, "unanswered", 0.1, 1.1, mid=1)
    trace.rows["path_mtu"].append(
        {"sa": 0, "direction": "initiator_to_responder", "upper": 1280, "evidence": "ICMPv6 packet too big"}
    )
    return trace


def gateway(count: int = 50_000) -> Trace:
    """Many SAs over three hours: answered and unanswered ones, some in IP fragments, made as columns."""
    trace = Trace("gateway.pcapng", "412 of 5,000 connections failed: IKE_AUTH in IP fragments, no answer.")
    rng = np.random.default_rng(7)
    sas = count // 10
    starts = np.sort(rng.uniform(0, 10_800, sas)).round(6)
    for n, start in enumerate(starts.tolist()):
        trace.sa(spi=f"{n:016x}")
        size = int(rng.integers(300, 1400))
        trace.message(start, INIT, size - 28, [size], sa=n)
        trace.message(start + 0.03, INIT, 440, [468], sa=n, reply=True)
        trace.exchange(INIT, "answered", start, sa=n)
        if n % 12 == 0:
            for k in range(3):
                trace.message(start + 0.1 + k, AUTH, 2900, [1500, 1468], mid=1, sa=n, mtu=(1500, 1507))
            trace.message(start + 3.2, INFORMATIONAL, 80, [112], mid=2, sa=n)
            trace.message(start + 3.3, INFORMATIONAL, 80, [112], mid=2, sa=n, reply=True)
            trace.exchange(AUTH, "unanswered", *(start + 0.1 + k for k in range(3)), mid=1, sa=n)
        else:
            trace.message(start + 0.1, AUTH, 1400, [int(rng.integers(900, 1450))], mid=1, sa=n)
            trace.message(start + 0.2, AUTH, 1200, [int(rng.integers(700, 1300))], mid=1, sa=n, reply=True)
            for k in range(3):
                trace.message(start + 20 + 30 * k, INFORMATIONAL, 80, [112], mid=2 + k, sa=n)
                trace.message(start + 20.02 + 30 * k, INFORMATIONAL, 80, [112], mid=2 + k, sa=n, reply=True)
            trace.exchange(AUTH, "answered", start + 0.1, mid=1, sa=n)
    return trace


CASES = {"reference": reference, "skf": healthy_skf, "hour": hour_between, "ipv6": ipv6, "empty": Trace}


def scatters(figure: Figure) -> list[PathCollection]:
    return [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]


def marks_of(figure: Figure) -> dict[str, np.ndarray]:
    """Sizes drawn, by the name of the collection (exchange, direction, first or again)."""
    return {str(c.get_label()): np.asarray(c.get_offsets())[:, 1] for c in scatters(figure)}


def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text()]


def words(figure: Figure) -> list[str]:
    return [t.get_text() for t in texts(figure)]


def legend(figure: Figure) -> list[str]:
    found = figure.axes[0].get_legend()
    assert found is not None
    return [t.get_text().replace("\n", " ") for t in found.get_texts()]


def lines_at(figure: Figure, source: str) -> list[float]:
    """Sizes at which the bounds of one source are drawn."""
    found = [line for line in figure.axes[0].lines if line.get_label() == f"bound {source}"]
    return sorted(float(np.asarray(line.get_ydata())[0]) for line in found)


def named(figure: Figure, label: str) -> list[Any]:
    return figure.findobj(lambda artist: artist.get_label() == label)


def test_reference_case_shows_three_cut_messages_repeated_and_unanswered() -> None:
    figure = plot(reference())
    marks = marks_of(figure)
    assert {label: sorted(sizes.tolist()) for label, sizes in marks.items()} == {
        "IKE_SA_INIT to responder first": [908],
        "IKE_SA_INIT to initiator first": [336],
        "IKE_AUTH to responder first": [620, 1460, 1460],
        "IKE_AUTH to responder again": [620, 620, 1460, 1460, 1460, 1460],
    }
    said = words(figure)
    assert said.count("3,468 B in 3 IP fragments") == 3
    assert {"IKE_AUTH", "IKE_AUTH  ×2", "IKE_AUTH  ×3", "IKE_SA_INIT reply"} <= set(said)
    assert len(named(figure, "no-answer")) == 1 and len(named(figure, "no-answer-span")) == 1
    (tied,) = named(figure, "fragments of one datagram")
    assert [len(path.vertices) for path in tied.get_paths()] == [3, 3, 3]
    assert "ipsec_client.pcap  ·  11 IP packets  ·  5 IKE messages  ·  1 IKE SA  ·  2 retransmits" in "".join(said)


def test_no_mark_hides_another_and_order_stays() -> None:
    figure = plot(reference())
    axes = figure.axes[0]
    points = np.sort(np.concatenate([np.asarray(c.get_offsets())[:, 0] for c in scatters(figure)]))
    assert len(points) == 11
    assert np.diff(points).min() > 10  # a mark is ten points wide
    low, high = axes.get_xlim()
    assert points[0] > low and points[-1] < high


def test_bounds_lie_at_their_sizes_with_their_source_in_the_legend() -> None:
    trace = reference()
    trace.rows["path_mtu"].append(
        {"sa": 0, "direction": "responder_to_initiator", "lower": 1400, "upper": 1400, "evidence": "ICMP in frame 7"}
    )
    figure = plot(trace, mtu=1300)
    assert lines_at(figure, "ethernet") == [1500]
    assert lines_at(figure, "first fragments") == [1460, 1467]
    assert lines_at(figure, "path") == [1400]
    assert lines_at(figure, "given") == [1300]
    (band,) = named(figure, "band first fragments")
    assert (band.get_y(), band.get_height()) == (1460, 7)
    entries = legend(figure)
    assert entries[entries.index("MTU") :] == [
        "MTU",
        "Ethernet MTU 1,500",
        "MTU given by the user: 1,300",
        "initiator's link MTU 1,460..1,467, from first fragments",
        "responder → initiator: 1,400 (ICMP in frame 7)",
    ]


def test_one_sided_bounds_and_bounds_outside_the_picture() -> None:
    trace = reference()
    trace.rows["path_mtu"] = [
        {"sa": 0, "direction": "initiator_to_responder", "lower": 908, "evidence": "largest answered"},
        {"sa": 0, "direction": "responder_to_initiator", "upper": 1280, "evidence": "ICMP"},
        {"sa": 0, "direction": "responder_to_initiator", "evidence": "nothing"},
    ]
    figure = plot(trace, mtu=9000)
    assert lines_at(figure, "path") == [908, 1280]
    assert {
        "initiator → responder: at least 908 (largest answered)",
        "responder → initiator: at most 1,280 (ICMP)",
        "MTU given by the user: 9,000 (above the picture)",
    } <= set(legend(figure))
    assert 1500 < figure.axes[0].get_ylim()[1] < 1800


def test_skf_messages_are_numbered_and_grouped() -> None:
    figure = plot(healthy_skf())
    said = words(figure)
    assert [w for w in said if w.startswith("SKF ")] == [f"SKF {k}/4" for k in (1, 2, 3, 4)] + [
        f"SKF {k}/3" for k in (1, 2, 3)
    ]
    assert {"2,160 B in 4 SKF", "1,620 B in 3 SKF"} <= set(said)
    assert not named(figure, "no-answer") and not named(figure, "fragments of one datagram")
    assert not any("again" in label for label in marks_of(figure))


def test_ipv6_and_icmp() -> None:
    figure = plot(ipv6())
    marks = marks_of(figure)
    assert marks["IKE_AUTH to responder first"].tolist() == [1280, 1280, 652]
    assert [sizes.tolist() for label, sizes in marks.items() if label.startswith("ICMP")] == [[1280]]
    assert lines_at(figure, "first fragments") == [1280, 1287]
    assert "initiator → responder: at most 1,280 (ICMPv6 packet too big)" in legend(figure)


def test_ikev1_and_unknown_exchanges_have_their_own_marks() -> None:
    trace = Trace()
    trace.sa()
    trace.message(0, 2, 200, [228], version=0x10, is_initiator=False)
    trace.message(0.1, 2, 180, [208], version=0x10, reply=True, is_initiator=False, is_response=False)
    trace.message(0.2, 240, 100, [128], mid=1)
    trace.message(0.3, INTERMEDIATE, 100, [132], mid=2)
    assert {label: sizes.tolist() for label, sizes in marks_of(plot(trace)).items()} == {
        "IKEv1 to responder first": [228],
        "IKEv1 to initiator first": [208],
        "other or unknown to responder first": [128],
        "IKE_INTERMEDIATE to responder first": [132],
    }


def test_fragments_whose_message_is_unknown_and_messages_over_tcp_are_drawn() -> None:
    trace = Trace()
    trace.sa()
    trace.packet(0, ip_length=1500, fragment_offset=1480, mf=True, datagram=900)
    trace.packet(0.1, ip_length=60, protocol=6)
    trace.message(0.2, AUTH, 2000, [2060], mid=1, transport="tcp", datagram=pd.NA)
    assert {label: sizes.tolist() for label, sizes in marks_of(plot(trace)).items()} == {
        "other or unknown to responder first": [1500],
        "IKE_AUTH to responder first": [2060],
    }


def test_capture_duplicates_and_packets_without_a_time_are_counted_not_drawn() -> None:
    trace = reference()
    trace.message(2.0753, AUTH, 3468, [1460, 1460, 620], mid=1)
    for row in trace.rows["packets"][-3:]:
        row["duplicate_of"] = row["frame"] - 3
    trace.packet(0, ip_length=1000, mf=True, datagram=901)
    trace.rows["packets"][-1]["time"] = pd.NA
    figure = plot(trace)
    assert sum(len(sizes) for sizes in marks_of(figure).values()) == 11
    assert any("3 capture duplicates not drawn  ·  1 packet without a time not drawn" in w for w in words(figure))
    assert not any("×4" in w for w in words(figure))


def test_packets_that_the_host_dropped_are_crossed() -> None:
    trace = reference()
    trace.rows["packets"][3]["dropped_by_host"] = True
    figure = plot(trace)
    assert marks_of(figure)["dropped by host"].tolist() == [1460]
    assert "dropped by the capturing host (1)" in legend(figure)


def test_incomplete_messages_and_responses_sent_again() -> None:
    trace = Trace()
    trace.sa()
    trace.message(0, AUTH, 3000, [1500], mid=1, complete=False)
    for at in (0.1, 0.2):
        trace.message(at, AUTH, 900, [932], mid=1, reply=True)
    figure = plot(trace)
    assert {"3,000 B in 1 IP fragment, incomplete", "IKE_AUTH reply  ×2"} <= set(words(figure))
    assert marks_of(figure)["IKE_AUTH to initiator again"].tolist() == [932]


@pytest.mark.parametrize("kind", [int, pd.Timestamp])
def test_times_of_attempts_may_be_numbers_or_timestamps(kind: type) -> None:
    trace = reference()
    for row in trace.rows["exchanges"]:
        row["times"] = tuple(t if kind is int else pd.Timestamp(t, tz="UTC") for t in row["times"])
    # Other bytes (a cut capture): only the exchange tells that this is an attempt of the same request.
    trace.rows["messages"][-1]["digest"] = "other"
    assert "IKE_AUTH  ×3" in words(plot(trace))


def test_an_hour_of_silence_is_cut_and_named() -> None:
    figure = plot(hour_between())
    said = words(figure)
    assert "1 h 1 min of silence" in said
    assert "time since the first packet (h:mm:ss, silence cut out)" in said
    axes = figure.axes[0]
    ticks = [axes.xaxis.get_major_formatter()(x, i) for i, x in enumerate(axes.get_xticks())]
    assert ticks[:2] == ["0:00:00", "0:00:01"] and ticks[-1] == "1:01:05"
    assert len(named(figure, "no-answer")) == 2


def test_one_sa_only() -> None:
    figure = plot(hour_between(), sa=1)
    assert sum(len(sizes) for sizes in marks_of(figure).values()) == 14
    assert not any("of silence" in w for w in words(figure))
    assert any("IKE SA 1 of 2" in w for w in words(figure))
    axes = figure.axes[0]
    # Time still counts from the first packet of the capture.
    assert axes.xaxis.get_major_formatter()(axes.get_xticks()[0], 0).startswith("1:01:01")


def test_no_ike_at_all_says_so() -> None:
    figure = plot(Trace())
    assert "No IKE message in this capture" in words(figure)
    assert not marks_of(figure) and len(figure.axes[0].get_xticks()) == 0
    assert lines_at(figure, "ethernet") == [1500]


def test_text_is_literal() -> None:
    trace = reference()
    trace.name = "$x^2$_\n\x1b[31m\u202e\udc80日.pcap"
    trace.verdict_text = r"Cost $5 and $6 \frac{1}{2}"
    trace.rows["path_mtu"] = [{"sa": 0, "direction": "initiator_to_responder", "lower": 1, "evidence": "$a$ \x00<&"}]
    figure = plot(trace)
    said = words(figure)
    assert r"Cost $5 and $6 \frac{1}{2}" in said
    assert any(w.startswith(r"$x^2$_\x0a\x1b[31m\u202e\udc80\u65e5.pcap  ·") for w in said)
    assert r"initiator → responder: at least 1 ($a$ \x00<&)" in legend(figure)
    assert not any(t.get_parse_math() for t in texts(figure) if "$" in t.get_text())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ending", ["png", "svg", "PNG"])
def test_written_whole_in_both_formats(tmp_path: Path, name: str, ending: str) -> None:
    out = tmp_path / f"plot.{ending}"
    assert isinstance(plot(CASES[name](), out), Figure)
    data = out.read_bytes()
    if ending == "svg":
        root = ElementTree.fromstring(data)
        assert root.tag.endswith("svg") and any("Ethernet MTU 1,500" in "".join(e.itertext()) for e in root.iter())
    else:
        assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[-8:-4] == b"IEND"
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_same_capture_same_bytes(tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    plot(reference(), first)
    plot(reference(), str(second))
    assert first.read_bytes() == second.read_bytes()
    assert b"<dc:date>" not in first.read_bytes()


def test_the_callers_style_changes_nothing_and_stays(tmp_path: Path) -> None:
    import matplotlib

    plot(reference(), tmp_path / "a.svg")
    with matplotlib.rc_context({"axes.facecolor": "black", "svg.fonttype": "path", "font.size": 30.0}):
        plot(reference(), tmp_path / "b.svg")
        assert matplotlib.rcParams["axes.facecolor"] == "black" and matplotlib.rcParams["svg.fonttype"] == "path"
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("name", ["plot.pdf", "plot", "plot.svg.gz", ".png"])
def test_other_endings_are_refused_before_any_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.png or \.svg") as caught:
        plot(Trace(), tmp_path / name)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("mtu", [67, 65536, -1])
def test_an_impossible_mtu_is_refused(mtu: int) -> None:
    with pytest.raises(UsageError, match="68 and 65535"):
        plot(Trace(), mtu=mtu)


def test_an_unknown_sa_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no IKE SA 2 .* 0\.\.1"):
        plot(hour_between(), sa=2)
    with pytest.raises(UsageError, match="none"):
        plot(Trace(), sa=0)


def test_a_target_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken.png").mkdir()
    for out in (tmp_path / "absent" / "plot.svg", tmp_path / "taken.png"):
        with pytest.raises(InputError, match="cannot write") as caught:
            plot(reference(), out)
        assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["taken.png"]


@pytest.mark.large
def test_fifty_thousand_packets(tmp_path: Path) -> None:
    trace = gateway()
    assert len(trace.packets) == 50_000 and len(trace.messages) and len(trace.exchanges) and len(trace.datagrams)
    figure = plot(trace, tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").stat().st_size < 1_500_000
    assert sum(len(sizes) for sizes in marks_of(figure).values()) == 50_000
    assert len(words(figure)) < 60  # counts instead of labels
    assert "no answer to the last attempt (417)" in legend(figure)
    assert len(figure.axes) == 1


def test_with_many_messages_only_the_unanswered_are_named() -> None:
    figure = plot(gateway(300))
    assert words(figure).count("IKE_AUTH  ×3") == len(named(figure, "no-answer")) == 3
    assert "IKE_SA_INIT" not in words(figure)


def test_packets_joined_by_offload_do_not_squeeze_the_rest() -> None:
    trace = reference()
    trace.rows["packets"][0]["ip_length"] = 60_000
    figure = plot(trace)
    assert figure.axes[0].get_ylim()[1] < 11_000
    assert "at the upper edge: larger than 9,216 (1)" in legend(figure)


def test_times_centuries_apart_do_not_overflow() -> None:
    trace = reference()
    trace.rows["packets"][-1]["time"] = 2**63 - 1
    trace.rows["packets"][0]["time"] = -(2**63) + 2
    assert any(" d of silence" in w or " h of silence" in w for w in words(plot(trace)))


def test_importing_is_cheap_and_pyplot_stays_away() -> None:
    code = (
        "import sys, analyzer.report.plot.figure as p\n"
        "assert not {'matplotlib', 'pandas'} & set(sys.modules)\n"
        "try: p.plot(type('T', (), {})(), mtu=1400)\n"
        "except AttributeError: pass\n"
        "import analyzer.report.plot.draw\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


SECONDS = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=40).map(lambda v: np.sort(np.array(v)))


@given(SECONDS)
@settings(max_examples=60)
def test_time_axis_keeps_order_and_stays_on_the_page(seconds: np.ndarray) -> None:
    axis = time_axis(seconds, 600.0)
    for points in (axis.position(seconds), spread(axis, seconds, 11.5)):
        assert (np.diff(points) >= -1e-9).all()
        assert points.min() >= 0 and points.max() <= 600
    places = [x for x, _ in axis.ticks()]
    assert places == sorted(places) and 1 <= len(places) <= 30
    for cut in axis.cuts():
        assert cut.end - cut.start >= 30 - 1e-5 and cut.right > cut.left
        assert not ((seconds > cut.start + 1e-6) & (seconds < cut.end - 1e-6)).any()


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(1, 12)), min_size=1, max_size=30))
@settings(max_examples=60)
def test_pushed_apart_boxes_do_not_overlap(boxes: list[tuple[float, float]]) -> None:
    centres = np.sort(np.array([c for c, _ in boxes]))
    widths = np.array([w for _, w in boxes])
    placed = push_apart(centres, widths, 0.0, 600.0)
    assert (np.diff(placed) >= (widths[:-1] + widths[1:]) / 2 - 1e-6).all()
    if (np.diff(centres) >= (widths[:-1] + widths[1:]) / 2).all():
        assert np.allclose(placed, centres)


def test_doubling_gaps_of_retransmission_are_not_cut() -> None:
    assert not time_axis(np.array([0.0, 1, 3, 7, 15, 31, 63, 127, 255]), 600.0).cuts()


def test_ticks_are_round_numbers_at_their_place() -> None:
    axis = time_axis(np.array([0.0, 2.075]), 632.0)  # 600 points between the paddings
    assert [text for _, text in axis.ticks()] == ["0.0", "0.5", "1.0", "1.5", "2.0"]
    assert [x for x, _ in axis.ticks()] == pytest.approx([16 + 600 * t / 2.075 for t in (0, 0.5, 1, 1.5, 2)])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45 s"), (720, "12 min"), (3600, "1 h"), (3900, "1 h 5 min"), (266_400, "3 d 2 h"), (172_800, "2 d")],
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@given(st.data())
@settings(max_examples=25)
def test_any_frames_give_a_picture(data: st.DataObject) -> None:
    """Whatever the bytes made of the frames: repeats, lost requests, unknown SAs, odd numbers of fragments."""
    trace = Trace()
    trace.sa()
    few = st.integers(0, 3)
    for _ in range(data.draw(st.integers(0, 12))):
        number, total = data.draw(few), data.draw(few)
        trace.message(
            data.draw(st.floats(0, 1e5)), data.draw(st.integers(0, 255)), data.draw(st.integers(0, 2**32 - 1)),
            data.draw(st.lists(st.integers(0, 65_535), min_size=1, max_size=4)), mid=data.draw(few),
            reply=data.draw(st.booleans()), skf=(number, total if number else 0), is_initiator=data.draw(st.booleans()),
            version=data.draw(st.integers(0, 255)), spi_i=data.draw(st.sampled_from(["a" * 16, "c" * 16])),
            complete=data.draw(st.booleans()),
        )  # fmt: skip
    for mid in range(data.draw(few)):
        outcome = data.draw(st.sampled_from(["unanswered", "answered", "response only"]))
        trace.exchange(AUTH, outcome, *sorted(data.draw(st.lists(st.floats(0, 1e5), max_size=3))), mid=mid)
    shown = sum(len(sizes) for sizes in marks_of(plot(trace)).values())
    assert shown == len(trace.rows["packets"])
