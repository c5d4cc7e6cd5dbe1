"""From the frames of a capture to what the plot draws: one mark for each IP packet, messages to label, silences.

Nothing here draws. Columns are NumPy arrays because a gateway trace holds hundreds of thousands of packets; only the
few messages that can carry a label are looked at one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

#: What a mark can be; its number is the position here.
KINDS = (
    "IKE_SA_INIT",
    "IKE_INTERMEDIATE",
    "IKE_AUTH",
    "CREATE_CHILD_SA",
    "INFORMATIONAL",
    "IKEv1",
    "other or unknown",
    "ICMP",
)
OTHER, ICMP = KINDS.index("other or unknown"), KINDS.index("ICMP")
_KIND_OF_EXCHANGE = {34: 0, 43: 1, 35: 2, 36: 3, 37: 4}
_ICMP_PROTOCOLS = (1, 58)
#: A packet larger than a jumbo frame was joined by the host's offload (docs/domain/offload.md): drawn at the upper
#: edge.
LARGEST = 9216
_NO_TIME = np.iinfo(np.int64).min


class PlotSource(Protocol):
    """What is plotted: the frames of :mod:`analyzer.frames.contracts`, a name for the title, and the verdict."""

    @property
    def packets(self) -> Any: ...
    @property
    def datagrams(self) -> Any: ...
    @property
    def messages(self) -> Any: ...
    @property
    def exchanges(self) -> Any: ...
    @property
    def sas(self) -> Any: ...
    @property
    def path_mtu(self) -> Any: ...
    @property
    def name(self) -> str: ...
    @property
    def verdict_text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Marks:
    """One row for each IP packet drawn, in the order of time; all arrays have one length.

    ``seconds`` counts from the first packet of the capture; ``size`` is the IP length in bytes; ``kind`` indexes
    :data:`KINDS`; ``to_responder`` is the direction; ``attempt`` is 1 for a first send; ``datagram`` is -1 where there
    is none; ``sending`` numbers one attempt of one message (all IP fragments, all SKF fragments), -1 outside messages.
    """

    seconds: NDArray[np.float64]
    size: Ints
    kind: Ints
    to_responder: NDArray[np.bool_]
    attempt: Ints
    datagram: Ints
    sending: Ints
    skf_number: Ints
    skf_total: Ints
    dropped: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.seconds)

    def take(self, which: Any) -> Marks:
        """The rows that ``which`` (mask or indices) selects."""
        return Marks(*(getattr(self, name)[which] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Silence:
    """An unanswered exchange: from its first attempt to its last.

    ``start`` and ``end`` are seconds from the first packet; ``first`` and ``last`` are the sendings of those attempts.
    """

    start: float
    end: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the plot shows, except the bounds of the MTU (:mod:`analyzer.report.plot.bounds`).

    ``lengths`` maps a sending to its IKE length in bytes, ``incomplete`` holds the sendings with IP fragments not seen.
    """

    marks: Marks
    silences: tuple[Silence, ...]
    lengths: dict[int, int]
    responses: frozenset[int]
    incomplete: frozenset[int]
    messages: int
    duplicates: int
    timeless: int


def picture(capture: PlotSource, sa: int | None = None) -> Picture:
    """Collect what is drawn from the frames of ``capture``, of one IKE SA or of all.

    Capture duplicates and packets without a timestamp are counted, not drawn. Drawn are the packets of IKE messages,
    ICMP, and IP fragments that belong to no message that could be read.
    """
    packets, messages = capture.packets, _messages(capture)
    duplicate = packets["duplicate_of"].notna().to_numpy(bool)
    nanos = _nanoseconds(packets["time"])
    timeless = (nanos == _NO_TIME) & ~duplicate
    timed = nanos[nanos != _NO_TIME]
    first = int(timed.min()) if len(timed) else 0
    row = _message_of_packet(packets, messages)
    protocol = packets["protocol"].to_numpy("int64")
    icmp = np.isin(protocol, _ICMP_PROTOCOLS)
    fragment = (packets["fragment_offset"].to_numpy("int64") > 0) | packets["mf"].fillna(False).to_numpy(bool)
    of_message = row >= 0
    if sa is not None:
        of_message &= np.append(messages["sa"].to_numpy("int64"), -1)[row] == sa
    loose = (icmp | (fragment & (protocol == 17) & (row < 0))) & ~of_message
    usable = ~duplicate & (nanos != _NO_TIME)
    if sa is not None:
        mine = nanos[of_message & usable]
        loose &= (nanos >= mine.min()) & (nanos <= mine.max()) if len(mine) else False
    index = np.flatnonzero((of_message | loose) & usable)
    index = index[np.argsort(nanos[index], kind="stable")]
    marks = _marks(packets, messages, row, index, _seconds(nanos, first), set(capture.sas["initiator"].dropna()))
    shown = messages if sa is None else messages[messages["sa"] == sa]
    whole = shown.groupby("sending")["complete"].all()
    return Picture(
        marks=marks,
        silences=_silences(capture.exchanges, shown, first, sa),
        lengths={int(k): int(v) for k, v in shown.groupby("sending")["length"].sum().items()},
        responses=frozenset(shown.loc[shown["is_response"], "sending"].astype(int)),
        incomplete=frozenset(int(k) for k in whole.index[~whole.to_numpy(bool)]),
        messages=len(shown),
        duplicates=int(duplicate.sum()),
        timeless=int(timeless.sum()),
    )


