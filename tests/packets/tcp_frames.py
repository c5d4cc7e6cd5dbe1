"""Frames of IKE in TCP for tests, built by hand after RFC 9329 section 3."""

from __future__ import annotations

from hypothesis import strategies as st

from analyzer.packets.tcp_framing import Flow, TcpRecord

CLIENT, SERVER = bytes([10, 0, 0, 2]), bytes([203, 0, 113, 7])
UP: Flow = (CLIENT, SERVER, 50_000, 4500)
DOWN: Flow = (SERVER, CLIENT, 4500, 50_000)
PREFIX = b"IKETCP"
KEEPALIVE = b"\0\3\xff"


def ike(length: int, fill: int = 0xAB) -> bytes:
    """An IKEv2 message of `length` bytes: SPIs, next payload 33, version 2.0, IKE_SA_INIT, flags, ID 0, length."""
    return (
        bytes(range(1, 9))
        + bytes(8)
        + b"\x21\x20\x22\x08"
        + bytes(4)
        + length.to_bytes(4, "big")
        + bytes([fill] * (length - 28))
    )


def framed(message: bytes) -> bytes:
    return (len(message) + 6).to_bytes(2, "big") + bytes(4) + message


def esp(length: int) -> bytes:
    return (length + 2).to_bytes(2, "big") + b"\xc0\xde\xca\xfe" + bytes(length - 4)


def brief(records: list[TcpRecord]) -> list[tuple[str, bytes, int]]:
    return [(record.kind, record.data, record.wire_length) for record in records]


#: What a side sends: kinds and frames.
MESSAGES = st.lists(
    st.one_of(
        st.integers(28, 90).map(lambda length: ("ike", framed(ike(length)))),
        st.integers(8, 60).map(lambda length: ("esp", esp(length))),
        st.just(("keepalive", KEEPALIVE)),
    ),
    max_size=8,
)