def _seconds(nanos: Ints, first: int) -> NDArray[np.float64]:
    """Seconds since ``first``; unsigned differences, since times that an attacker wrote may lie 500 years apart."""
    return (nanos.view(np.uint64) - np.int64(first).astype(np.uint64)).astype(np.float64) / 1e9


def _nanoseconds(times: Any) -> Ints:
    return np.asarray(times.dt.as_unit("ns").to_numpy("datetime64[ns]").view("int64"))


def _messages(capture: PlotSource) -> Any:
    """The messages, without capture duplicates, with columns ``sa``, ``from_initiator``, ``attempt``, ``sending``."""
    import pandas as pd

    packets = capture.packets
    copies = packets.loc[packets["duplicate_of"].notna(), "frame"]
    found = capture.messages
    found = found[~found["frame"].isin(copies)].reset_index(drop=True)
    spi_i, spi_r = found["spi_i"].fillna(""), found["spi_r"].fillna("")
    sas = capture.sas
    exact = dict(zip(zip(sas["spi_i"], sas["spi_r"].fillna(""), strict=True), sas["sa"], strict=True))
    # A request before the responder chose its SPI carries zeros: its initiator says whose it is, or its SPI alone.
    begun = dict(zip(zip(sas["spi_i"], sas["initiator"], strict=True), sas["sa"], strict=True))
    loose = dict(zip(sas["spi_i"][::-1], sas["sa"][::-1], strict=True))
    near = found["src"].where(found["is_initiator"], found["dst"])
    number = [
        exact.get((i, r), begun.get((i, who), loose.get(i, -1))) for i, r, who in zip(spi_i, spi_r, near, strict=True)
    ]
    found = found.assign(sa=np.array(number, "int64"), stamp=_nanoseconds(found["time"]))
    # The I flag is IKEv2's; IKEv1 has none there, so its first address decides.
    from_first = found["src"].to_numpy(object) == found["sa"].map(dict(zip(sas["sa"], sas["initiator"], strict=True)))
    v2 = found["version"].to_numpy("int64") >> 4 == 2
    found["from_initiator"] = np.where(v2, found["is_initiator"].to_numpy(bool), from_first.to_numpy(bool))
    found["asker"] = found["from_initiator"] != found["is_response"].to_numpy(bool)
    found = found.merge(_attempts(found, capture.exchanges), left_index=True, right_index=True, how="left")
    # A response repeats when the same bytes were sent before.
    same = ["sa", "from_initiator", "message_id", "is_response", "skf_number", "digest"]
    repeats = found.groupby(same, dropna=False, sort=False).cumcount().to_numpy("int64") + 1
    known = found["attempt"].fillna(0).to_numpy("int64")
    found["attempt"] = np.where(found["is_response"] | (known == 0), repeats, known)
    one = ["sa", "from_initiator", "message_id", "is_response", "attempt", "exchange_row"]
    skf = found["skf_total"].notna()
    # SKF fragments of one attempt belong together; any other message is a sending of its own.
    found["alone"] = np.where(skf, -1, np.arange(len(found)))
    found["sending"] = found.groupby([*one, "alone"], dropna=False, sort=False).ngroup().astype("int64")
    return pd.DataFrame(found)


def _attempts(found: Any, exchanges: Any) -> Any:
    """For each request that an exchange lists: which attempt it is, and the row of the exchange; index as ``found``."""
    import pandas as pd

    sent = pd.DataFrame(
        {
            "sa": exchanges["sa"].to_numpy("int64"),
            "message_id": exchanges["message_id"].to_numpy("int64"),
            "asker": (exchanges["sender"] == "initiator").to_numpy(bool),
            "exchange_row": np.arange(len(exchanges)),
            "stamp": list(exchanges["times"]),
        }
    ).explode("stamp")
    sent = sent[sent["stamp"].notna()]
    sent["stamp"] = _nanoseconds(pd.Series(pd.to_datetime(sent["stamp"].to_numpy(object), utc=True)))
    sent["attempt"] = sent.groupby("exchange_row").cumcount() + 1
    keys = ["sa", "message_id", "asker"]
    asked = found.loc[~found["is_response"], [*keys, "stamp"]].reset_index(names="at")
    asked = asked.sort_values("stamp", kind="stable")
    if not len(sent) or not len(asked):
        return pd.DataFrame({"attempt": [], "exchange_row": []})
    sent = sent.sort_values("stamp", kind="stable")
    return pd.merge_asof(asked, sent, on="stamp", by=keys).set_index("at")[["attempt", "exchange_row"]]


def _message_of_packet(packets: Any, messages: Any) -> Ints:
    """Row of the message that each packet carries a part of, by datagram or (TCP) by frame; -1 for none."""
    import pandas as pd

    carried = messages["datagram"].fillna(-1).to_numpy("int64")
    rows = np.arange(len(messages))
    by_datagram = pd.Series(rows[carried >= 0], index=carried[carried >= 0])
    by_frame = pd.Series(rows[carried < 0], index=messages["frame"].to_numpy("int64")[carried < 0])
    row = np.full(len(packets), -1, np.int64)
    numbers = (packets["datagram"].fillna(-2), packets["frame"])
    for table, wanted in zip((by_frame, by_datagram), numbers[::-1], strict=True):
        table = table[~table.index.duplicated()]
        at = table.index.get_indexer(pd.Index(wanted.to_numpy("int64")))
        row = np.where((at >= 0) & (row < 0), np.append(table.to_numpy("int64"), -1)[at], row)
    return row


def _marks(
    packets: Any, messages: Any, row: Ints, index: Ints, seconds: NDArray[np.float64], initiators: set[str]
) -> Marks:
    chosen, of = packets.iloc[index], row[index]

    def per_message(column: str, otherwise: int) -> Ints:
        return np.append(messages[column].fillna(otherwise).to_numpy("int64"), otherwise)[of]

    exchange = per_message("exchange", -1)
    kind = np.full(len(index), OTHER, np.int64)
    for number, position in _KIND_OF_EXCHANGE.items():
        kind[exchange == number] = position
    major = per_message("version", 0) >> 4
    kind[major == 1] = KINDS.index("IKEv1")
    kind[np.isin(chosen["protocol"].to_numpy("int64"), _ICMP_PROTOCOLS) & (of < 0)] = ICMP
    loose_up = chosen["src"].isin(initiators).to_numpy(bool)
    return Marks(
        seconds=seconds[index],
        size=chosen["ip_length"].to_numpy("int64"),
        kind=kind,
        to_responder=np.where(of >= 0, per_message("from_initiator", 0) == 1, loose_up),
        attempt=per_message("attempt", 1),
        datagram=chosen["datagram"].fillna(-1).to_numpy("int64"),
        sending=per_message("sending", -1),
        skf_number=per_message("skf_number", 0),
        skf_total=per_message("skf_total", 0),
        dropped=chosen["dropped_by_host"].fillna(False).to_numpy(bool),
    )


def _silences(exchanges: Any, messages: Any, first: int, sa: int | None) -> tuple[Silence, ...]:
    """The unanswered exchanges whose requests are drawn, by their marks' first and last second."""
    silent = exchanges["outcome"].to_numpy(object) == "unanswered"
    if sa is not None:
        silent &= exchanges["sa"].to_numpy("int64") == sa
    asked = messages[messages["exchange_row"].isin(np.flatnonzero(silent))]
    asked = asked.sort_values("stamp", kind="stable")
    times, sending = _seconds(asked["stamp"].to_numpy("int64"), first), asked["sending"].to_numpy("int64")
    found = []
    for positions in asked.groupby("exchange_row").indices.values():
        low, high = positions[0], positions[-1]
        found.append(Silence(float(times[low]), float(times[high]), int(sending[low]), int(sending[high])))
    return tuple(sorted(found, key=lambda s: s.start))
